"""One meaning of "this machine", and one form of identifiers."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

import metering
from metering.core.basics.patterns import is_loopback


@pytest.mark.parametrize(
    "url", ["http://localhost", "http://127.0.0.1:8080/x", "http://[::1]:1/", "http://LOCALHOST"]
)
def test_plain_http_to_this_machine_is_loopback(url: str) -> None:
    assert is_loopback(urlsplit(url))


@pytest.mark.parametrize(
    "url", ["https://localhost", "http://example.com", "http://127.0.0.1.example.com", "localhost"]
)
def test_every_other_url_is_not(url: str) -> None:
    assert not is_loopback(urlsplit(url))


def test_each_form_is_written_in_one_place() -> None:
    """A copy of a form drifts: the same URL was local to one adapter and foreign to another."""
    forms = ("{1,64}$", "[A-Za-z0-9._-]{1,64}", "{8}(-[0-9a-f]{4}){3}", '"127.0.0.1", "::1"')
    package = Path(metering.__file__).parent
    copies = {
        (form, str(path.relative_to(package)))
        for path in package.rglob("*.py")
        for form in forms
        if form in path.read_text(encoding="utf-8")
    } - {(form, "core/basics/patterns.py") for form in forms}
    assert copies == ALLOWED


#: The beginning of a dead letter's id is another form.
ALLOWED = {("{1,64}$", "api/routes/dead_letters.py")}
