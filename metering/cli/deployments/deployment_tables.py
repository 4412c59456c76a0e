"""What `metering deployments` prints."""

from typing import Any, Final

from metering.app.deployments.deployments import Proposal
from metering.cli.output import count, print_json, print_table
from metering.core.deployments.deployment import Deployment
from metering.core.reports.unknown_deployments import UnknownDeployment

_COLUMNS: Final = ["deployment", "model", "type", "region", "tier", "units", "price an hour"]


def print_deployments(found: list[Deployment], *, as_json: bool) -> None:
    """Print what is recorded."""
    if as_json:
        print_json([deployment.model_dump() for deployment in found])
        return
    print_table("Deployments", _COLUMNS, [_row(deployment) for deployment in found], left=5)


def print_unknown(found: list[UnknownDeployment], *, as_json: bool) -> None:
    """Print the deployments that usage names and nobody recorded."""
    if as_json:
        print_json(
            [
                {
                    "deployment": row.name,
                    "backend": row.backend,
                    "requests": row.requests,
                    "models": list(row.models),
                }
                for row in found
            ]
        )
        return
    print_table(
        "Deployments without a record",
        ["deployment", "backend", "models", "requests"],
        [
            [row.name, row.backend or "-", " ".join(row.models), count(row.requests)]
            for row in found
        ],
        left=3,
    )


def print_proposals(proposals: list[Proposal], *, dry_run: bool, as_json: bool) -> None:
    """Print what an import made, or would make, of each deployment."""
    done = "would be recorded" if dry_run else "recorded"
    results = [_result(proposal, done) for proposal in proposals]
    if as_json:
        pairs = zip(proposals, results, strict=True)
        print_json([_proposal_json(proposal, result) for proposal, result in pairs])
        return
    rows = [
        [*(_row(proposal.deployment) if proposal.deployment else _blank(proposal.key)), result]
        for proposal, result in zip(proposals, results, strict=True)
    ]
    columns = [*_COLUMNS, "result"]
    print_table("Deployments", columns, rows, left=len(columns))


def _result(proposal: Proposal, done: str) -> str:
    if proposal.deployment is None:
        return f"left out: {proposal.reason}"
    return done if proposal.is_news else "holds already"


def _proposal_json(proposal: Proposal, result: str) -> dict[str, Any]:
    deployment = proposal.deployment
    return {
        "key": proposal.key,
        "deployment": deployment.model_dump() if deployment is not None else None,
        "result": result,
    }


def _row(deployment: Deployment) -> list[str]:
    units = deployment.provisioned
    model = " ".join(part for part in (deployment.model, deployment.model_version) if part)
    return [
        deployment.key,
        model,
        deployment.deployment_type + (f" ({units.scope})" if units else ""),
        deployment.region or "-",
        deployment.service_tier or "-",
        count(units.units) if units else "-",
        f"{units.hourly_price} {units.currency}" if units else "-",
    ]


def _blank(key: str) -> list[str]:
    return [key, *["-"] * (len(_COLUMNS) - 1)]
