"""`metering dead-letters`: what was not counted, why, and what becomes of it."""

from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.app.ingest.dead_letters import MAX_LETTERS
from metering.app.ingest.ingest import Tally
from metering.cli.ingest.ingest import report
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_json, print_table, stdout
from metering.core.basics.instants import format_instant
from metering.ports import DeadLetter

dead_letters = typer.Typer(no_args_is_help=True, help="Events that were set aside with a code.")

_SHOWN_ID: Final = 12
_SHOWN_BODY: Final = 2_000

Code = Annotated[str | None, typer.Option("--code", help="Only letters with this code.")]
Ids = Annotated[
    list[str] | None, typer.Argument(help="The beginning of an id; several may be given.")
]
All = Annotated[bool, typer.Option("--all", help="All of them (of --code, if that is given).")]


@dead_letters.command("list")
def list_dead_letters(
    limit: Annotated[int, typer.Option(min=1, max=MAX_LETTERS, help="At most this many.")] = 50,
    code: Code = None,
    as_json: AsJson = False,
) -> None:
    """List what was set aside, newest first.

    Example:  metering dead-letters list --code id_conflict
    """
    letters = with_app(lambda app: app.dead_letters.latest(limit, code))
    if as_json:
        print_json([_letter_json(letter) for letter in letters])
        return
    print_table(
        "Dead letters",
        ["id", "code", "reason", "from", "received"],
        [
            [
                letter.id[:_SHOWN_ID],
                letter.code,
                letter.reason,
                f"{letter.partition}/{letter.sequence}",
                format_instant(letter.received),
            ]
            for letter in letters
        ],
        left=5,
    )


@dead_letters.command("show")
def show_dead_letter(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="The beginning of its id.")],
    as_json: AsJson = False,
) -> None:
    """Show one letter with its body.

    Example:  metering dead-letters show 6f0c1a
    """
    letter = with_app(lambda app: app.dead_letters.one(letter_id))
    shown = _letter_json(letter)
    if as_json:
        print_json(shown)
        return
    rows = [[name, str(value)] for name, value in shown.items()]
    print_table(f"Dead letter {letter.id[:_SHOWN_ID]}", ["field", "value"], rows, left=2)


@dead_letters.command("replay")
def replay_dead_letters(
    ids: Ids = None, every: All = False, code: Code = None, as_json: AsJson = False
) -> None:
    """Send letters again: what can be counted now is, and its letter goes.

    Doing it twice changes nothing. Exit status 1 if any is refused again.

    Example:  metering dead-letters replay --code unknown_subscription --all
    """

    async def replay(app: bootstrap.App) -> Tally:
        return await app.dead_letters.replay(await _chosen(app, ids, code, every=every))

    tally = with_app(replay)
    report(tally, as_json=as_json)
    if tally.rejected:
        raise typer.Exit(1)


@dead_letters.command("drop")
def drop_dead_letters(ids: Ids = None, every: All = False, code: Code = None) -> None:
    """Forget letters without counting them.

    Example:  metering dead-letters drop 6f0c1a
    """

    async def drop(app: bootstrap.App) -> int:
        letters = await _chosen(app, ids, code, every=every)
        await app.dead_letters.drop(letters)
        return len(letters)

    stdout().print(f"{count(with_app(drop))} dropped")


async def _chosen(
    app: bootstrap.App, ids: list[str] | None, code: str | None, *, every: bool
) -> list[DeadLetter]:
    if bool(ids) == every:
        raise typer.BadParameter("give ids, or --all (with --code or without)")
    if ids:
        return [await app.dead_letters.one(prefix) for prefix in ids]
    return await app.dead_letters.latest(MAX_LETTERS, code)


def _letter_json(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id,
        "code": letter.code,
        "reason": letter.reason,
        "hub": letter.hub,
        "partition": letter.partition,
        "sequence": letter.sequence,
        "received": format_instant(letter.received),
        "body": letter.body[:_SHOWN_BODY].decode(errors="replace"),
        "body_bytes": len(letter.body),
    }
