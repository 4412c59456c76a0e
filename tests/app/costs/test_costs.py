"""Costs over all tenants: they add up to the statements, and to what the company pays."""

from fractions import Fraction
from random import Random
from typing import Any

import pytest

from metering.app.hubs.batch import Message
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, MINUTE
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import Days, parse_month
from metering.core.costs import sheet as sheet_module
from metering.core.costs.query import cost_query
from metering.core.costs.sums import Sums
from metering.core.deployments.deployment import Deployment, Provisioned
from metering.core.plans.plan import Plan
from metering.core.plans.terms import Allowance, Override
from metering.core.prices.discount import Discount
from tests.app.rolling import change
from tests.builders import body, price_file

type System = Any

NOVEMBER = Days("2026-11-01", "2026-12-01")
MONTH = parse_month("2026-11")


async def use(system: System, tenant: str, number: int, day: int = 10, **changes: Any) -> None:
    """Count a request of 1,000 x 2.50 + 100 x 10 a million = 0.0035 USD at list prices."""
    made = body(
        id=f"{tenant}-{number}-{day}",
        subject=tenant,
        time=f"2026-11-{day:02}T10:{number % 60:02}:00Z",
        **changes,
    )
    done = await system.ingest.batch([Message(made, "0", 0)])
    assert done.accepted == 1, done


async def on_plan(system: System, tenant: str, plan: Plan) -> None:
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.assign_plan(tenant, plan.id, None)
    await system.tenancy.map_subject(tenant, tenant, None)


async def costs(
    system: System, *by: str, only: Any = (), days: Days = NOVEMBER, **more: Any
) -> Any:
    return await system.app.costs.of(cost_query(days, by, only), more.pop("limit", 100), **more)


def told(report: Any, *names: str) -> dict[Any, tuple[str | None, ...]]:
    """Return figures by group: the only value of a group of one."""

    def shown(value: Any) -> str | None:
        return None if value is None else format_amount(value)

    return {
        row.group if len(row.group) > 1 else row.group[0]: tuple(
            shown(getattr(row.sums, name)) for name in names
        )
        for row in report.rows
    }


def ptu() -> Deployment:
    """Return 50 units at 1.10 an hour: 55 an hour, 39,600 in the 720 hours of November."""
    units = Provisioned(units=50, hourly_price="1.10", scope="global", idle="unallocated")
    return Deployment(
        name="chat",
        account="eu-ai",
        region="swedencentral",
        model="gpt-4o",
        deployment_type="provisioned",
        provisioned=units,
    )


ON_CAPACITY = {"data__deployment": "chat", "data__backend": "eu-ai", "data__deployment_type": ...}


async def test_costs_by_deployment_account_product_and_time(system: System) -> None:
    await use(system, "acme", 1, data__backend="eu-ai", data__product="desk")
    await use(system, "acme", 2, day=17, data__backend="us-ai", data__product="desk")
    await use(system, "globex", 1, data__backend="eu-ai", data__deployment="small")
    await use(system, "globex", 2, data__model="a-model-of-next-year", data__backend="eu-ai")
    report = await costs(system, "deployment", "account")
    assert told(report, "charged", "cost", "margin") == {
        ("gpt-4o", "eu-ai"): ("0.0035", "0.0035", "0"),
        ("gpt-4o", "us-ai"): ("0.0035", "0.0035", "0"),
        ("small", "eu-ai"): ("0.0035", "0.0035", "0"),
    }
    unpriced = {row.group: row.sums.unpriced for row in report.rows}
    assert unpriced["gpt-4o", "eu-ai"] == 1
    assert told(await costs(system, "product"), "usage") == {"desk": ("0.007",), None: ("0.0035",)}
    assert told(await costs(system, "week"), "usage") == {
        "2026-11-09": ("0.007",),
        "2026-11-16": ("0.0035",),
    }
    # Limited to an account, and to requests that named no product.
    only = (("account", "eu-ai"), ("product", None))
    assert told(await costs(system, "tenant", only=only), "usage") == {"globex": ("0.0035",)}
    assert told(await costs(system, "tenant", only=(("tenant", "acme"),)), "usage") == {
        "acme": ("0.007",)
    }
    before = await costs(system, "model", days=Days("2026-11-17", "2026-11-18"), compares=True)
    (row,) = [one for one in before.rows if one.group == ("gpt-4o",)]
    # One request on the 17th, none on the 16th.
    assert (format_amount(row.sums.usage), row.before.usage, row.change) == ("0.0035", 0, None)


