"""Pages from auto-escaping templates under a strict content security policy."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

from fastapi import Response
from jinja2 import Environment, PackageLoader, StrictUndefined

#: Only resources of this app: no inline script or style, no frames, no other origin. Trusted types
#: keep our scripts from turning text, such as a tenant's name, into markup.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
_TYPES: Final = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


class Asset(NamedTuple):
    """A file of the dashboard."""

    content: bytes
    media_type: str
    tag: str


def page(template: str, values: Mapping[str, object], status: int = 200) -> Response:
    """Return a page. It is not cached, because it names the signed-in caller."""
    return Response(
        _templates().get_template(f"{template}.html").render(**values),
        status,
        {"Content-Security-Policy": POLICY, "Cross-Origin-Opener-Policy": "same-origin"},
        media_type="text/html",
    )


@cache
def _templates() -> Environment:
    loader = PackageLoader("metering.api.dashboard", "pages")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined)


@cache
def assets() -> dict[str, Asset]:
    """Return the files of the dashboard by name."""
    found = {}
    here = resources.files("metering.api.dashboard")
    for folder in ("assets", "vendor"):
        for file in (here / folder).iterdir():
            media_type = _TYPES.get(file.name.rpartition(".")[2])
            if media_type is not None:
                content = file.read_bytes()
                tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
                found[file.name] = Asset(content, media_type, tag)
    return found
