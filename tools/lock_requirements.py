"""Writes requirements.lock: what Azure runs, each distribution by version and hash.

Asks pip for what it would install on Linux x64 with Python 3.13 under requirements.txt and
constraints.txt. With --check nothing is written, and the exit status is 1 where it would differ.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tools.written_page import write_or_check

ROOT: Final = Path(__file__).parents[1]
LOCK: Final = ROOT / "requirements.lock"
#: Functions on Flex Consumption: x64, and a C library that has all of 2.28.
PLATFORM: Final = (
    *("--platform", "manylinux_2_28_x86_64"),
    *("--platform", "manylinux_2_17_x86_64"),
    *("--platform", "manylinux2014_x86_64"),
    *("--python-version", "3.13", "--implementation", "cp", "--only-binary=:all:"),
)
_HEAD: Final = """\
# What Azure runs, by version and hash: `make lock` writes it from requirements.txt and
# constraints.txt, `make package` installs it. For Linux x64 and Python 3.13 only.
"""


def canonical(name: str) -> str:
    """Return the name by which distributions are compared (PyPA's name normalisation)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def lock() -> str:
    """Return the text of the lock."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    named = ["-r", str(ROOT / "requirements.txt"), "-c", str(ROOT / "constraints.txt")]
    aside = ["--quiet", "--report", "-", "--target", str(ROOT / "build" / "none")]
    done = subprocess.run(
        [*command, *named, *aside, *PLATFORM], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    chosen = json.loads(done.stdout)["install"]
    return _HEAD + "".join(_line(one) for one in sorted(chosen, key=_name))


def _name(chosen: dict[str, Any]) -> str:
    return canonical(chosen["metadata"]["name"])


def _line(chosen: dict[str, Any]) -> str:
    version = chosen["metadata"]["version"]
    digest = chosen["download_info"]["archive_info"]["hashes"]["sha256"]
    return f"{_name(chosen)}=={version} --hash=sha256:{digest}\n"


def main() -> int:
    """Write the lock, or say whether it is current."""
    stale = "requirements.lock is not current: run `make lock`"
    return write_or_check(__doc__, LOCK, lock, stale)


if __name__ == "__main__":
    sys.exit(main())
