"""Findings of checks, a line each."""

from typing import Final

from metering.cli.output import escape, stdout
from metering.core.installation.finding import Finding

_STYLES: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


def print_finding(finding: Finding) -> None:
    """Print the result of one check, with the next step where there is one."""
    remedy = f": {finding.remedy}" if finding.remedy else ""
    style = _STYLES[finding.state]
    stdout().print(
        f"[{style}]{finding.state:4}[/{style}]  {escape(finding.check)}:"
        f" {escape(finding.detail)}{escape(remedy)}"
    )
