"""Writes docs/licences.md: every distribution that Azure runs, and its licence.

With --check nothing is written, and the exit status is 1 where it would differ.
"""

import re
import sys
from importlib.metadata import PackageMetadata, metadata
from typing import Final

from tools.lock_requirements import LOCK, ROOT
from tools.written_page import write_or_check

PAGE: Final = ROOT / "docs" / "licences.md"
_HEAD: Final = """\
# Licences

What the package for Azure has in it, besides this project, as each distribution says of itself.
`make licences` writes this page from requirements.lock; a test holds that it is current, and that
nothing here asks us to publish our source.

| distribution | version | licence |
|---|---|---|
"""
_PIN: Final = re.compile(r"^([a-z0-9-]+)==(\S+) ", re.MULTILINE)
_CLASSIFIER: Final = "License :: OSI Approved :: "
#: What the authors of reportlab write; its license.txt is the licence of three clauses.
_REPORTLAB: Final = (
    "BSD license (see license.txt for details), Copyright (c) 2000-2025, ReportLab Inc."
)
#: What authors write for it, and the SPDX expression that it means.
_MEANING: Final = {
    "MIT License": "MIT",
    "MIT license": "MIT",
    "The MIT License (MIT)": "MIT",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    _REPORTLAB: "BSD-3-Clause",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def pinned() -> list[tuple[str, str]]:
    """Return name and version of every distribution in the lock."""
    return _PIN.findall(LOCK.read_text(encoding="utf-8"))


def licence_of(about: PackageMetadata) -> str:
    """Return the licence that a distribution names, as an SPDX expression where we know it."""
    stated = (
        about.get("License-Expression") or _one_line(about.get("License")) or _classified(about)
    )
    return _MEANING.get(stated, stated)


def _one_line(text: str | None) -> str:
    """Return what stands in the field `License`, unless it is the whole text of one."""
    return text.strip() if text and "\n" not in text.strip() else ""


def _classified(about: PackageMetadata) -> str:
    found = [
        value.removeprefix(_CLASSIFIER)
        for value in about.get_all("Classifier") or []
        if value.startswith(_CLASSIFIER)
    ]
    return " AND ".join(_MEANING.get(one, one) for one in found)


def page() -> str:
    """Return the page; the distributions must be installed."""
    rows = []
    for name, version in pinned():
        about = metadata(name)
        if about["Version"] != version:
            raise SystemExit(f"{name} {about['Version']} is installed, {version} locked: make venv")
        rows.append(f"| {name} | {version} | {licence_of(about)} |\n")
    return _HEAD + "".join(rows)


def main() -> int:
    """Write the page, or say whether it is current."""
    return write_or_check(
        __doc__, PAGE, page, "docs/licences.md is not current: run `make licences`"
    )


if __name__ == "__main__":
    sys.exit(main())
