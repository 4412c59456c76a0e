"""`metering effects`: what the outside is still to be told, and what was given up."""

from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_json, print_table, stdout
from metering.core.basics.instants import format_instant
from metering.core.ledger.effect import describe
from metering.ports import StoredEffect

effects = typer.Typer(no_args_is_help=True, help="What commits left to be told outside.")

_MOST: Final = 10_000


@effects.command("list")
def list_effects(
    parked: Annotated[
        bool, typer.Option("--parked", help="Only those that were given up.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="At most this many of each.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what is still to be delivered, the next one first, then what was given up.

    Example:  metering effects list --parked
    """

    async def read(app: bootstrap.App) -> list[StoredEffect]:
        waiting = [] if parked else await app.deliver_effects.waiting(limit)
        return waiting + await app.deliver_effects.parked(limit)

    found = with_app(read)
    if as_json:
        print_json([_effect_json(stored) for stored in found])
        return
    print_table(
        "Effects",
        ["effect", "says", "next attempt", "attempts", "last failure"],
        [
            [
                stored.effect.id,
                describe(stored.effect),
                "given up" if stored.due is None else format_instant(stored.due),
                count(stored.attempts),
                stored.failure or "-",
            ]
            for stored in found
        ],
        left=5,
    )


@effects.command("retry")
def retry_effects() -> None:
    """Make what was given up due again, for one more attempt each.

    Example:  metering effects retry
    """
    again = with_app(lambda app: app.deliver_effects.retry_parked())
    stdout().print(f"{count(again)} due again")


def _effect_json(stored: StoredEffect) -> dict[str, object]:
    effect = stored.effect
    return {
        "key": effect.key,
        "ledger": str(effect.ledger),
        "kind": effect.kind,
        "detail": effect.detail,
        "text": describe(effect),
        "created": format_instant(effect.created),
        "due": None if stored.due is None else format_instant(stored.due),
        "parked": stored.due is None,
        "attempts": stored.attempts,
        "failure": stored.failure or None,
    }
