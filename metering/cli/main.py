"""The command line: `metering COMMAND`. Exit status 0, 1 (failed) or 2 (wrong usage)."""

import gc
import logging
import os
import sys
from typing import Annotated, Final

import typer

from metering import __version__
from metering.cli.lazy import LazyGroup, Place, Section
from metering.core.basics.errors import MeteringError

#: The commands by heading. A command is imported when it is called, its summary is not.
COMMANDS: Final[dict[str, Section]] = {
    "Try it": {
        "demo": Place(
            "metering.cli.installation.system:demo",
            "Send a real trace through the whole system and compare the result with an"
            " independent sum.",
        ),
        "run": Place(
            "metering.cli.installation.run:run",
            "Run the whole system on this machine, with live traffic, until interrupted.",
        ),
        "serve": Place(
            "metering.cli.installation.serve:serve",
            "Serve the HTTP API on this machine until interrupted, over the store in"
            " METERING_STORE.",
        ),
        "token": Place(
            "metering.cli.installation.serve:token",
            "Print a bearer token for `metering serve` and `metering run`, valid for an hour.",
        ),
    },
    "Count usage": {
        "ingest": Place(
            "metering.cli.ingest.ingest:ingest",
            "Count the usage in FILE. Each line is the body of one event.",
        ),
        "normalize": Place(
            "metering.cli.ingest.normalize:normalize",
            "Read one usage object, or one whole response, a line; write its non-zero buckets.",
        ),
        "replay": Place(
            "metering.cli.hubs.replay:replay",
            "Publish the events in FILE to a hub again. Each line is the unchanged body of one"
            " event.",
        ),
        "simulate": Place(
            "metering.cli.hubs.simulate:simulate",
            "Publish simulated traffic to a hub: the requests of a real trace, with current"
            " timestamps.",
        ),
        "pending": Place(
            "metering.cli.ingest.pending:pending",
            "Show how many streams wait for their token counts, and how many counts match no"
            " stream.",
        ),
        "dead-letters": Place(
            "metering.cli.ingest.dead_letters:dead_letters",
            "Events that could not be counted, each with a code.",
        ),
    },
    "Read and prove": {
        "balance": Place(
            "metering.cli.billing.balance:balance",
            "Show the usage of TENANT in a period and its charge.",
        ),
        "usage": Place(
            "metering.cli.billing.balance:usage",
            "Break down the usage of TENANT by day, model and other dimensions.",
        ),
        "requests": Place(
            "metering.cli.reports.requests:requests",
            "Requests one by one: counts, price, evidence and corrections of each.",
        ),
        "forecast": Place(
            "metering.cli.quotas.forecast:forecast",
            "Show the rate at which TENANT uses its quotas and credit, and when they are"
            " exhausted.",
        ),
        "costs": Place(
            "metering.cli.costs.costs:costs",
            "Show what all tenants together are charged, by deployment, account, product and more.",
        ),
        "margins": Place(
            "metering.cli.costs.costs:margins",
            "Show what tenants are charged beside what the company pays, and the difference.",
        ),
        "unit-cost": Place(
            "metering.cli.reports.unit_cost:unit_cost",
            "Show the unit cost of each outcome of TENANT's use cases, and whether it meets its"
            " target.",
        ),
        "audit": Place(
            "metering.cli.tenancy.audit:audit",
            "Show operators' changes on a day, by command and over HTTP, newest first.",
        ),
        "verify": Place(
            "metering.cli.reports.verify:verify",
            "Verify every ledger: pages, hashes, totals, and that no id counts twice.",
        ),
        "repair": Place(
            "metering.cli.ledger.repair:repair",
            "Repair the ledgers of TENANT that a restore left halfway, or with rounded counts.",
        ),
        "evidence": Place(
            "metering.cli.reports.evidence:evidence",
            "Write what proves TENANT's bill of a period: pages, statements, records and"
            " inclusion proofs.",
        ),
        "anchors": Place(
            "metering.cli.reports.anchors:anchors",
            "Digests over all ledgers, statements and records, kept outside the store"
            " (METERING_ANCHORS).",
        ),
        "withdraw": Place(
            "metering.cli.ledger.withdraw:withdraw",
            "Take back what counts twice: append an entry that withdraws the second count of ID.",
        ),
    },
    "Tenants and quotas": {
        "tenants": Place(
            "metering.cli.tenancy.tenants:tenants",
            "Tenants and the subscriptions they pay for.",
        ),
        "exporters": Place(
            "metering.cli.tenancy.exporters:exporters",
            "Systems that push telemetry (OTLP), what each reports, and their keys.",
        ),
        "producers": Place(
            "metering.cli.tenancy.producers:producers",
            "Producers of events over HTTP, and the subjects and sources each may speak for.",
        ),
        "plans": Place(
            "metering.cli.tenancy.tenants:plans",
            "Plans: the terms under which tenants pay.",
        ),
        "quotas": Place(
            "metering.cli.quotas.quotas:quotas",
            "A tenant's quotas, and temporary increases of their limits.",
        ),
        "grants": Place(
            "metering.cli.credit.grants:grants",
            "Prepaid credit of tenants. A date means its start in UTC.",
        ),
        "admission": Place(
            "metering.cli.quotas.admission:admission",
            "Show whether requests of SUBSCRIPTION are admitted: allow, downgrade or block, and"
            " why.",
        ),
        "effects": Place(
            "metering.cli.ledger.effects:effects",
            "Notifications that commits left for delivery (the outbox).",
        ),
    },
    "Prices and deployments": {
        "prices": Place(
            "metering.cli.prices.prices:prices",
            "The dated list prices that requests are rated by.",
        ),
        "discounts": Place(
            "metering.cli.costs.discounts:discounts",
            "Discounts agreed with providers: what the company pays less than list prices.",
        ),
        "quote": Place(
            "metering.cli.prices.quote:quote",
            "Price one request, and explain each line of the amount.",
        ),
        "whatif": Place(
            "metering.cli.prices.repricing:whatif",
            "Price TENANT's usage under other models, another plan or other prices, side by side.",
        ),
        "deployments": Place(
            "metering.cli.deployments.deployments:deployments",
            "Deployments: type, region, model version and units, unknown to the gateway.",
        ),
    },
    "Bill and report": {
        "close": Place(
            "metering.cli.billing.close:close",
            "Close every period that has ended, in order, and write its statement. Safe to repeat.",
        ),
        "statement": Place(
            "metering.cli.billing.statement:statement",
            "Show the statement of TENANT for a closed period.",
        ),
        "statements": Place(
            "metering.cli.invoices.statements:statements",
            "Invoices, credit notes, voids and reissues: numbered documents about statements.",
        ),
        "adjustments": Place(
            "metering.cli.credit.adjustments:adjustments",
            "Amounts that an operator adds to a statement, with a reason.",
        ),
        "digest": Place(
            "metering.cli.digests.digest:digest",
            "Show the digest of the last week, as it would be sent. Nothing is sent.",
        ),
        "export": Place(
            "metering.cli.exports.export:export",
            "Deliver reports as files with a manifest.",
        ),
        "reconcile": Place(
            "metering.cli.reconciliation.reconcile:reconcile",
            "Compare the ledgers with the bill (--actual), the gateway's logs"
            " (--gateway-logs), or both.",
        ),
    },
    "Install": {
        "init": Place(
            "metering.cli.installation.init:init",
            "Prepare the store: tables, or a database and containers on an account or emulator.",
        ),
        "doctor": Place(
            "metering.cli.installation.doctor:doctor",
            "Check settings, identity, permissions, containers, hub, clock and prices.",
        ),
        "cost": Place(
            "metering.cli.installation.cost:cost",
            "Estimate what an installation needs and costs in a month, and which limit comes"
            " first.",
        ),
        "azure": Place(
            "metering.cli.installation.azure:azure",
            "Check a deployment in Azure, before and after it.",
        ),
        "status": Place(
            "metering.cli.installation.status:status",
            "Say whether everything is read, counted, priced, closed and delivered.",
        ),
    },
}


def _print_version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"metering {__version__}")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the release.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Declare the options of `metering` itself."""


app: Final = LazyGroup(
    "metering",
    "Exact, exactly-once metering and billing of LLM usage."
    " The store is METERING_STORE (default sqlite:///.metering/metering.db).",
    COMMANDS,
    _options,
)

_INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process."""
    logging.basicConfig(level=logging.CRITICAL, format="%(levelname)s: %(message)s")
    try:
        run()
    finally:
        # The process ends: to look through all its objects once more takes a fifth of its time.
        gc.freeze()


def run() -> None:
    """Run a command and exit; an error is one line on standard error."""
    try:
        app.main(prog_name="metering")
    except MeteringError as error:
        # rich takes a while to import: only an error waits for it.
        from metering.cli.output import print_error  # noqa: PLC0415

        print_error(str(error))
        sys.exit(1)
    except BrokenPipeError:
        # The reader has seen enough (head, less): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
