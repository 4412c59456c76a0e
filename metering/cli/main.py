"""The command line: `metering COMMAND`. Exit status 0, 1 (failed) or 2 (wrong usage)."""

import logging
import os
import sys

import typer

from metering.cli.allocation.allocations import list_shares
from metering.cli.billing.balance import balance, usage
from metering.cli.billing.close import close
from metering.cli.billing.statement import statement
from metering.cli.credit.adjustments import adjustments
from metering.cli.credit.grants import grants
from metering.cli.deployments.deployments import deployments
from metering.cli.exports.export import export
from metering.cli.hubs.replay import replay
from metering.cli.hubs.simulate import simulate
from metering.cli.ingest.dead_letters import dead_letters
from metering.cli.ingest.ingest import ingest
from metering.cli.ingest.normalize import normalize
from metering.cli.ingest.pending import pending
from metering.cli.installation.azure import azure
from metering.cli.installation.doctor import doctor
from metering.cli.installation.init import init
from metering.cli.installation.run import run
from metering.cli.installation.serve import serve, token
from metering.cli.installation.system import demo
from metering.cli.ledger.effects import effects
from metering.cli.output import print_error
from metering.cli.prices.price_import import diff_prices, import_prices
from metering.cli.prices.prices import prices
from metering.cli.prices.quote import quote
from metering.cli.prices.repricing import rerate, whatif
from metering.cli.quotas.admission import admission
from metering.cli.quotas.forecast import forecast
from metering.cli.reconciliation.reconcile import reconcile
from metering.cli.reports.unit_cost import unit_cost
from metering.cli.reports.verify import verify
from metering.cli.tenancy.members import allow, disallow
from metering.cli.tenancy.tenants import plans, tenants
from metering.core.basics.errors import MeteringError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Exact, exactly-once metering and billing of LLM usage."
    " The store is METERING_STORE (default sqlite:///.metering/metering.db).",
)
prices.command()(rerate)
for command in (
    *(demo, run, serve, token, init, ingest, replay, simulate, balance, usage),
    doctor,
    *(pending, verify, reconcile, quote, whatif, admission, forecast, unit_cost, close, statement),
):
    app.command()(command)
app.command()(normalize)
tenants.command()(allow)
tenants.command()(disallow)
app.add_typer(tenants, name="tenants")
app.add_typer(plans, name="plans")
prices.command("diff")(diff_prices)
prices.command("import")(import_prices)
app.add_typer(prices, name="prices")
deployments.command("shares")(list_shares)
app.add_typer(deployments, name="deployments")
app.add_typer(grants, name="grants")
app.add_typer(adjustments, name="adjustments")
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(effects, name="effects")
app.add_typer(azure, name="azure")
app.add_typer(export, name="export")

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; what went wrong is one line on standard error."""
    logging.basicConfig(level=logging.CRITICAL, format="%(levelname)s: %(message)s")
    try:
        app(prog_name="metering")
    except MeteringError as error:
        print_error(str(error))
        sys.exit(1)
    except BrokenPipeError:
        # The reader has seen enough (head, less): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
