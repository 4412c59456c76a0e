"""Writes the tables in docs/settings.md from the declarations in metering/settings.

With --check nothing is written, and the exit status is 1 if the tables would differ.
"""

import re
import sys
from collections.abc import Iterable
from typing import Any, Final

from metering.settings.external import EXTERNAL
from metering.settings.setting import Setting
from metering.settings.settings import TOPICS
from tools.lock_requirements import ROOT
from tools.written_page import write_or_check

PAGE: Final = ROOT / "docs" / "settings.md"
_REGION: Final = re.compile(r"(<!-- begin: make settings -->\n).*(<!-- end -->\n)", re.DOTALL)


def page() -> str:
    """Return docs/settings.md with its tables made anew."""
    tables = "".join(_topic(title, settings) for title, settings in TOPICS.items())
    return _REGION.sub(
        lambda found: f"{found[1]}\n{tables}{_external()}{found[2]}",
        PAGE.read_text(encoding="utf-8"),
    )


def _topic(title: str, settings: Iterable[Setting[Any]]) -> str:
    rows = (
        (
            f"`{setting.name}`",
            setting.meaning + (" Local development only." if setting.is_local else ""),
            f"`{setting.example}`",
            setting.shown_default,
            ", ".join(setting.readers),
        )
        for setting in settings
    )
    return f"## {title}\n\n" + _table(("setting", "meaning", "example", "default", "read by"), rows)


def _external() -> str:
    rows = ((f"`{one.name}`", one.meaning, one.reader) for one in EXTERNAL)
    return "## Variables of other programs\n\n" + _table(("variable", "meaning", "read by"), rows)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (heads, ("---",) * len(heads), *rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def main() -> int:
    """Write the tables, or say whether they are current."""
    return write_or_check(
        __doc__, PAGE, page, "docs/settings.md is not current: run `make settings`"
    )


if __name__ == "__main__":
    sys.exit(main())
