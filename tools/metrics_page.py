"""Writes the tables in docs/metrics.md from the table of metrics in metering/core/installation.

With --check nothing is written, and the exit status is 1 if the tables would differ.
"""

import re
import sys
from collections.abc import Iterable
from typing import Final

from metering.core.installation.metric_table import METRIC_TABLE
from metering.core.installation.metrics import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    Metric,
    unit_of,
)
from metering.local.prometheus import series_of
from tools.lock_requirements import ROOT
from tools.written_page import write_or_check

PAGE: Final = ROOT / "docs" / "metrics.md"
_REGION: Final = re.compile(r"(<!-- begin: make metrics -->\n).*(<!-- end -->\n)", re.DOTALL)
_HEADS: Final = ("metric", "unit", "labels", "meaning", "series in Prometheus")


def page() -> str:
    """Return docs/metrics.md with its tables made anew."""
    kinds = {"Counters": COUNTERS, "Distributions": HISTOGRAMS, "Gauges": GAUGES}
    tables = "\n".join(f"## {title}\n\n{_table(names)}" for title, names in kinds.items())
    return _REGION.sub(
        lambda found: f"{found[1]}\n{tables}\n{found[2]}", PAGE.read_text(encoding="utf-8")
    )


def _table(names: Iterable[Metric]) -> str:
    rows = (
        (
            f"`{name}`",
            f"`{unit_of(name)}`",
            ", ".join(f"`{label}`" for label in METRIC_TABLE[name].labels),
            METRIC_TABLE[name].meaning,
            f"`{series_of(name)}`",
        )
        for name in names
    )
    lines = (_HEADS, ("---",) * len(_HEADS), *rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> int:
    """Write the tables, or say whether they are current."""
    return write_or_check(__doc__, PAGE, page, "docs/metrics.md is not current: run `make metrics`")


if __name__ == "__main__":
    sys.exit(main())
