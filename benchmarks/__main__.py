"""Run the benchmarks: `python -m benchmarks [OPTIONS] [--json]`.

Options: `--trace PATH`, or one of `--growth [N]`, `--closing [N]`, `--reports [N]`,
`--segments [N]`, `--balance`,
`--forecast`, `--hostile`, `--holds`, `--overshoot`, `--stop-now`, `--traffic` and `--batches`
alone.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from benchmarks import (
    balance,
    batches,
    closing,
    cost,
    counting,
    forecast,
    growth,
    holds,
    hostile,
    overshoot,
    rating,
    reports,
    segments,
    stop_now,
    traffic,
)
from benchmarks.charged import Charged
from benchmarks.events import loads
from benchmarks.overshoot_report import overshoot_document
from benchmarks.printer import print_document
from benchmarks.report import report
from benchmarks.timing import Progress, race
from metering.cli.output import print_error, stderr
from metering.core.basics.errors import MeteringError

#: What is measured alone, by its option.
_ALONE: Final[Mapping[str, Callable[[Progress], dict[str, object]]]] = {
    "balance": lambda progress: balance.balance_document(balance.measure(progress)),
    "hostile": lambda progress: hostile.hostile_document(hostile.measure(progress)),
    "forecast": forecast.forecast_document,
    "holds": holds.holds_document,
    "overshoot": lambda progress: (
        overshoot_document(overshoot.measure(progress)) | stop_now.stop_now_document(progress)
    ),
    "stop_now": stop_now.stop_now_document,
    "traffic": traffic.measure,
    "batches": batches.batches_document,
}


def run(trace: Path | None, progress: Progress) -> dict[str, object]:
    """Measure everything once; rating comes last, for what it imports is large."""
    progress("building the events")
    alone, mixed = loads(trace)
    counted = race(counting.contenders(alone, mixed), progress)
    charged, absent = _cost(trace, progress)
    progress("loading the libraries to compare with")
    entrants, missing = rating.contenders(alone)
    return report(counted, race(entrants, progress), charged, [*absent, *missing])


def _cost(trace: Path | None, progress: Progress) -> tuple[dict[str, Charged], list[str]]:
    """Return what was charged, and the package for want of which nothing was."""
    try:
        return cost.measure(trace, progress), []
    except ModuleNotFoundError as error:
        return {}, [error.name or "the Cosmos DB peer"]


def main() -> int:
    """Return the exit code: 0 whether goals are met or not, 1 when nothing could be measured."""
    options = _options()
    console = stderr()
    try:
        with console.status("starting") as status:
            found = _measured(options, lambda name: status.update(name.strip()))
    except MeteringError as error:
        print_error(str(error))
        return 1
    print_document(found, as_json=options.json)
    return 0


#: Measurements of a size: option, size without a number, and what is done.
_SIZED: Final = (
    ("growth", growth.ENTRIES, "let a ledger grow to N entries"),
    ("closing", closing.TENANTS, "close one month of N tenants"),
    ("reports", reports.TENANTS, "run the reports on a month of N tenants"),
    ("segments", segments.ENTRIES, "let a ledger grow to N entries at one event a commit"),
)


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--trace", type=Path, help="A trace file. Default: the sample that ships.")
    for name, default, meaning in _SIZED:
        parser.add_argument(
            f"--{name}",
            type=int,
            nargs="?",
            const=default,
            metavar="N",
            help=f"Only {meaning}. Default: {default:,}.",
        )
    parser.add_argument(
        "--balance", action="store_true", help="Only read balances over HTTP at a fixed rate."
    )
    parser.add_argument(
        "--hostile",
        action="store_true",
        help="Only see what a hostile tenant does to nine ordinary ones.",
    )
    parser.add_argument(
        "--forecast", action="store_true", help="Only see how far forecasts are from the end."
    )
    parser.add_argument(
        "--holds", action="store_true", help="Only see whom the holds of streams refuse."
    )
    parser.add_argument(
        "--overshoot",
        action="store_true",
        help="Only see what is spent beyond a limit, and how soon a stop is in force.",
    )
    parser.add_argument(
        "--stop-now", action="store_true", help="Only see how soon a stop is in force."
    )
    parser.add_argument(
        "--traffic",
        action="store_true",
        help="Only measure request units of commits, streams, logs and a working mix.",
    )
    parser.add_argument(
        "--batches",
        action="store_true",
        help="Only simulate how batches form, and what a wait at their end saves and costs.",
    )
    parser.add_argument("--json", action="store_true", help="Print JSON instead of tables.")
    return parser.parse_args()


def _measured(options: Namespace, progress: Progress) -> dict[str, object]:
    """Measure what the options ask for; return the figures."""
    if options.growth is not None:
        progress(f"one ledger grows to {options.growth:,} entries")
        return growth.growth_document(growth.measure(options.growth))
    if options.closing is not None:
        return closing.closing_document(options.closing, progress)
    if options.reports is not None:
        return reports.reports_document(options.reports, progress)
    if options.segments is not None:
        progress(f"one ledger grows to {options.segments:,} entries, one event a commit")
        return segments.segments_document(segments.measure(options.segments))
    for name, document in _ALONE.items():
        if getattr(options, name):
            return document(progress)
    return run(options.trace, progress)


if __name__ == "__main__":
    sys.exit(main())
