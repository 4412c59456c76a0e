"""`metering doctor`: check the installation."""

import asyncio
from collections.abc import Sequence

import typer

from metering.bootstrap.doctor import examine
from metering.cli.installation.findings import print_finding
from metering.cli.output import AsJson, show
from metering.core.installation.finding import Finding


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
    for finding in findings:
        print_finding(finding)
