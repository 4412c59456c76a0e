"""The use cases that read ledgers: balances, breakdowns and rollups."""

from functools import cached_property
from typing import TYPE_CHECKING

from metering.app.reports.breakdowns import Breakdowns
from metering.app.reports.compare import Compare
from metering.app.reports.overview import Overview
from metering.app.reports.read import Read
from metering.app.reports.roll_up import RollUp
from metering.app.reports.tenant_board import TenantBoard
from metering.app.reports.unit_economics import UnitEconomics
from metering.bootstrap.base import Base

if TYPE_CHECKING:
    from metering.app.reports.requests import Requests


class Reading:
    """Read ledgers."""

    def __init__(self, base: Base) -> None:
        self._base = base

    @cached_property
    def read(self) -> Read:
        """Balances and breakdowns."""
        base = self._base
        breakdowns = Breakdowns(
            store=base.ledgers, rollups=base.stores.rollups, executor=base.executor
        )
        return Read(base.ledgers, breakdowns, base.tenancy, base.clock, base.executor)

    @cached_property
    def compare(self) -> Compare:
        """Periods, each beside the one before."""
        return Compare(self.read, self._base.tenancy, self._base.clock)

    @cached_property
    def requests(self) -> "Requests":
        """The requests behind a figure."""
        # A balance, which most commands of this wing read, needs none of it.
        from metering.app.reports.requests import Requests

        return Requests(self._base.ledgers, self._base.tenancy)

    @cached_property
    def unit_economics(self) -> UnitEconomics:
        """The cost of outcomes."""
        return UnitEconomics(self.read, self._base.tenancy, self._base.clock)

    @cached_property
    def overview(self) -> Overview:
        """All tenants at a glance."""
        return Overview(
            ledgers=self._base.ledgers,
            tenancy=self._base.tenancy,
            credit=self._base.credits,
            accruals=self._base.accruals,
            before=self._base.ledgers_before,
            clock=self._base.clock,
        )

    @cached_property
    def tenant_board(self) -> TenantBoard:
        """All tenants, filtered, sorted and summed up."""
        base = self._base
        board = TenantBoard(overview=self.overview, tenancy=base.tenancy, clock=base.clock)
        base.closing.append(board.close)
        return board

    @cached_property
    def roll_up(self) -> RollUp:
        """Keep usage by day and dimension at hand."""
        base = self._base
        return RollUp(base.ledgers, base.stores.rollups, base.alerts, base.executor)
