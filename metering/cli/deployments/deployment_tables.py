"""Output of `metering deployments`."""

from typing import Final

from metering.app.deployments.deployments import Proposal
from metering.cli.options import from_start
from metering.cli.output import count, print_table, show
from metering.core.basics.instants import format_instant
from metering.core.deployments.deployment import Deployment
from metering.core.reports.unknown_deployments import UnknownDeployment
from metering.core.tenancy.known_deployments import ListedDeployment
from metering.documents.deployments import (
    ImportedDeployment,
    UnknownDeploymentDocument,
    deployment_listed,
)

_COLUMNS: Final = ["deployment", "model", "type", "region", "tier", "units", "price per hour"]


def print_deployments(found: list[ListedDeployment], *, as_json: bool) -> None:
    """Print recorded deployments, and from when they change."""
    rows = [[*_row(one.deployment), _scheduled(one)] for one in found]
    columns = [*_COLUMNS, "scheduled"]
    listed = [deployment_listed(one) for one in found]
    show(listed, lambda: print_table("Deployments", columns, rows, left=5), as_json=as_json)


def _scheduled(one: ListedDeployment) -> str:
    starts = [format_instant(at) for at in one.scheduled]
    if not one.is_in_force:
        starts[0] = f"begins {starts[0]}"
    return ", ".join(starts) or "-"


def print_unknown(found: list[UnknownDeployment], *, as_json: bool) -> None:
    """Print deployments that usage names and that have no record."""
    documents = [UnknownDeploymentDocument.model_validate(row) for row in found]
    title = "Deployments without a record"
    columns = ["deployment", "backend", "models", "requests"]
    rows = [
        [row.name, row.backend or "-", " ".join(row.models), count(row.requests)] for row in found
    ]
    show(documents, lambda: print_table(title, columns, rows, left=3), as_json=as_json)


def print_proposals(proposals: list[Proposal], *, dry_run: bool, as_json: bool) -> None:
    """Print the result of importing each deployment."""
    found = [ImportedDeployment.of(proposal, dry_run=dry_run) for proposal in proposals]
    rows = [
        [
            *(_row(proposal.deployment) if proposal.deployment else _blank(proposal.key)),
            one.result,
            "-" if proposal.holds_from is None else from_start(proposal.holds_from),
        ]
        for proposal, one in zip(proposals, found, strict=True)
    ]
    columns = [*_COLUMNS, "result", "holds"]
    left = len(columns)
    show(found, lambda: print_table("Deployments", columns, rows, left=left), as_json=as_json)


def _row(deployment: Deployment) -> list[str]:
    units = deployment.provisioned
    hourly = units or deployment.hosting
    model = " ".join(part for part in (deployment.model, deployment.model_version) if part)
    return [
        deployment.key,
        model,
        deployment.deployment_type + (f" ({units.scope})" if units else ""),
        deployment.region or "-",
        deployment.service_tier or "-",
        count(units.units) if units else "-",
        f"{hourly.hourly_price} {hourly.currency}" if hourly else "-",
    ]


def _blank(key: str) -> list[str]:
    return [key, *["-"] * (len(_COLUMNS) - 1)]
