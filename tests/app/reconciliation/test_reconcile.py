"""The ledgers beside the bill: list prices, spans, accounts, provisioned units."""

import json
from typing import Any

import pytest

from metering.app.hubs.batch import Message
from metering.app.ledger.one_by_one import OneByOne
from metering.app.reconciliation.reconcile import Asked, Reconcile, day_start
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import parse_instant
from metering.core.deployments.deployment import Deployment, read_deployment
from metering.core.plans.plan import read_plan
from metering.core.prices.discount import Discount
from metering.core.reconciliation.agreed import Agreed
from metering.core.reconciliation.cost_row import CostRow, TokenMeter, format_exact, parse_exact
from metering.core.reconciliation.report import Report
from tests.builders import body, meter_event, price_file

type System = Any
USED = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


async def ingest(system: System, *bodies: bytes) -> None:
    tally = await system.ingest.batch([Message(b, "0", n) for n, b in enumerate(bodies)])
    assert not tally.rejected


def bill(
    tokens: str = "1000", cost: str = "0.0025", bucket: str = "input", **changes: Any
) -> CostRow:
    model = changes.pop("model", "gpt-4o")
    made = CostRow(
        "tokens",
        "2026-11-20",
        "contoso",
        None,
        f"{model} {bucket}",
        parse_exact(tokens),
        parse_exact(cost),
        TokenMeter(model, "global", "standard", long_context=False, buckets=(bucket,)),
    )
    return made._replace(**changes)


OUTPUT = bill("100", "0.001", "output")


async def compare(system: System, *rows: CostRow, **asked: Any) -> Report:
    return await Reconcile(system.store, system.tenancy).costs(
        "f.csv", rows, Asked(**asked), OneByOne()
    )


def said(report: Report) -> list[tuple[str | None, str, str, str, list[str]]]:
    """Return account, meter, our tokens and amount, and the explanations of each line."""
    return [
        (
            line.account,
            line.metered,
            str(line.our_tokens),
            format_exact(line.our_amount),
            [f"{part.why} {format_exact(part.amount)}" for part in line.parts],
        )
        for line in report.lines
    ]


async def test_what_was_billed_is_compared_at_list_price(system: System) -> None:
    await system.tenancy.define_plan(read_plan("plan", {"id": "dear", "markup": "0.5"}), None)
    await system.tenancy.assign_plan("sub-1", "dear", None)
    await system.tenancy.map_subject("sub-1", "sub-1", None)
    await ingest(system, body(data__backend="contoso"))

    found = await compare(system, bill(), OUTPUT)

    # 1,000 x 2.50 and 100 x 10 a million, whatever the plan makes of it.
    assert said(found) == [
        ("contoso", "input", "1000", "0.0025", []),
        ("contoso", "output", "100", "0.001", []),
    ]
    assert (found.first, found.last) == ("2026-11-20", "2026-11-20")


async def test_every_tenant_and_correction_counts_once(system: System) -> None:
    totals = {"data__evidence": "totals", "data__backend": "contoso"}
    await ingest(
        system,
        body(**totals),
        body(id="r-2", subject="sub-2", data__backend="https://contoso.openai.azure.com/"),
    )
    # The provider's own counts take the place of the log's.
    better = {**USED, "prompt_tokens_details": {"cached_tokens": 200}}
    await ingest(system, body(data__backend="contoso", data__usage=better))

    found = await compare(system, bill("1800", "0.0045"), bill("200", "0.00025", "cached_read"))

    assert said(found) == [
        ("contoso", "cached_read", "200", "0.00025", []),
        ("contoso", "input", "1800", "0.0045", []),
        ("contoso", "output", "200", "0.002", ["unbilled -0.002"]),
    ]


async def test_usage_without_a_list_price_is_unpriced(system: System) -> None:
    await ingest(system, body(data__backend="contoso", data__model="house-7b"))
    found = await compare(system, bill(cost="0.001", model="house-7b"))
    # 1,000 tokens, at what was paid for them; nobody says what the others are worth.
    assert said(found)[0] == ("contoso", "input", "1000", "0", ["unpriced 0.001"])
    assert said(found)[1] == ("contoso", "output", "100", "0", ["unbilled 0"])


async def test_prices_are_those_of_the_currency_that_is_compared(system: System) -> None:
    await ingest(system, body(data__backend="contoso"))
    none = await compare(system, bill(cost="0.0023"), currency="EUR")
    assert said(none)[0] == ("contoso", "input", "1000", "0", ["unpriced 0.0023"])

    row = {"per_million_tokens": {"input": "2.3", "output": "9"}}
    await system.tenancy.publish_prices("eur", price_file(row, version="eur", currency="EUR"))
    found = await compare(system, bill(cost="0.0023"), currency="EUR")
    assert said(found)[0] == ("contoso", "input", "1000", "0.0023", [])


async def test_only_the_days_asked_for_are_compared(system: System) -> None:
    await ingest(
        system,
        body(data__backend="contoso"),
        body(id="r-2", time="2026-11-18T23:00:00Z", data__backend="contoso"),
        body(id="r-3", time="2026-11-17T12:00:00Z", data__backend="contoso"),
        body(id="r-4", time="2026-10-01T12:00:00Z", data__backend="contoso"),
    )
    rows = [bill(), OUTPUT, bill(day="2026-11-18"), bill(day="2026-10-01")]

    found = await compare(system, *rows, first="2026-11-19")
    assert [line.day for line in found.lines] == ["2026-11-20", "2026-11-20"]
    assert found.last == "2026-11-20"

    # What was used in the last hour before them may be billed on the first day.
    late = await compare(
        system, bill("1500", "0.00375", day="2026-11-19"), first="2026-11-19", last="2026-11-19"
    )
    assert said(late) == [
        ("contoso", "input", "0", "0", ["late 0.0025", "unmetered 0.00125"]),
    ]


