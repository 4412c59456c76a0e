"""`metering digest`: the digest of last week, as it would be sent."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

#: A Monday; the week before has the event of conftest's 20 November.
MONDAY = {"METERING_NOW": "2026-11-23T06:00:00Z"}


def test_the_digest_is_printed_by_line_and_written_as_html(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"))

    ran = metering.run("digest", "--tenant", "acme", "--html", "digest.html", settings=MONDAY)

    assert ran.code == 0
    lines = ran.stdout.splitlines()
    assert lines[0] == "Usage in week 2026-W47: acme"
    # gpt-4o: 1,000 tokens in at 2.50 and 100 out at 10 USD a million, which is 0.0035.
    assert "Spend: 0.0035 USD (new)" in lines
    page = (metering.folder / "digest.html").read_text()
    assert "nothing in the week before" in page
    assert metering.run("digest", "--json", settings=MONDAY).json["week"] == "2026-W47"


def test_the_digest_of_an_unknown_tenant_is_refused_by_name(metering: "Metering") -> None:
    ran = metering.run("digest", "--tenant", "nobody")

    assert (ran.code, ran.stdout) == (1, "")
    assert "unknown tenant 'nobody'" in ran.stderr
