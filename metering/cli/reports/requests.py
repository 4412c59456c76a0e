"""`metering requests`: the requests behind a figure, and everything known about one of them."""

import sys
from collections.abc import AsyncIterator
from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.app.reports.requests import RequestsPage
from metering.cli.options import instant, must_know, period_for, with_app
from metering.cli.output import AsJson, print_table, show, stdout
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant
from metering.core.ledger.entry import Basis
from metering.core.reports.requests import Position, Request, Wanted
from metering.core.usage.buckets import BucketName
from metering.documents.reports.requests import (
    PriceDocument,
    RequestDocument,
    RequestsDocument,
    StateDocument,
    requests_csv,
)

requests = typer.Typer(
    no_args_is_help=True,
    help="Requests one by one: counts, price, evidence and corrections of each.",
)

#: Requests that are read at once for a CSV file.
_AT_ONCE: Final = 1_000

_Name = Annotated[str | None, typer.Option(help="Empty: requests that named none.")]


@requests.command("list")
def list_requests(  # noqa: PLR0913, one option for each filter
    tenant: Annotated[str, typer.Option(help="The tenant's id.", show_default=False)],
    *,
    period: Annotated[str | None, typer.Option(help="A period, such as 2026-11.")] = None,
    day: Annotated[str | None, typer.Option(help="A UTC day, such as 2026-11-20.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="A time, inclusive.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="A time, exclusive.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="The id of the event.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The model that is charged, or that served it.")
    ] = None,
    requested_model: Annotated[
        str | None, typer.Option(help="What the client asked for, such as an alias.")
    ] = None,
    deployment: _Name = None,
    backend: _Name = None,
    product: _Name = None,
    subscription: Annotated[str | None, typer.Option(help="A subscription.")] = None,
    use_case: _Name = None,
    user: _Name = None,
    status: Annotated[int | None, typer.Option(help="The HTTP status.", min=100, max=599)] = None,
    evidence: Annotated[Basis | None, typer.Option(help="What the counts are from.")] = None,
    unpriced: Annotated[
        bool | None, typer.Option("--unpriced/--priced", help="With or without a price.")
    ] = None,
    bucket: Annotated[BucketName | None, typer.Option(help="With such tokens.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The most to show.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="`next` of an earlier answer.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all of them as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the requests of a tenant, newest first.

    Example:  metering requests list --tenant acme --day 2026-11-20 --evidence missing
    """
    after = _position(cursor)
    spans = [(instant(start, "--from"), instant(end, "--to")), _day(day)]
    plain = Wanted(
        id=id_,
        model=model,
        requested_model=requested_model,
        deployment=deployment,
        backend=backend,
        product=product,
        subscription=subscription,
        use_case=use_case,
        user=user,
        status=status,
        evidence=evidence,
        unpriced=unpriced,
        bucket=bucket,
    )

    async def read(app: bootstrap.App) -> RequestsPage | None:
        await must_know(app, tenant)
        if period is not None:
            of = await period_for(app, tenant, period)
            spans.append((of.start, of.end))
        wanted = plain._replace(
            start=max((one for one, _ in spans if one is not None), default=None),
            end=min((one for _, one in spans if one is not None), default=None),
        )
        if as_csv:
            await _write_csv(app, tenant, wanted, after)
            return None
        return await _some(app, tenant, wanted, after, limit)

    page = with_app(read)
    if page is not None:
        following = None if page.next is None else str(page.next)
        documents = [RequestDocument.of(one) for one in page.requests]
        found = RequestsDocument(requests=documents, next=following)
        show(found, lambda: _print(tenant, found), as_json=as_json)


@requests.command("show")
def show_request(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The id of the event.")],
    tenant: Annotated[str | None, typer.Option(help="Look in this tenant's ledgers only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show everything known about a request: counts, price, evidence, and what was corrected.

    Example:  metering requests show 6f0c1d52 --tenant acme
    """

    async def read(app: bootstrap.App) -> list[Request]:
        tenants = await app.read.tenants() if tenant is None else [tenant]
        if tenant is not None:
            await must_know(app, tenant)
        wanted = Wanted(id=id_, outcomes=True)
        return [one for name in tenants async for one in _every(app, name, wanted, None)]

    found = [RequestDocument.of(one) for one in with_app(read)]
    if not found:
        raise ConfigurationError(
            f"no request has the id {id_!r}: `metering dead-letters list` has what was not counted"
        )
    show({"requests": found}, lambda: _print_each(found), as_json=as_json)


async def _some(
    app: bootstrap.App, tenant: str, wanted: Wanted, after: Position | None, limit: int
) -> RequestsPage:
    """Return as many requests as wanted, however many pages of the list that takes."""
    found: list[Request] = []
    while True:
        left = limit - len(found)
        page = await app.requests.page(tenant, wanted, after=after, limit=left)
        found += page.requests
        after = page.next
        if after is None or len(found) == limit:
            return RequestsPage(found, after)


async def _every(
    app: bootstrap.App, tenant: str, wanted: Wanted, after: Position | None
) -> AsyncIterator[Request]:
    while True:
        page = await app.requests.page(tenant, wanted, after=after, limit=_AT_ONCE)
        for one in page.requests:
            yield one
        after = page.next
        if after is None:
            return


async def _write_csv(
    app: bootstrap.App, tenant: str, wanted: Wanted, after: Position | None
) -> None:
    sys.stdout.writelines(requests_csv([]))
    async for one in _every(app, tenant, wanted, after):
        sys.stdout.writelines(requests_csv([one], header=False))


def _position(cursor: str | None) -> Position | None:
    try:
        return None if cursor is None else Position.parse(cursor)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--cursor") from None


def _day(day: str | None) -> tuple[Instant | None, Instant | None]:
    start = None if day is None else instant(f"{day}T00:00:00Z", "--day")
    return (None, None) if start is None else (start, start + DAY)


def _print(tenant: str, page: RequestsDocument) -> None:
    columns = ["time", "id", "model", "evidence", "use case", "user", "status", "tokens", "amount"]
    rows = [
        [
            *(one.time, one.id, one.model or "-", one.evidence.value),
            *(one.use_case or "-", one.user or "-", str(one.status)),
            *(_used(one), one.amount or "unknown"),
        ]
        for one in page.requests
    ]
    print_table(f"Requests of {tenant}", columns, rows, left=6)
    if page.next is not None:
        stdout().print(f"There are more: --cursor {page.next}", soft_wrap=True)


def _print_each(found: list[RequestDocument]) -> None:
    for one in found:
        facts = [
            (name, str(value))
            for name, value in one.model_dump(mode="json").items()
            if value is not None and name not in {"tokens", "price", "corrections", "amount"}
        ]
        facts += [*_about(one)]
        print_table(f"Request {one.id}", ["field", "value"], facts, left=2)
        for number, earlier in enumerate(one.corrections, 1):
            place = f"page {earlier.page}, row {earlier.row}"
            facts = [("evidence", earlier.evidence.value), *_about(earlier)]
            print_table(f"State {number}, replaced ({place})", ["field", "value"], facts, left=2)


def _about(state: StateDocument) -> list[tuple[str, str]]:
    """Return the counts, price and amount of a state as rows of a table."""
    counts = [(f"tokens: {name}", str(count)) for name, count in state.tokens.items()]
    prices = [] if state.price is None else _priced(state, state.price)
    return [*counts, *prices, ("amount", state.amount or "unknown")]


def _priced(state: StateDocument, price: PriceDocument) -> list[tuple[str, str]]:
    used = {"quantity"} if state.quantity is not None else set(state.tokens)
    return [
        ("price version", price.version),
        ("price row", price.row or "of the plan"),
        ("multiplier", price.multiplier),
        *(
            (f"unit price: {name}", text)
            for name, text in price.unit_prices.items()
            if name in used
        ),
    ]


def _used(one: RequestDocument) -> str:
    if one.quantity is not None:
        return f"{one.quantity} {one.unit}"
    return str(sum(one.tokens.values()))