async def test_days_that_nothing_says_anything_of_are_refused(system: System) -> None:
    with pytest.raises(ConfigurationError, match=r"f.csv: no row of an AI service"):
        await compare(system, bill(sort="other", meter=None))
    with pytest.raises(ConfigurationError, match=r"no day between 2026-11-21 and 2026-11-20"):
        await compare(system, bill(), first="2026-11-21", last="2026-11-20")
    with pytest.raises(ValueError, match="is not a day like"):
        day_start("20261120")


async def test_what_costs_nothing_by_the_token_is_no_token_of_the_bill(system: System) -> None:
    await ingest(
        system,
        body(
            id="r-1",
            data__backend="contoso",
            data__status=429,
            data__usage=...,
            data__tokens="absent",
        ),
        body(id="r-2", data__deployment="ptu", data__deployment_type="provisioned"),
        json.dumps(meter_event()).encode(),
        body(
            id="r-3",
            data__tokens="pending",
            data__usage=...,
            data__streamed=True,
            data__hold={"prompt_tokens": 10, "completion_tokens": 10},
        ),
    )
    found = await compare(system, bill())
    assert said(found) == [("contoso", "input", "0", "0", ["unmetered 0.0025"])]


async def test_requests_whose_counts_never_came_explain_what_was_billed(system: System) -> None:
    await ingest(system, body(data__backend="contoso", data__tokens="absent", data__usage=...))
    found = await compare(system, bill())
    assert said(found) == [("contoso", "input", "0", "0", ["missing 0.0025"])]


async def test_what_the_marketplace_bills_is_compared_by_its_amount(system: System) -> None:
    claude = {"model": "claude-x", "channel": "marketplace", "provider": "anthropic"}
    await system.tenancy.publish_prices("v2", price_file(claude, version="v2"))
    await ingest(
        system,
        body(data__model="claude-x", data__backend="contoso"),
        body(id="r-2", time="2026-11-19T23:00:00Z", data__model="claude-x"),
    )
    row = bill("7", "0.0035", sort="marketplace", meter=None, account=None, name="Claude")
    found = await compare(system, row)
    # (1,000 x 2.5 + 100 x 10) a million.
    assert said(found) == [(None, "marketplace", "0", "0.0035", [])]


def deployment(**changes: Any) -> Deployment:
    content = {
        "name": "ptu",
        "account": "Contoso",
        "model": "gpt-4o",
        "deployment_type": "provisioned",
        "provisioned": {"units": 10, "hourly_price": "1.10", "scope": "data_zone"},
    }
    return read_deployment("d.yaml", {**content, **changes})


async def test_provisioned_units_are_compared_with_the_registry_by_the_hour(
    system: System,
) -> None:
    await system.tenancy.define_deployment(deployment(), None)
    in_euro = {"units": 1, "hourly_price": "1", "scope": "global", "currency": "EUR"}
    await system.tenancy.define_deployment(deployment(name="eur", provisioned=in_euro), None)
    await system.tenancy.define_deployment(
        deployment(name="anywhere", account=None, deployment_type="global", provisioned=None), None
    )
    await ingest(
        system, body(data__deployment="ptu", data__backend="contoso", data__deployment_type=...)
    )
    row = bill("200", "220", sort="provisioned", meter=None, name="Provisioned Managed")
    found = await compare(system, row)
    # 24 hours x 10 units x 1.10 = 264; 20 hours were billed. Its tokens cost nothing more.
    assert said(found) == [("contoso", "provisioned", "0", "264", ["provisioned -44"])]


async def test_the_registry_knows_the_account_where_an_event_names_none(system: System) -> None:
    await system.tenancy.define_deployment(
        deployment(name="gpt-4o", account=None, deployment_type="global", provisioned=None), None
    )
    await ingest(system, body(), body(id="r-2", data__deployment=...))
    two = [bill("2000", "0.005"), bill(account="fabrikam")]
    assert {line.account for line in (await compare(system, *two)).lines} == {
        None,
        "contoso",
        "fabrikam",
    }
    # The only account of the export has what names none.
    assert said(await compare(system, two[0]))[0] == ("contoso", "input", "2000", "0.005", [])


async def test_a_discount_on_record_explains_what_is_below_list_from_its_day(
    system: System,
) -> None:
    await system.tenancy.set_discount(
        Discount(percent="7", provider="openai"), parse_instant("2026-11-20T00:00:00Z")
    )
    await ingest(
        system,
        body(data__backend="contoso"),
        body(id="r-2", data__backend="contoso", time="2026-11-19T11:00:00Z"),
    )
    # 1,000 x 2.50 a million is 0.0025; 7 % of it, 0.000175, are off.
    rows = bill(cost="0.002325"), bill(cost="0.002325", day="2026-11-19")
    parts = {
        line.day: [f"{part.why} {format_exact(part.amount)}" for part in line.parts]
        for line in (await compare(system, *rows)).lines
        if line.metered == "input"
    }
    assert parts == {"2026-11-19": ["price -0.000175"], "2026-11-20": ["discount -0.000175"]}
    # What the command states goes before the records.
    stated = await compare(system, *rows, agreed=Agreed(0))
    assert {
        part.why for line in stated.lines if line.metered == "input" for part in line.parts
    } == {"price"}
