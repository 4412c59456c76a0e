"""`metering prices refresh`, `proposed` and `publish`: fresh prices, before they are in force."""

from typing import Annotated

import typer

from metering.app.prices.propose_prices import Proposal
from metering.app.prices.publish_prices import Consent
from metering.cli.auditing import changing
from metering.cli.options import with_app
from metering.cli.output import AsJson, escape, show, stdout
from metering.cli.prices.price_preview import AcceptJumps, Supersede, print_changes
from metering.core.basics.wording import plural
from metering.documents.prices.changes import PriceChangeDocument, ProposalDocument

Limit = Annotated[int, typer.Option(min=1, help="The maximum number of changes to show.")]


def refresh_prices(limit: Limit = 50, as_json: AsJson = False) -> None:
    """Read Azure's price feed, and keep its differences as the proposal of the day.

    No price changes until the proposal is published. The feed needs a network.

    Example:  metering prices refresh
    """
    _show(with_app(lambda app: app.propose_prices.refresh()), limit, as_json=as_json)


def proposed_prices(limit: Limit = 50, as_json: AsJson = False) -> None:
    """Show the newest proposed prices, and what publishing them would need.

    Example:  metering prices proposed
    """
    _show(with_app(lambda app: app.propose_prices.proposed()), limit, as_json=as_json)


def publish_prices(
    supersede: Supersede = False,
    accept_jumps: AcceptJumps = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Put the newest proposed prices in force.

    Example:  metering prices publish
    """
    consent = Consent(supersede, accept_jumps)
    published = changing(
        "prices.publish",
        "prices",
        {"supersede": supersede, "accept_jumps": accept_jumps},
        lambda app: app.propose_prices.publish(consent),
    )
    _show(published, limit, as_json=as_json, in_force=True)


def _show(proposal: Proposal | None, limit: int, *, as_json: bool, in_force: bool = False) -> None:
    changes = [] if proposal is None else proposal.published.changes
    document = ProposalDocument(
        name=None if proposal is None else proposal.name,
        version=None if proposal is None else proposal.published.version,
        refused=[] if proposal is None else list(proposal.refused),
        changes=[PriceChangeDocument.model_validate(change) for change in changes[:limit]],
    )

    def table() -> None:
        if document.name is None:
            stdout().print("no prices are proposed")
            return
        state = "in force" if in_force else "proposed"
        stdout().print(escape(f"{document.name}: {plural(len(changes), 'row')} {state}"))
        print_changes(document.changes, len(changes), with_ratio=False)
        for reason in () if in_force else document.refused:
            stdout().print(escape(f"needs consent: {reason}"))

    show(document, table, as_json=as_json)
