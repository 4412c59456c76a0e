"""`metering dead-letters`: what was not counted, and why."""

import asyncio
from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.cli.output import AsJson, print_json, print_table
from metering.core.instants import format_instant
from metering.ports import DeadLetter

dead_letters = typer.Typer(no_args_is_help=True, help="Events that were set aside with a code.")

_SHOWN_ID: Final = 12
_SHOWN_BODY: Final = 2_000


@dead_letters.command("list")
def list_dead_letters(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what was set aside, newest first.

    Example:  metering dead-letters list --limit 20
    """
    letters = asyncio.run(bootstrap.current().dead_letters.list_dead_letters(limit))
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
