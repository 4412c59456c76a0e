"""Run the benchmarks: `python -m benchmarks [OPTIONS] [--json]`.

Options: `--trace PATH`, or one of `--growth [N]`, `--closing [N]`, `--balance` and `--overshoot`
alone.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from benchmarks import balance, closing, cost, counting, growth, overshoot, rating
from benchmarks.balance_report import balance_json, print_balance
from benchmarks.charged import Charged
from benchmarks.events import loads
from benchmarks.growth_report import growth_json, print_growth
from benchmarks.overshoot_report import overshoot_json, print_overshoot
from benchmarks.report import Report, as_json, print_report, report
from benchmarks.timing import Progress, race
from metering.cli.output import print_error, print_json, stderr
from metering.core.basics.errors import MeteringError


def run(trace: Path | None, progress: Progress) -> Report:
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
            show = _measured(options, lambda name: status.update(name.strip()))
    except MeteringError as error:
        print_error(str(error))
        return 1
    show()
    return 0


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--trace", type=Path, help="A trace file. Default: the sample that ships.")
    parser.add_argument(
        "--growth",
        type=int,
        nargs="?",
        const=growth.ENTRIES,
        metavar="N",
        help=f"Only let a ledger grow to N entries. Default: {growth.ENTRIES:,}.",
    )
    parser.add_argument(
        "--closing",
        type=int,
        nargs="?",
        const=closing.TENANTS,
        metavar="N",
        help=f"Only close one month of N tenants. Default: {closing.TENANTS:,}.",
    )
    parser.add_argument(
        "--balance", action="store_true", help="Only read balances over HTTP at a fixed rate."
    )
    parser.add_argument(
        "--overshoot", action="store_true", help="Only see what is spent beyond a limit."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON instead of tables.")
    return parser.parse_args()


def _measured(options: Namespace, progress: Progress) -> Callable[[], None]:
    """Measure what is asked for; return what prints it."""
    if options.growth is not None:
        progress(f"one ledger grows to {options.growth:,} entries")
        grown = growth.measure(options.growth)
        return lambda: print_json(growth_json(grown)) if options.json else print_growth(grown)
    if options.closing is not None:
        progress(f"the periods of {options.closing:,} tenants end")
        closed = closing.measure(options.closing)
        show = closing.closing_json, closing.print_closing
        return lambda: print_json(show[0](closed)) if options.json else show[1](closed)
    if options.balance:
        read = balance.measure(progress)
        return lambda: print_json(balance_json(read)) if options.json else print_balance(read)
    if options.overshoot:
        spent = overshoot.measure(progress)
        return lambda: print_json(overshoot_json(spent)) if options.json else print_overshoot(spent)
    found = run(options.trace, progress)
    return lambda: print_json(as_json(found)) if options.json else print_report(found)


if __name__ == "__main__":
    sys.exit(main())
