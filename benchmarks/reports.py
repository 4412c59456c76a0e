"""The time of reports on a closed month of many tenants, beside that of closing it."""

import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from benchmarks.closing import NOW, fill
from benchmarks.counting import disk_folder
from benchmarks.timing import Progress
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import format_instant, parse_instant

TENANTS: Final = 2_000
_DUE: Final = parse_instant("2026-11-05T00:00:00Z")
_PERIOD: Final = "2026-10"
#: Processor time at 2,000 tenants, in seconds.
_GOALS: Final = {"export statement": 6, "verify --statement": 5, "export focus": 5}


class Took(NamedTuple):
    """The time one command took."""

    command: str
    processor_s: float
    """Of the process and its threads, start and imports included."""


def measure(tenants: int, progress: Progress) -> list[Took]:
    """Fill a store, close its month, and run each report as a command of its own."""
    if tenants < 1:
        raise ConfigurationError("--reports: needs at least one tenant")
    with TemporaryDirectory(dir=disk_folder()) as folder:
        store, out = Path(folder) / "store.db", Path(folder) / "out"
        progress("usage")
        fill(store, tenants)
        commands = [
            ("close", []),
            ("export statement", ["--period", _PERIOD, "--out", str(out / "statement")]),
            ("verify --statement", []),
            ("export focus", ["--period", _PERIOD, "--out", str(out / "focus")]),
        ]
        found: list[Took] = []
        for command, options in commands:
            progress(command)
            found.append(Took(command, _processor_s(store, [*command.split(), *options])))
        return found


def _processor_s(store: Path, arguments: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "metering", *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        env={
            "METERING_STORE": f"sqlite:///{store}",
            "METERING_NOW": format_instant(max(NOW, _DUE)),
        },
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def reports_document(tenants: int, progress: Progress) -> dict[str, object]:
    """Return the figures as a JSON object; `of_close` is the ratio to closing the same month.

    The ratio says something on a busy machine too, where seconds do not.
    """
    found = measure(tenants, progress)
    close = found[0].processor_s
    return {
        "reports": [
            {
                "command": one.command,
                "tenants": tenants,
                "processor_s": round(one.processor_s, 1),
                "ms_per_tenant": round(1_000 * one.processor_s / tenants, 2),
                "of_close": round(one.processor_s / close, 2),
                "goal_s": _GOALS.get(one.command) if tenants == TENANTS else None,
            }
            for one in found
        ]
    }
