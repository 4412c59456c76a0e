"""`metering doctor`: check the installation."""

import asyncio
from collections.abc import Sequence
from typing import Final

import typer

from metering.bootstrap.doctor import examine
from metering.cli.output import AsJson, escape, show, stdout
from metering.core.installation.finding import Finding

_STYLES: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(as_json: AsJson = False) -> None:
    """Check settings, identity, permissions, containers, hub, clock and prices.

    Changes nothing. Each failed check says what to do. Exit status 1 if any check fails.

    Example:  metering doctor
    """
    findings = asyncio.run(examine())
    documents = [finding._asdict() for finding in findings]
    show(documents, lambda: _print(findings), as_json=as_json)
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
