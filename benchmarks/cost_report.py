"""Request units beside their goal and the usual design, as a table and as JSON."""

from collections.abc import Mapping
from typing import Final

from benchmarks.charged import Charged
from metering.cli.output import print_table

#: Request units for 1,000 events, at most.
GOALS: Final = {"one_writer_200": 250.0}
#: What the usual design was thought to cost before it was measured.
_EXPECTED: Final = {"usual_requests": 16_500.0}
_USUAL: Final = "usual_requests"


def cost_json(lines: Mapping[str, Charged]) -> dict[str, object]:
    """Return the lines as a JSON value."""
    usual = lines.get(_USUAL)
    return {
        key: {
            "name": line.name,
            "batch": line.batch_size,
            "events": line.events,
            "ru_per_1000_events": round(line.per_thousand, 1),
            "writes": round(line.part("writes"), 1),
            "refused_writes": round(line.part("refused"), 1),
            "reads": round(line.part("reads"), 1),
            "share_of_usual_design": None if usual is None else round(_share(line, usual), 3),
            "goal": GOALS.get(key),
        }
        for key, line in lines.items()
    }


def print_cost(lines: Mapping[str, Charged]) -> None:
    """Print the lines for people."""
    usual = lines[_USUAL]
    counts = ("events a batch", "RU/1,000 events", "writes", "refused", "reads")
    columns = ("", *counts, "of usual design", "goal", "")
    rows = [
        [
            line.name,
            f"{line.batch_size:,}",
            f"{line.per_thousand:,.1f}",
            *(f"{line.part(kind):,.1f}" for kind in ("writes", "refused", "reads")),
            f"{_share(line, usual):.1%}",
            *_verdict(key, line),
        ]
        for key, line in lines.items()
    ]
    print_table("Cost: request units by the published table", columns, rows, left=1)


def _share(line: Charged, usual: Charged) -> float:
    return line.per_thousand / usual.per_thousand


def _verdict(key: str, line: Charged) -> tuple[str, str]:
    """Return a line's goal and whether it was reached, in words."""
    if key in _EXPECTED:
        return f"about {_EXPECTED[key]:,.0f}", ""
    goal = GOALS.get(key)
    if goal is None:
        return "", ""
    return f"at most {goal:g}", "met" if line.per_thousand <= goal else "missed"
