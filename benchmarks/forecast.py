"""The error of forecasts on simulated months, beside a straight line from their start.

The rule is that of metering/core/ledger/projection.py, called with hours as a head keeps them.
"""

from collections.abc import Callable, Iterator
from random import Random  # noqa: TID251, seeded: every run is the same
from statistics import mean
from typing import Final, NamedTuple

from benchmarks.timing import Progress
from metering.core.basics.instants import DAY, HOUR, Instant, parse_instant
from metering.core.basics.money import parse_amount
from metering.core.calendars.windows import Window
from metering.core.ledger.projection import Rhythm
from metering.core.plans.spikes import KEPT, Hours, with_spend
from metering.core.quotas.forecast import trend

#: Months that begin on each day of the week, so that no weekday is favoured.
FIRST: Final = parse_instant("2026-06-01T00:00:00Z")
STARTS: Final = tuple(FIRST + day * DAY for day in range(7))
DAYS: Final = 30
#: The ends of these days of the month are when forecasts are made.
MADE: Final = (1, 3, 7, 14, 21)
RUNS: Final = 20
_MILLI: Final = parse_amount("0.001")
#: Days of usage before the month.
_BEFORE: Final = 35


class Tenant(NamedTuple):
    """A kind of tenant: its mean spend at an instant, and when it begins."""

    name: str
    mean: Callable[[int], float]
    """Of an hour, by its number since Monday of the first week."""
    begins: int = -_BEFORE
    """The first day with usage, from the start of the month."""


def _office(hour: int) -> float:
    """Return the spend of office hours: a tenth of it by night and at weekends."""
    return 10.0 if hour // 24 % 7 < 5 and 8 <= hour % 24 < 19 else 1.0


def _growing(hour: int) -> float:
    return _office(hour) * float(1.03 ** (hour / 24))


def _doubled(hour: int) -> float:
    return _office(hour) * (1 if hour < -7 * 24 else 2)


TENANTS: Final = (
    Tenant("even", lambda _: 5.0),
    Tenant("weekday rhythm", _office),
    Tenant("growth of 3 % a day", _growing),
    Tenant("doubled a week before", _doubled),
    Tenant("new on the first day", _office, 0),
    Tenant("new for ten days", _office, -10),
)


def _spends(tenant: Tenant, start: Instant, random: Random) -> Iterator[tuple[Instant, int]]:
    """Yield the spend of each hour: about the mean, each by chance (log-normal, half as much)."""
    for hour in range(tenant.begins * 24, DAYS * 24):
        time = start + hour * HOUR
        level = tenant.mean((time - FIRST) // HOUR) * random.lognormvariate(-0.125, 0.5)
        yield time, round(level * 1_000) * _MILLI


def errors(tenant: Tenant, start: Instant, random: Random) -> Iterator[tuple[int, float, float]]:
    """Yield the days passed, and the relative errors of forecast and straight line then."""
    window = Window(start, start + DAYS * DAY)
    spends = list(_spends(tenant, start, random))
    end = sum(spend for time, spend in spends if time >= start)
    for day in MADE:
        at = start + day * DAY
        used = sum(spend for time, spend in spends if start <= time < at)
        before = [(time, spend) for time, spend in spends if time < at]
        rhythm = Rhythm.of(with_spend(Hours(), before, KEPT), "UTC", at)
        by_rhythm = trend(used, window, at, rhythm, spend=True).projected
        by_line = trend(used, window, at).projected
        yield day, by_rhythm / end - 1, by_line / end - 1


def _worst(found: list[float]) -> float:
    return max(found, key=lambda error: error**2)


def forecast_document(progress: Progress, runs: int = RUNS) -> dict[str, object]:
    """Return for each kind of tenant and day the mean and largest errors, in percent."""
    rows = []
    for tenant in TENANTS:
        progress(f"forecasts: {runs * len(STARTS)} months, {tenant.name}")
        random = Random(tenant.name)  # noqa: S311, traffic of a simulation
        found = [
            one for start in STARTS for _ in range(runs) for one in errors(tenant, start, random)
        ]
        for day in MADE:
            ours: list[float] = [100 * error for of, error, _ in found if of == day]
            line: list[float] = [100 * error for of, _, error in found if of == day]
            rows.append(
                {
                    "tenant": tenant.name,
                    "after_days": str(day),
                    "forecast_mean_error_percent": round(mean(map(abs, ours)), 1),
                    "forecast_worst_percent": round(_worst(ours), 1),
                    "line_mean_error_percent": round(mean(map(abs, line)), 1),
                    "line_worst_percent": round(_worst(line), 1),
                    "met": mean(map(abs, ours)) <= mean(map(abs, line)),
                }
            )
    return {"forecasts": rows}
