"""`metering anchors`: digests of the store, kept where nobody can change them."""

import typer

from metering import bootstrap
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_table, show, stdout
from metering.core.anchors.anchor import Anchor
from metering.core.basics.instants import format_instant
from metering.core.basics.wording import plural
from metering.documents.reports.anchors import AnchorDocument

anchors = typer.Typer(
    no_args_is_help=True,
    help="Digests over all ledgers, statements and records, kept outside the store"
    " (METERING_ANCHORS).",
)


@anchors.command("write")
def write_anchor(as_json: AsJson = False) -> None:
    """Write an anchor of the store as it is now.

    The timer does so every day, and every close at its end. Keep a copy of the file `anchor.json`
    where nobody of this installation can write: it proves every ledger, statement and record.

    Example:  metering anchors write
    """
    anchor = with_app(lambda app: app.anchors.write())
    show(AnchorDocument.of(anchor), lambda: _print_one(anchor), as_json=as_json)


def _print_one(anchor: Anchor) -> None:
    stdout().print(
        f"anchor {anchor.name}: {plural(anchor.leaves, 'leaf', 'leaves')}, root {anchor.root}"
    )


@anchors.command("list")
def list_anchors(as_json: AsJson = False) -> None:
    """List the anchors, the earliest first.

    Example:  metering anchors list --json
    """

    async def read(app: bootstrap.App) -> list[Anchor]:
        return [anchor async for anchor, _ in app.anchors.every()]

    found = with_app(read)
    rows = [(format_instant(one.made), count(one.leaves), one.root) for one in found]
    columns = ["made", "leaves", "root"]
    show(
        [AnchorDocument.of(one) for one in found],
        lambda: print_table("Anchors", columns, rows),
        as_json=as_json,
    )
