"""`metering digest`: the digest of the last week, as it would be sent."""

from pathlib import Path
from typing import Annotated

import typer

from metering import bootstrap
from metering.cli.options import must_know, with_app
from metering.cli.output import AsJson, escape, show, stdout
from metering.core.digests.digest import Digest, digest_json


def digest(
    tenant: Annotated[
        str | None, typer.Option(help="The digest of this tenant. Default: the operators'.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the HTML of the mail to this file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the digest of the last week, as it would be sent. Nothing is sent.

    A week is from Monday to Sunday in UTC. Amounts are those of the requests, before plan terms.

    Example:  metering digest --tenant acme --html digest.html
    """

    async def read(app: bootstrap.App) -> Digest:
        if tenant is not None:
            await must_know(app, tenant)
            return await app.digests.of(tenant)
        return app.digests.of_operators(*await app.digests.all())

    async def made(app: bootstrap.App) -> tuple[Digest, str, str]:
        found = await read(app)
        mail = app.digests.render(found)
        return found, mail.html, mail.text

    found, page, text = with_app(made)
    if html is not None:
        html.write_text(page, encoding="utf-8", newline="")
    show(digest_json(found), lambda: _print(text), as_json=as_json)


def _print(text: str) -> None:
    console = stdout()
    for line in text.splitlines():
        console.print(escape(line))