async def test_a_group_of_the_time_before_that_is_gone_is_still_shown(system: System) -> None:
    await use(system, "acme", 1, day=10)
    await use(system, "acme", 2, day=11, data__deployment="new")
    await use(system, "acme", 3, day=10, data__deployment="both")
    for number in (4, 5):
        await use(system, "acme", number, day=11, data__deployment="both")
    report = await costs(system, "deployment", days=Days("2026-11-11", "2026-11-12"), compares=True)
    found = {row.group[0]: (row.sums.usage, row.before.usage) for row in report.rows}
    each = 3_500_000_000_000_000
    assert found == {"new": (each, 0), "gpt-4o": (0, each), "both": (2 * each, each)}
    assert report.totals_before["USD"].usage == 2 * each
    # Twice as much: 100 % more.
    assert {row.group[0]: row.change for row in report.rows} == {
        "new": None,
        "gpt-4o": -1,
        "both": 1,
    }


async def test_provisioned_hours_are_divided_and_their_idle_rest_is_apart(system: System) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await use(system, "acme", 1, day=10, data__product="desk", **ON_CAPACITY)
    await use(system, "acme", 2, day=10, data__product="mail", **ON_CAPACITY)
    await use(system, "globex", 1, day=10, **ON_CAPACITY)
    await system.allocate.run(MONTH)
    report = await costs(system, "deployment", "tenant")
    # One hour of 55 is used: two of three equal requests are acme's: 36.666… and 18.333….
    # 719 hours are idle: 39,545.
    assert told(report, "used", "idle", "unallocated", "billed") == {
        ("chat", "acme"): ("36.666666666666666667", "0", "0", "36.666666666666666667"),
        ("chat", "globex"): ("18.333333333333333333", "0", "0", "18.333333333333333333"),
        ("chat", None): ("0", "0", "39545", "0"),
    }
    products = told(await costs(system, "product"), "used")
    # Half of acme's share each; the unit that is left over goes to the first by name.
    assert products["desk"] == ("18.333333333333333334",)
    assert products["mail"] == ("18.333333333333333333",)
    # A day has its 24 hours: 24 x 55 = 1,320; on the tenth one of them is used.
    days = told(await costs(system, "day"), "used", "unallocated")
    assert days["2026-11-10"][0] == "55"
    assert (
        format_amount(sum(row.sums.unallocated for row in (await costs(system, "day")).rows))
        == "39545"
    )
    # A week of which only a part of the month is asked for: 7 of 30 days of the idle hours.
    week = await costs(system, "deployment", days=Days("2026-11-09", "2026-11-16"))
    # 39,545 / 30 = 1,318.1666… a day; the 20 units left over go to the first 20 days.
    assert told(week, "used", "unallocated")["chat"] == ("55", "9227.166666666666666669")
    assert (await costs(system, "tenant", only=(("region", "norwayeast"),))).rows == []


