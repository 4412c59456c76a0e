"""`metering prices diff` and `metering prices import`."""

from typing import Annotated, Final, NamedTuple

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from metering import bootstrap
from metering.adapters.prices.genai_prices_source import DEFAULT_PROVIDER
from metering.adapters.prices.price_import import PriceImport
from metering.adapters.prices.sources import AZURE_LIVE, Wanted, read_source
from metering.app.prices.publish_prices import Consent
from metering.cli.auditing import changing
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, stderr
from metering.cli.prices.price_preview import AcceptJumps, Preview, Supersede, show
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import to_datetime
from metering.core.prices.price_changes import price_changes
from metering.core.prices.price_file import read_price_file

Source = Annotated[
    str,
    typer.Argument(
        help="azure (the installed snapshot), azure-live, genai-prices, or a file.",
        show_default=False,
    ),
]
Provider = Annotated[
    str, typer.Option(help="The provider whose list prices are taken from genai-prices.")
]
Currency = Annotated[str, typer.Option(help="The currency of the file.")]
Limit = Annotated[
    int, typer.Option(min=1, help="The maximum number of changes and reasons to show.")
]


#: `diff` shows what an import without further options would refuse.
_NONE: Final = Consent(supersede=False, jumps=False)


class _Wanted(NamedTuple):
    """The options of the command."""

    source: str
    provider: str
    currency: str


def diff_prices(
    source: Source,
    provider: Provider = DEFAULT_PROVIDER,
    currency: Currency = "USD",
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show the changes that an import would make, what it would refuse, and what it would skip.

    Nothing is written.

    Example:  metering prices diff azure
    """
    wanted = _Wanted(source, provider, currency)
    preview = with_app(lambda app: _preview(app, wanted))
    show(preview, limit, as_json=as_json)


def import_prices(
    source: Source,
    provider: Provider = DEFAULT_PROVIDER,
    currency: Currency = "USD",
    supersede: Supersede = False,
    accept_jumps: AcceptJumps = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Publish the new and changed rows of a source as a new version.

    Known rows are skipped. Prices that change past usage need --supersede. Prices that changed a
    hundredfold need --accept-jumps, because the cause is usually a misread unit.

    Example:  metering prices import genai-prices
    """
    wanted = _Wanted(source, provider, currency)

    async def work(app: bootstrap.App) -> Preview:
        preview = await _preview(app, wanted, Consent(supersede, accept_jumps))
        if preview.refused:
            raise ConfigurationError(preview.refused[0])
        if preview.differing():
            content = preview.content()
            await app.publish_prices.publish(source, content, supersede=supersede)
        return preview

    asked = {
        "source": source,
        "provider": provider,
        "currency": currency,
        "supersede": supersede,
        "accept_jumps": accept_jumps,
    }
    show(changing("prices.import", "prices", asked, work), limit, as_json=as_json)


async def _preview(app: bootstrap.App, wanted: _Wanted, consent: Consent = _NONE) -> Preview:
    await app.tenancy.refresh()
    prices = app.tenancy.prices
    source = Wanted(
        wanted.source,
        wanted.currency,
        to_datetime(app.clock.now()).date(),
        wanted.provider,
        prices.provider_of,
    )
    found = _read(source)
    rows = read_price_file(found.version, found.content)
    preview = Preview(found, price_changes(prices, rows))
    refused = await app.publish_prices.refusals(wanted.source, preview.content(), consent)
    return preview._replace(refused=tuple(refused))


def _read(wanted: Wanted) -> PriceImport:
    console = stderr()
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        console=console,
        disable=wanted.source != AZURE_LIVE or not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task("reading prices", total=None)

        def progressed(pages: int, items: int) -> None:
            bar.update(task, description=f"{count(pages)} pages, {count(items)} prices")

        return read_source(wanted, progressed)
