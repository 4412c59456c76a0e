"""A grown ledger beside its goals, as a table and as JSON."""

from typing import Final

from benchmarks.growth import Grown
from benchmarks.report import machine
from metering.cli.output import print_table, stdout

#: The rate of the last tenth beside that of the first, at least.
RATIO_GOAL: Final = 0.8
#: The most that the process may hold, in MB.
MEMORY_GOAL: Final = 300.0


def growth_json(found: Grown) -> dict[str, object]:
    """Return what was found as a JSON value."""
    return {
        "machine": machine(),
        "growth": {
            "entries": found.entries,
            "events_per_second_by_tenth": [round(rate) for rate in found.rates],
            "cpu_microseconds_per_event_by_tenth": [
                round(computed, 2) for computed in found.cpu_microseconds
            ],
            "ratio": round(found.ratio, 3),
            "goal": RATIO_GOAL,
            "peak_memory_mb": round(found.memory, 1),
            "peak_memory_goal_mb": MEMORY_GOAL,
        },
    }


def print_growth(found: Grown) -> None:
    """Print what was found for people."""
    stdout().print(", ".join(f"{key} {value}" for key, value in machine().items()))
    tenth = found.entries // len(found.rates)
    rows = [
        [
            f"entries {position * tenth + 1:,} to {(position + 1) * tenth:,}",
            f"{rate:,.0f}",
            f"{computed:.1f}",
            f"{rate / found.rates[0]:.2f}",
            *("", ""),
        ]
        for position, (rate, computed) in enumerate(
            zip(found.rates, found.cpu_microseconds, strict=True)
        )
    ]
    rows[-1][4:] = [f"at least {RATIO_GOAL:g}", _word(met=found.ratio >= RATIO_GOAL)]
    columns = ("", "events/s", "CPU us an event", "beside the first", "goal", "")
    print_table(f"Growth: one ledger of {found.entries:,} entries", columns, rows)
    word = _word(met=found.memory < MEMORY_GOAL)
    stdout().print(
        f"peak memory of the process: {found.memory:.0f} MB, goal under {MEMORY_GOAL:g} MB: {word}"
    )


def _word(*, met: bool) -> str:
    return "met" if met else "missed"
