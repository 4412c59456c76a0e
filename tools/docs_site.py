"""Stages the pages of the site in build/docs; mkdocs builds it from there.

Pages keep their places in the repository, so that their links lead to the same files here, on the
site and wherever the repository is shown. The reference is written from the code.
"""

import re
import shutil
import subprocess
from typing import Final

from tools import reference
from tools.lock_requirements import ROOT

STAGE: Final = ROOT / "build" / "docs"
#: Pages and pictures, and the other files that pages link to.
_SHOWN: Final = re.compile(
    r".*\.(?:md|png|svg)|tests/focus/validator_findings\.json|docs/(?:grafana|power-bi)/[^/]+"
)
_HIDDEN: Final = (".github/",)


def stage() -> None:
    """Copy the pages and pictures of the repository, and write the reference."""
    shutil.rmtree(STAGE, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],  # noqa: S607, the one on the PATH
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        if _SHOWN.fullmatch(name) and not name.startswith(_HIDDEN):
            target = STAGE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    folder = STAGE / "docs" / "reference"
    folder.mkdir()
    for name, page in reference.PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    stage()
