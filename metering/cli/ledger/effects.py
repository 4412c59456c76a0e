"""`metering effects`: notifications that wait for delivery, or were given up."""

from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.cli.auditing import changing
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, plural, print_table, show, stdout
from metering.core.basics.instants import format_instant
from metering.core.ledger.effect import describe
from metering.documents.ledger.effects import EffectDocument
from metering.ports import StoredEffect

effects = typer.Typer(
    no_args_is_help=True, help="Notifications that commits left for delivery (the outbox)."
)

_MOST: Final = 10_000


@effects.command("list")
def list_effects(
    parked: Annotated[
        bool, typer.Option("--parked", help="Only effects that were given up.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="At most this many of each.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List effects that wait for delivery, the next one first, then those given up.

    Example:  metering effects list --parked
    """

    async def read(app: bootstrap.App) -> list[StoredEffect]:
        waiting = [] if parked else await app.deliver_effects.waiting(limit)
        return waiting + await app.deliver_effects.parked(limit)

    found = with_app(read)
    rows = [
        [
            stored.effect.id,
            describe(stored.effect),
            "given up" if stored.due is None else format_instant(stored.due),
            count(stored.attempts),
            stored.failure or "-",
        ]
        for stored in found
    ]
    columns = ["effect", "message", "next attempt", "attempts", "last failure"]
    documents = [EffectDocument.of(stored) for stored in found]
    show(documents, lambda: print_table("Effects", columns, rows, left=5), as_json=as_json)


@effects.command("retry")
def retry_effects() -> None:
    """Schedule one more attempt for each effect that was given up.

    Example:  metering effects retry
    """
    again = changing("effects.retry", "effects", {}, lambda app: app.deliver_effects.retry_parked())
    stdout().print(f"{plural(again, 'effect')} scheduled again")
