"""`metering audit`: who changed what."""

import json
from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.cli.options import instant, with_app
from metering.cli.output import AsJson, print_table, show, stdout
from metering.core.tenancy.audit import AuditEntry, Outcome, day_of
from metering.documents.tenancy import AuditDocument

#: Characters of a requested change in the table; --json has all of it.
_SHOWN: Final = 60


def audit(
    day: Annotated[
        str | None, typer.Option(help="A UTC day, such as 2026-11-20. Default: today.")
    ] = None,
    author: Annotated[str | None, typer.Option(help="Only changes by this author.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action: plan.set.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The most to show.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Show operators' changes on a day, by command and over HTTP, newest first.

    Each change has an entry before it (asked) and one after it (done, refused or failed). The
    author of a command is the identity that signed in to the store, or `cli:` and the user of the
    operating system.

    Example:  metering audit --day 2026-11-20 --action plan.set
    """
    at = None if day is None else instant(f"{day}T00:00:00Z", "--day")

    async def read(app: bootstrap.App) -> tuple[str, list[AuditEntry]]:
        of = day_of(app.clock.now() if at is None else at)
        return of, await _entries(app, of, author, action, limit)

    of, found = with_app(read)
    documents = [AuditDocument.model_validate(entry) for entry in found]
    show(documents, lambda: _print(of, documents), as_json=as_json)


async def _entries(
    app: bootstrap.App, day: str, author: str | None, action: str | None, limit: int
) -> list[AuditEntry]:
    found: list[AuditEntry] = []
    before: str | None = None
    while len(found) < limit:
        page = await app.audited.entries(day, before, limit)
        found += [
            one for one in page if author in {None, one.author} and action in {None, one.action}
        ]
        if len(page) < limit:
            break
        before = page[-1].id
    return found[:limit]


def _print(day: str, entries: list[AuditDocument]) -> None:
    if not entries:
        stdout().print(f"No changes on {day}.")
        return
    rows = [
        [entry.at, entry.author, entry.action, entry.resource, entry.outcome, _told(entry)]
        for entry in entries
    ]
    columns = ["time", "author", "action", "resource", "outcome", "change"]
    print_table(f"Changes on {day}", columns, rows, left=len(columns))


def _told(entry: AuditDocument) -> str:
    if entry.outcome == Outcome.DONE or entry.after is None:
        return ""
    text = json.dumps(entry.after, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
