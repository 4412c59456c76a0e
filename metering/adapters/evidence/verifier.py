"""The text of the stand-alone verifier."""

from pathlib import Path
from typing import Final

VERIFIER_NAME: Final = "check_evidence.py"


def verifier() -> str:
    """Return the program as it is shipped: one file that needs Python and nothing else."""
    return Path(__file__).with_name(VERIFIER_NAME).read_text(encoding="utf-8")
