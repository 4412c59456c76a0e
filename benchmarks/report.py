"""The figures of a whole run beside their goals: counting, rating and request units."""

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.charged import Charged
from benchmarks.timing import REPEATS, Measured

#: By short name: the event rate as a share of that of validation alone, at least.
COUNTING_GOALS: Final = {"core": 0.4, "durable": 0.3, "durable_mixed": 0.3}
#: The time that a library takes to rate one request, as a multiple of metering's, at least.
RATING_GOAL: Final = 25.0
#: Request units for 1,000 events, at most.
COST_GOALS: Final = {"one_writer_200": 250.0}
#: Request units that the usual design was expected to cost before it was measured.
_EXPECTED_COST: Final = {"usual_requests": 16_500.0}

_METERING: Final = "metering"
_VALIDATION: Final = "validation"
_USUAL: Final = "usual_requests"
#: Parts of other measurements, which have no ratio of their own.
_PARTS: Final = frozenset({"sealing"})


def report(
    counting: Mapping[str, Measured],
    rating: Mapping[str, Measured],
    cost: Mapping[str, Charged],
    missing: Sequence[str],
) -> dict[str, object]:
    """Return the figures with their ratios and goals; `missing` names packages not installed."""
    validation, ours = counting[_VALIDATION].rate, rating[_METERING].microseconds
    return {
        "passes": REPEATS,
        "counting": {
            key: _timed(
                one, None if key in _PARTS else one.rate / validation, COUNTING_GOALS.get(key)
            )
            for key, one in counting.items()
        },
        "rating": {
            key: _timed(one, one.microseconds / ours, None if key == _METERING else RATING_GOAL)
            for key, one in rating.items()
        },
        "cost": {key: _charged(key, one, cost[_USUAL]) for key, one in cost.items()},
        "not_installed": list(missing),
    }


def _timed(measured: Measured, ratio: float | None, goal: float | None) -> dict[str, object]:
    """Return a line; `ratio` is its rate beside validation's, or its time beside metering's."""
    return {
        "name": measured.name.strip(),
        "batch": measured.batch,
        "events": measured.events,
        "events_per_second": round(measured.rate),
        "microseconds_per_event": round(measured.microseconds, 3),
        "ratio": None if ratio is None else round(ratio, 3),
        "goal": goal,
        "met": None if ratio is None or goal is None else ratio >= goal,
    }


def _charged(key: str, line: Charged, usual: Charged) -> dict[str, object]:
    goal = COST_GOALS.get(key)
    return {
        "name": line.name,
        "batch": line.batch_size,
        "events": line.events,
        "ru_per_1000_events": round(line.per_thousand, 1),
        "writes": round(line.part("writes"), 1),
        "refused_writes": round(line.part("refused"), 1),
        "reads": round(line.part("reads"), 1),
        "share_of_usual_design": round(line.per_thousand / usual.per_thousand, 3),
        "expected": _EXPECTED_COST.get(key),
        "goal": goal,
        "met": None if goal is None else line.per_thousand <= goal,
    }
