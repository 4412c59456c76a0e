"""`metering doctor`: whether everything is there that the installation needs."""

import asyncio
from collections.abc import Sequence
from typing import Final

import typer

from metering.bootstrap.doctor import examine
from metering.cli.output import AsJson, escape, print_json, stdout
from metering.core.installation.finding import Finding

_STYLES: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(as_json: AsJson = False) -> None:
    """Check settings, identity, permissions, containers, hub, clock and prices.

    Changes nothing. A line each; what is wrong says what to do, and the exit status is 1.

    Example:  metering doctor
    """
    findings = asyncio.run(examine())
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        _print(findings)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


def _print(findings: Sequence[Finding]) -> None:
    console = stdout()
    for finding in findings:
        remedy = f": {finding.remedy}" if finding.remedy else ""
        style = _STYLES[finding.state]
        console.print(
            f"[{style}]{finding.state:4}[/{style}]  {escape(finding.check)}:"
            f" {escape(finding.detail)}{escape(remedy)}"
        )
