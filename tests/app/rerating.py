"""Re-rating as a process that has just started has it."""

from typing import Any

from metering.app.prices.rerate import PriceUnpriced, Rerate


def rerate(system: Any) -> Rerate:
    return Rerate(
        ledgers=system.store,
        tenancy=system.tenancy,
        committer=system.committer,
        clock=system.clock,
    )


def timer(system: Any) -> PriceUnpriced:
    return PriceUnpriced(
        ledgers=system.store,
        tenancy=system.tenancy,
        rerate=rerate(system),
        alerts=system.alerts,
    )
