"""A file that a tool writes, or with --check only compares."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def write_or_check(about: str | None, file: Path, text: Callable[[], str], stale: str) -> int:
    """Write the file, or return 1 and say `stale` where --check finds that it would differ."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    made = text()
    if not check:
        file.write_text(made, encoding="utf-8")
        return 0
    if file.read_text(encoding="utf-8") != made:
        print(stale, file=sys.stderr)
        return 1
    return 0
