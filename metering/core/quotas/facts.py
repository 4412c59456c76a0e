"""Facts that verdicts depend on beside plan and counts: prices, deployments, credit."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from metering.core.allocation.accrued import NOTHING_ACCRUED, Accrued
from metering.core.quotas.ladder import Ladder


class Unpaid(NamedTuple):
    """The usage a prepaid tenant has no credit left for."""

    everything: bool = False
    models: frozenset[str] = frozenset()
    """Models of a billing channel without a usable grant."""

    def of(self, model: str) -> bool:
        """Return whether a model is unpaid."""
        return self.everything or model in self.models


ALL_PAID: Final = Unpaid()


class UnknownDeployments(StrEnum):
    """The rule for deployments whose model is not known, where limits depend on it."""

    BY_PLAN = "by_plan"
    """Blocked where the plan lists models or blocks those without a price; else allowed."""
    ALLOW = "allow"
    BLOCK = "block"


class Facts(NamedTuple):
    """Facts beside plan and counts that verdicts depend on."""

    known_models: frozenset[str] = frozenset()
    """Models with a price; used if the plan blocks models without one."""
    deployments: Mapping[str, str] = MappingProxyType({})
    """The model of each deployment: clients name deployments, plans name models."""
    learnt: Mapping[str, str] = MappingProxyType({})
    """The model that deployments turned out to serve which are not registered."""
    unknown: UnknownDeployments = UnknownDeployments.BY_PLAN
    ladder: Ladder = Ladder()
    """The models that may take the place of others."""
    unpaid: Unpaid = ALL_PAID
    accrued: Accrued = NOTHING_ACCRUED
    """The tenant's share of deployments paid by the hour, as last worked out."""
