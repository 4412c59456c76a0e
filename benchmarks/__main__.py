"""Run the benchmarks: `python -m benchmarks [--trace PATH] [--json]`."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from benchmarks import counting, rating
from benchmarks.events import loads
from benchmarks.report import Report, as_json, print_report, report
from benchmarks.timing import Progress, race
from metering.cli.output import print_error, print_json, stderr
from metering.core.errors import MeteringError


def run(trace: Path | None, progress: Progress) -> Report:
    """Measure everything once; rating comes last, for what it imports is large."""
    progress("building the events")
    alone, mixed = loads(trace)
    counted = race(counting.contenders(alone, mixed), progress)
    progress("loading the libraries to compare with")
    entrants, missing = rating.contenders(alone)
    return report(counted, race(entrants, progress), missing)


def main() -> int:
    """Return the exit code: 0 whether goals are met or not, 1 when nothing could be measured."""
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--trace", type=Path, help="A trace file. Default: the sample that ships.")
    parser.add_argument("--json", action="store_true", help="Print JSON instead of tables.")
    options = parser.parse_args()
    console = stderr()
    try:
        with console.status("starting") as status:
            found = run(options.trace, lambda name: status.update(name.strip()))
    except MeteringError as error:
        print_error(str(error))
        return 1
    if options.json:
        print_json(as_json(found))
    else:
        print_report(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
