"""`metering prices diff` and `import`: compare published prices with the book, and publish them."""

from typing import Annotated, Final, NamedTuple

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from metering import bootstrap
from metering.adapters.prices.genai_prices_source import DEFAULT_PROVIDER
from metering.adapters.prices.price_import import PriceImport
from metering.adapters.prices.sources import AZURE_LIVE, Wanted, read_source
from metering.app.prices.publish_prices import Consent
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, stderr
from metering.cli.prices.price_preview import Preview, show
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import to_datetime
from metering.core.prices.price_changes import price_changes
from metering.core.prices.price_file import read_price_file

Source = Annotated[
    str,
    typer.Argument(
        help="azure (the snapshot that is installed), azure-live, genai-prices, or a file.",
        show_default=False,
    ),
]
Provider = Annotated[str, typer.Option(help="Whose list prices genai-prices is asked for.")]
Currency = Annotated[str, typer.Option(help="The currency that a file must be in.")]
Limit = Annotated[int, typer.Option(min=1, help="How many changes and reasons to show.")]


#: `diff` shows what a plain `import` would refuse.
_NO_CONSENT: Final = Consent(supersede=False, jumps=False)


class _Wanted(NamedTuple):
    """The source that the command line names."""

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
    """Show what importing a source would change, what would be refused, and what is left out.

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
    supersede: Annotated[
        bool, typer.Option("--supersede", help="Replace prices that already hold from then on.")
    ] = False,
    accept_jumps: Annotated[
        bool, typer.Option("--accept-jumps", help="Believe prices that moved a hundredfold.")
    ] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Publish what a source has and the price book has not, as a new version.

    Rows that are known already are left out. Prices that would rewrite history are refused without
    --supersede, and those that moved a hundredfold without --accept-jumps: mostly a misread unit.

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

    show(with_app(work), limit, as_json=as_json)


async def _preview(app: bootstrap.App, wanted: _Wanted, consent: Consent = _NO_CONSENT) -> Preview:
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
        task = bar.add_task("asking for prices", total=None)

        def tell(pages: int, items: int) -> None:
            bar.update(task, description=f"{count(pages)} pages, {count(items)} prices")

        return read_source(wanted, tell)
