"""`metering dead-letters`: events that were not counted, and why."""

from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.app.ingest.dead_letters import MAX_DEAD_LETTERS
from metering.cli.auditing import changing
from metering.cli.ingest.ingest import report
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_table, show, stdout
from metering.documents.ingest import (
    MAX_BODY,
    MAX_LISTED_BODY,
    DeadLetterDocument,
    DeadLetterReplay,
    RecountedDeadLetters,
)
from metering.ports import DeadLetter

dead_letters = typer.Typer(
    no_args_is_help=True, help="Events that could not be counted, each with a code."
)

_ID_WIDTH: Final = 12

Code = Annotated[str | None, typer.Option("--code", help="Only letters with this code.")]
Ids = Annotated[list[str] | None, typer.Argument(help="An id or the start of one. Repeatable.")]
All = Annotated[bool, typer.Option("--all", help="All letters, or all with --code.")]


@dead_letters.command("list")
def list_dead_letters(
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_DEAD_LETTERS, help="At most this many.")
    ] = 50,
    code: Code = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest first.

    Example:  metering dead-letters list --code id_conflict
    """
    letters = with_app(lambda app: app.dead_letters.latest(limit, code))
    found = [DeadLetterDocument.of(letter, body_bytes=MAX_LISTED_BODY) for letter in letters]
    rows = [
        [one.id[:_ID_WIDTH], one.code, one.reason, f"{one.partition}/{one.sequence}", one.received]
        for one in found
    ]
    columns = ["id", "code", "reason", "from", "received"]
    show(found, lambda: print_table("Dead letters", columns, rows, left=5), as_json=as_json)


@dead_letters.command("show")
def show_dead_letter(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="The id or the start of it.")],
    as_json: AsJson = False,
) -> None:
    """Show a letter with its body.

    Example:  metering dead-letters show 6f0c1a
    """
    letter = with_app(lambda app: app.dead_letters.one(letter_id))
    found = DeadLetterDocument.of(letter, body_bytes=MAX_BODY)
    rows = [[name, str(value)] for name, value in found]
    title = f"Dead letter {letter.id[:_ID_WIDTH]}"
    show(found, lambda: print_table(title, ["field", "value"], rows, left=2), as_json=as_json)


@dead_letters.command("replay")
def replay_dead_letters(
    ids: Ids = None, every: All = False, code: Code = None, as_json: AsJson = False
) -> None:
    """Replay letters. Events that can be counted now are counted, and their letters deleted.

    Safe to repeat. Exit status 1 if any event is rejected again.

    Example:  metering dead-letters replay --code unknown_subscription --all
    """

    async def replay(app: bootstrap.App) -> DeadLetterReplay:
        letters = await _chosen(app, ids, code, every=every)
        return DeadLetterReplay.of_letters(len(letters), await app.dead_letters.replay(letters))

    wanted = {"ids": ids, "every": every, "code": code}
    found = changing("dead_letters.replay", "dead-letters", wanted, replay)
    report(found, as_json=as_json)
    if found.rejected:
        raise typer.Exit(1)


@dead_letters.command("recount")
def recount_dead_letters(as_json: AsJson = False) -> None:
    """Count all letters anew. A crash between a letter and its count leaves the count too low.

    It reads every letter. Safe to repeat; letters that arrive meanwhile may need a second run.

    Example:  metering dead-letters recount
    """
    recounted = changing(
        "dead_letters.recount", "dead-letters", {}, lambda app: app.dead_letters.recount()
    )
    found = RecountedDeadLetters.model_validate(recounted)
    rows = [
        [code, count(found.before.get(code, 0)), count(found.after.get(code, 0))]
        for code in sorted(found.before.keys() | found.after.keys())
    ]
    columns = ["code", "remembered", "counted"]
    show(found, lambda: print_table("Dead letters", columns, rows, left=1), as_json=as_json)


@dead_letters.command("drop")
def drop_dead_letters(ids: Ids = None, every: All = False, code: Code = None) -> None:
    """Delete letters without counting them.

    Example:  metering dead-letters drop 6f0c1a
    """

    async def drop(app: bootstrap.App) -> int:
        letters = await _chosen(app, ids, code, every=every)
        await app.dead_letters.drop(letters)
        return len(letters)

    wanted = {"ids": ids, "every": every, "code": code}
    dropped = changing("dead_letters.drop", "dead-letters", wanted, drop)
    stdout().print(f"{count(dropped)} dropped")


async def _chosen(
    app: bootstrap.App, ids: list[str] | None, code: str | None, *, every: bool
) -> list[DeadLetter]:
    if bool(ids) == every:
        raise typer.BadParameter("give either ids or --all, with or without --code")
    if ids:
        return [await app.dead_letters.one(prefix) for prefix in ids]
    return await app.dead_letters.latest(MAX_DEAD_LETTERS, code)
