"""Refusals of changes that would take something from its owner."""

from collections.abc import Sequence
from typing import Final

from metering.core.basics.errors import ConfigurationError

#: Owners that a refusal names.
_NAMED: Final = 5


def belongs(what: str, owner: str, to: str) -> ConfigurationError:
    """Return the error for something that would change hands without having been told to."""
    return ConfigurationError(f"{what} belongs to {owner}: give --move to move it {to}")


def in_use(plan_id: str, tenants: Sequence[str]) -> ConfigurationError:
    """Return the error for new terms of a plan that other tenants are on."""
    names = ", ".join(tenants[:_NAMED]) + (" and others" if len(tenants) > _NAMED else "")
    return ConfigurationError(
        f"plan {plan_id!r} is in use by {names}: give --move to change their terms too"
    )