async def test_the_margin_is_what_is_charged_less_list_prices_less_discounts(
    system: System,
) -> None:
    flat = (Override(model="gpt-4o", price_per_million="4"),)
    await on_plan(system, "acme", Plan(id="house", markup="0.20"))
    await on_plan(system, "globex", Plan(id="free", markup="-1"))
    await on_plan(system, "flat", Plan(id="flat", overrides=flat))
    await system.tenancy.set_discount(
        Discount(percent="7", provider="openai"), MONTH.start + 14 * DAY
    )
    again = await system.tenancy.set_discount(
        Discount(percent="7", provider="openai"), MONTH.start + 15 * DAY
    )
    assert again.record is None
    await use(system, "acme", 1, day=10)
    await use(system, "acme", 2, day=17)
    await use(system, "flat", 3, day=17, data__deployment_type="regional", data__model="gpt-4o")
    await use(system, "acme", 4, data__model="a-model-of-next-year", day=17)
    await use(system, "globex", 1, day=17)
    report = await costs(system, "tenant", "model")
    # gpt-4o: 0.0042 each. It costs 0.0035 on the 10th, and 0.0035 x 0.93 = 0.003255 on the 17th.
    # flat has a price of its plan alone: 1,100 x 4 a million = 0.0044, of unknown cost.
    # globex pays nothing for what costs 0.003255.
    assert told(report, "charged", "cost", "margin") == {
        ("acme", "gpt-4o"): ("0.0084", "0.006755", "0.001645"),
        ("flat", "gpt-4o"): ("0.0044", "0", None),
        ("acme", "a-model-of-next-year"): ("0", "0", None),
        ("globex", "gpt-4o"): ("0", "0.003255", "-0.003255"),
    }
    total = report.totals["USD"]
    assert (total.uncosted, total.unpriced) == (1, 1)
    assert format_amount(total.margin) == "-0.00161"
    assert total.margin_share is not None


async def test_terms_of_plans_are_in_whole_months_and_nowhere_else(system: System) -> None:
    plan = Plan(id="team", base_fee="10", allowance=(Allowance(amount="0.002"),))
    for tenant in ("acme", "quiet"):
        await on_plan(system, tenant, plan)
    still = Plan(id="still", allowance=(Allowance(amount="1"),))
    await on_plan(system, "still", still)
    await use(system, "acme", 1)
    # 10 - 0.002 on top of 0.0035; quiet owes its fee without a request.
    assert told(await costs(system, "tenant"), "terms", "charged") == {
        "acme": ("9.998", "10.0015"),
        "quiet": ("10", "10"),
    }
    deployments = told(await costs(system, "deployment"), "terms")
    assert deployments == {"gpt-4o": ("0",), "(plan terms)": ("19.998",)}
    part = await costs(system, "tenant", days=Days("2026-11-09", "2026-11-16"))
    assert (told(part, "terms", "charged"), part.not_whole) == ({"acme": ("0", "0.0035")}, 3)
    only = await costs(system, "tenant", only=(("model", "gpt-4o"),))
    assert told(only, "terms") == {"acme": ("0",)}


async def test_currencies_are_never_added_up(system: System) -> None:
    euros = price_file({"model": "gpt-e"}, version="eur", currency="EUR")
    await system.tenancy.publish_prices("eur", euros)
    await on_plan(system, "berlin", Plan(id="eur", currency="EUR", base_fee="3"))
    await use(system, "berlin", 1)
    await use(system, "acme", 1)
    report = await costs(system, "model")
    assert {currency: format_amount(one.charged) for currency, one in report.totals.items()} == {
        "EUR": "3",
        "USD": "0.0035",
    }
    # There is no price in euros: the request is unpriced there.
    assert [(row.currency, row.group, row.sums.unpriced) for row in report.rows] == [
        ("EUR", ("(plan terms)",), 0),
        ("EUR", ("gpt-4o-2024-11-20",), 1),
        ("USD", ("gpt-4o",), 0),
    ]


