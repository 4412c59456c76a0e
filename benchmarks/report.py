"""What a run found: figures beside their goals, as tables and as JSON."""

import os
import platform
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from benchmarks.charged import Charged
from benchmarks.cost_report import cost_json, print_cost
from benchmarks.timing import REPEATS, Measured
from metering.cli.output import print_table, stdout

#: By short name: the event rate as a share of that of validation alone, at least.
COUNTING_GOALS: Final = {"core": 0.4, "durable": 0.3, "durable_mixed": 0.3}
#: How many times as long as metering a library takes to rate one request, at least.
RATING_GOAL: Final = 25.0

_METERING: Final = "metering"
_VALIDATION: Final = "validation"
_PARTS: Final = frozenset({"sealing"})


class Line(NamedTuple):
    """One measurement; `ratio` is its event rate beside validation's, or its time beside ours.

    What is only a part of another measurement has none.
    """

    measured: Measured
    ratio: float | None
    goal: float | None


class Report(NamedTuple):
    """A whole run."""

    counting: dict[str, Line]
    rating: dict[str, Line]
    cost: Mapping[str, Charged]
    missing: Sequence[str]
    """Packages that are not installed: what needs them was left out."""


def report(
    counting: Mapping[str, Measured],
    rating: Mapping[str, Measured],
    cost: Mapping[str, Charged],
    missing: Sequence[str],
) -> Report:
    """Return the figures with their ratios and goals."""
    validation, ours = counting[_VALIDATION], rating[_METERING]
    return Report(
        {
            key: Line(
                found,
                None if key in _PARTS else found.rate / validation.rate,
                COUNTING_GOALS.get(key),
            )
            for key, found in counting.items()
        },
        {
            key: Line(
                found,
                found.microseconds / ours.microseconds,
                None if key == _METERING else RATING_GOAL,
            )
            for key, found in rating.items()
        },
        cost,
        missing,
    )


def as_json(found: Report) -> dict[str, object]:
    """Return a report as a JSON value."""
    return {
        "machine": machine(),
        "passes": REPEATS,
        "counting": {key: _line_json(line) for key, line in found.counting.items()},
        "rating": {key: _line_json(line) for key, line in found.rating.items()},
        "cost": cost_json(found.cost),
        "not_installed": list(found.missing),
    }


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    return {
        "python": platform.python_version(),
        "optimised": _is_optimised(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
    }


def _is_optimised() -> bool | None:
    """Say whether Python was compiled with its own profile; None where it does not tell.

    Without, Python code takes longer and pydantic's compiled code hardly does: ratios are lower.
    """
    arguments = sysconfig.get_config_var("CONFIG_ARGS")
    return None if arguments is None else "--enable-optimizations" in arguments


def _line_json(line: Line) -> dict[str, object]:
    return {
        "name": line.measured.name.strip(),
        "batch": line.measured.batch,
        "events": line.measured.events,
        "events_per_second": round(line.measured.rate),
        "microseconds_per_event": round(line.measured.microseconds, 3),
        "ratio": None if line.ratio is None else round(line.ratio, 3),
        "goal": line.goal,
    }


def print_report(found: Report) -> None:
    """Print a report for people."""
    on = ", ".join(f"{key} {value}" for key, value in machine().items())
    stdout().print(f"best of {REPEATS} passes, one core; {on}")
    columns = ("", "batch", "events/s", "us an event", "ratio", "goal", "")
    lines = found.counting.values()
    print_table("Counting: event rate beside validation alone", columns, _rows(lines, 2), left=2)
    columns = ("", "batch", "requests/s", "us a request", "times as long", "goal", "")
    lines = found.rating.values()
    print_table("Rating: time of one request beside ours", columns, _rows(lines, 1), left=2)
    if found.cost:
        print_cost(found.cost)
    for package in found.missing:
        stdout().print(f"{package}: not installed")


def _rows(lines: Iterable[Line], decimals: int) -> list[list[str]]:
    return [
        [
            line.measured.name,
            line.measured.batch,
            f"{line.measured.rate:,.0f}",
            f"{line.measured.microseconds:.2f}",
            "" if line.ratio is None else f"{line.ratio:.{decimals}f}",
            *_verdict(line),
        ]
        for line in lines
    ]


def _verdict(line: Line) -> tuple[str, str]:
    """Return a line's goal and whether it was reached, in words."""
    if line.goal is None or line.ratio is None:
        return "", ""
    return f"at least {line.goal:g}", "met" if line.ratio >= line.goal else "missed"
