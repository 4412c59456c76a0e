"""Plan changes: what holds for a whole period changes only from the start of one."""

from metering.core.errors import ConfigurationError
from metering.core.instants import Instant, format_instant
from metering.core.periods import month_of
from metering.core.plan import PERIOD_TERMS, Plan


def refuse_mid_period(what: str, old: Plan, new: Plan, effective: Instant) -> None:
    """Raise ConfigurationError where `new` follows `old` inside a period with other period terms.

    The charge of a ledger is worked out under the plan in force at its start.
    """
    period = month_of(effective)
    changed = [name for name in PERIOD_TERMS if getattr(old, name) != getattr(new, name)]
    if not changed or effective == period.start:
        return
    raise ConfigurationError(
        f"{what}: the {_change(changed[0], old, new)}: only at the start of a period, not at"
        f" {format_instant(effective)}; the next is {format_instant(period.end)}"
    )


def _change(name: str, old: Plan, new: Plan) -> str:
    before, after = getattr(old, name), getattr(new, name)
    if isinstance(before, str):
        return f"{name} changes from {before} to {after}"
    return f"{name} would be another"