async def test_names_beyond_the_limit_are_one_group_and_totals_stay(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        for request in range(number + 1):
            await use(system, "acme", request, day=10 + number, data__product=f"p-{number}")
    report = await costs(system, "product", limit=2)
    # 1 + 2 + 3 + 4 requests of 0.0035
    assert told(report, "usage") == {
        "p-3": ("0.014",),
        "p-2": ("0.0105",),
        "(other names)": ("0.0105",),
    }
    series = await costs(system, "month", "product", limit=1)
    assert told(series, "usage") == {
        ("2026-11", "p-3"): ("0.014",),
        ("2026-11", "(other names)"): ("0.021",),
    }
    monkeypatch.setattr(sheet_module, "MAX_GROUPS", 3)
    crowded = await costs(system, "day", "product")
    assert format_amount(crowded.totals["USD"].usage) == "0.035"
    assert {row.group[1] for row in crowded.rows} >= {"(other names)"}


async def test_a_broken_ledger_is_named_and_hides_no_other(system: System) -> None:
    await use(system, "acme", 1)
    await use(system, "globex", 1)
    await change(
        system, "DELETE FROM pages WHERE ledger = 'acme|2026-11-01T00:00:00Z' AND number = 1"
    )
    report = await costs(system, "tenant")
    assert told(report, "usage") == {"globex": ("0.0035",)}
    assert list(report.left_out) == ["acme|2026-11-01T00:00:00Z"]


async def test_an_answer_is_kept_for_a_minute_and_a_first_one_reads_summaries(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tenant in ("acme", "globex"):
        for day in (10, 11, 12):
            await use(system, tenant, 1, day=day, data__end_user=f"u-{day}")
    await system.roll_up.run()
    read: list[str] = []
    parts = system.rollups.parts

    async def noted(ledger: Any, names: Any) -> Any:
        read.extend(str(name) for name in names)
        async for part in parts(ledger, names):
            yield part

    monkeypatch.setattr(system.rollups, "parts", noted)
    cursors = system.rollups.cursors_read
    await costs(system, "deployment")
    # Two ledgers: a cursor each, and the summary (part 8) of each of three days.
    assert system.rollups.cursors_read == cursors + 2
    assert sorted(read) == sorted(["day-2026-11-10-8", "day-2026-11-11-8", "day-2026-11-12-8"] * 2)
    await use(system, "acme", 9)
    assert (await costs(system, "deployment")).totals["USD"].requests == 6
    assert len(read) == 6
    system.clock.set(system.clock.now() + MINUTE)
    assert (await costs(system, "deployment")).totals["USD"].requests == 7
    for number in range(20):
        await costs(system, "deployment", days=Days(f"2026-10-{number + 1:02}", "2026-11-01"))
    assert len(system.app.costs._kept) == 16  # noqa: SLF001


@pytest.mark.parametrize("seed", range(6))
async def test_costs_add_up_to_the_statements_of_the_month(system: System, seed: int) -> None:
    chance = Random(seed)  # noqa: S311, a seeded test
    await _set_up(system)
    for number in range(chance.randint(1, 8)):
        changes = dict(ON_CAPACITY) if chance.random() < 0.5 else {}
        product = chance.choice(["a", "b", None])
        tenant = chance.choice(["acme", "beta", "gamma"])
        await use(
            system, tenant, number, day=chance.randint(2, 19), data__product=product, **changes
        )
    if seed % 2:
        await system.roll_up.run()
    at = MONTH.end + 10 * DAY
    await system.close(at)
    system.clock.set(at)
    billed = 0
    for tenant in system.tenancy.directory.tenants():
        async for statement in system.read_statements.every(tenant):
            if statement.period.name == "2026-11":
                billed += sum(line.amount for line in statement.lines if line.kind != "rounding")
    for by in (("tenant",), ("deployment", "product"), ("week",)):
        report = await costs(system, *by)
        assert report.totals["USD"].charged == billed
        assert sum(row.sums.charged for row in report.rows) == billed


async def _set_up(system: System) -> None:
    plan = Plan(id="team", base_fee="1", markup="0.1", allowance=(Allowance(tokens=1_500),))
    await on_plan(system, "beta", plan)
    await system.tenancy.define_deployment(ptu(), None)


async def test_prompt_efficiency_of_a_tenant_by_user_and_week_with_its_share_of_hours(
    system: System,
) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    cached = {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 250},
    }
    await use(system, "acme", 1, day=10, data__end_user="u-1", **ON_CAPACITY)
    await use(system, "acme", 2, day=17, data__end_user="u-2", data__usage=cached)
    await use(system, "acme", 3, day=17, data__end_user="u-2", data__model="a-model-of-next-year")
    await use(system, "acme", 4, day=18, data__end_user="u-3", data__model="a-model-of-next-year")
    await use(system, "globex", 1, day=10, **ON_CAPACITY)
    await system.allocate.run(MONTH)
    spent: list[int] = []
    report = await costs(system, "end_user", only=(("tenant", "acme"),), spend=spent.append)
    found = {row.group[0]: row.sums for row in report.rows if row.sums.requests}
    # Half of the one used hour of 55; 750 x 2.50 + 250 x 1.25 + 100 x 10 a million = 0.0031875.
    per_request = {user: sums.per_request for user, sums in found.items()}
    assert per_request == {
        "u-1": Fraction(55 * 10**18, 2),
        # Two requests, one without a price: what is known is a lower bound.
        "u-2": Fraction(3_187_500_000_000_000, 2),
        "u-3": None,
    }
    ratios = {user: (sums.cache_hit_ratio, sums.output_ratio) for user, sums in found.items()}
    assert ratios["u-1"] == (0, Fraction(1, 10))
    # 250 of 2,000 input tokens; 200 of them out.
    assert ratios["u-2"] == (Fraction(1, 8), Fraction(1, 10))
    assert sum(spent) > 0
    weeks = told(await costs(system, "week", "model", only=(("tenant", "acme"),)), "billed")
    assert weeks["2026-11-09", "gpt-4o-2024-11-20"] == ("27.5",)
    with pytest.raises(ConfigurationError, match="not 'end_user'"):
        await costs(system, "end_user")
    nothing = Sums()
    assert (nothing.cache_hit_ratio, nothing.output_ratio, nothing.own_charge) == (None, None, 0)


async def test_hours_are_provisional_until_the_close_and_final_after_it(system: System) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await use(system, "acme", 1, day=10, **ON_CAPACITY)
    report = await costs(system, "deployment")
    # Until noon of the 20th: 19 x 24 + 12 = 468 hours of 55, one of them used.
    assert told(report, "used", "unallocated", "provisional") == {"chat": ("55", "25685", "25740")}
    # Within a minute another question has the same hours, and reads no page for them.
    assert told(await costs(system, "account"), "used") == {"eu-ai": ("55",)}
    await system.allocate.run(MONTH)
    system.clock.set(MONTH.end + DAY)
    for month in range(1, 13):
        await costs(system, "account", days=Days(f"2024-{month:02}-01", f"2024-{month:02}-02"))
        await costs(system, "account", days=Days(f"2025-{month:02}-01", f"2025-{month:02}-02"))
    report = await costs(system, "deployment")
    assert told(report, "used", "unallocated", "provisional") == {"chat": ("55", "39545", "0")}


async def test_hours_that_a_broken_ledger_used_are_incomplete_and_nothing_else(
    system: System,
) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await use(system, "acme", 1, day=10, **ON_CAPACITY)
    await use(system, "globex", 1)
    await change(
        system, "DELETE FROM pages WHERE ledger = 'acme|2026-11-01T00:00:00Z' AND number = 1"
    )
    report = await costs(system, "tenant")
    named = ["acme|2026-11-01T00:00:00Z", "deployment eu-ai/chat, 2026-11"]
    assert told(report, "usage", "used") == {"globex": ("0.0035", "0")}
    assert list(report.left_out) == named
    assert report.left_out[named[1]] == f"{named[1]}: its hours were not worked out yet"


async def test_hours_of_a_month_that_is_long_over_and_never_closed_are_shown(
    system: System,
) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await use(system, "acme", 1, day=10, **ON_CAPACITY)
    shown = told(await costs(system, "tenant"), "used", "idle")
    system.clock.set(parse_month("2027-03").start)
    # No timer has kept them: on one machine they are worked out; all hours of November are over.
    late = await costs(system, "tenant")
    assert late.left_out == {}
    assert told(late, "used")["acme"] == (shown["acme"][0],)
    # 720 hours of 50 units at 1.10
    assert format_amount(late.totals["USD"].provisional) == "39600"
    # What a timer has left of a month that it keeps up to date no more is as good.
    await system.app.accruals.run()
    again = system.app.costs.accruals
    assert [one.is_final for one in (await again(parse_month("2026-11"))).accruals] == [False]
