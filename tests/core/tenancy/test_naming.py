"""Naming: rated is what served, then what the deployment is, then the one target of the alias."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, MINUTE, Instant
from metering.core.basics.money import format_amount
from metering.core.calendars.dated import BEGINNING
from metering.core.deployments.alias import MAX_ALIASES, Alias
from metering.core.deployments.deployment import Deployment, Provisioned
from metering.core.prices.rating import Rate
from metering.core.tenancy.alias_records import set_alias
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Record
from metering.core.tenancy.serving import Serving
from metering.core.tenancy.terms import TermsBook
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from tests.builders import AT, NOW, dimensions, price_book, usage

#: gpt-4o: 2.5 a million input tokens, 2.75 in a data zone; mini: 0.15; claude: 3.
ROWS: tuple[dict[str, Any], ...] = (
    {"aliases": ["gpt-4o-2024-11-20"]},
    {"deployment_type": "data_zone", "per_million_tokens": {"input": "2.75", "output": "11"}},
    {"model": "gpt-4o-mini", "per_million_tokens": {"input": "0.15", "output": "0.6"}},
    {
        "model": "claude-sonnet-4",
        "provider": "anthropic",
        "per_million_tokens": {"input": "3", "output": "15"},
    },
)
BOOK = price_book(*ROWS)
MILLION = from_names({"input": 1_000_000})


def deployed(**fields: Any) -> Record:
    made = Deployment(**{"name": "chat", "model": "gpt-4o", "deployment_type": "global", **fields})
    return Record("deployment", made.key, made.model_dump_json(), BEGINNING, NOW)


def named(name: str, *targets: str, effective: Instant = BEGINNING) -> Record:
    made = Alias(alias=name, targets=targets)
    return Record("alias", made.key, made.model_dump_json(), effective, NOW)


def directory_of(*records: Record) -> Directory:
    directory = Directory()
    directory.apply([Record("subject", "sub-1", "acme", BEGINNING, NOW), *records])
    return directory


def terms(*records: Record) -> TermsBook:
    return TermsBook(directory_of(*records), BOOK)


def rated(book: TermsBook, at: Instant = AT, **changes: Any) -> tuple[Rate, str | None]:
    rate, amount = book.rate(usage(**{"buckets": MILLION, "model": None, **changes}), at)
    return rate, None if amount is None else format_amount(amount)


SMART: dict[str, Any] = {"requested_model": "smart", "deployment": "smart"}
BOTH = named("smart", "gpt-4o", "claude-sonnet-4")


def test_the_served_model_is_rated_whatever_the_alias_says() -> None:
    one = terms(named("smart", "gpt-4o-mini"))
    rate, amount = rated(one, **SMART, model="claude-sonnet-4")
    # 1,000,000 input tokens at 3 a million
    assert (rate.model, amount) == ("claude-sonnet-4", "3")
    assert rated(terms(BOTH), **SMART, model="gpt-4o-2024-11-20")[1] == "2.5"


def test_then_the_model_of_the_deployment_and_then_the_one_target_of_the_alias() -> None:
    both = terms(deployed(model="gpt-4o-mini"), named("smart", "gpt-4o"))
    # The deployment's: 0.15 a million; the alias's: 2.5 a million.
    assert rated(both, requested_model="smart", deployment="chat")[1] == "0.15"
    assert rated(both, requested_model="smart")[1] == "2.5"
    assert rated(both, **SMART)[1] == "2.5"


def test_a_name_that_leads_to_no_one_model_is_unresolved() -> None:
    for book in (terms(), terms(BOTH), terms(named("smart"))):
        rate, amount = rated(book, **SMART)
        assert (rate.model, rate.version, amount) == (None, None, None)
        reason = book.why_unpriced(usage(model=None, **SMART), AT)
        assert reason.startswith("alias_unresolved: ")
    assert "which model 'smart' is" in terms().why_unpriced(usage(model=None, **SMART), AT)
    assert (
        terms(BOTH)
        .why_unpriced(usage(model=None, **SMART), AT)
        .endswith("no response says which target of 'smart' served it: gpt-4o, claude-sonnet-4")
    )
    nothing = terms().why_unpriced(usage(model=None), AT)
    assert nothing == "alias_unresolved: neither the request nor its response names a model"


def test_names_are_aliases_without_regard_to_case() -> None:
    book = terms(named("Smart", "GPT-4o"))
    rate, amount = rated(book, requested_model="sMART", deployment="SMART")
    assert (rate.model, amount) == ("gpt-4o", "2.5")


def test_an_alias_in_the_place_of_the_served_model_is_no_served_model() -> None:
    # As a log row may have it: the stream's response was not read.
    assert rated(terms(named("smart", "gpt-4o")), model="smart")[1] == "2.5"
    assert rated(terms(BOTH), model="smart", requested_model="smart")[1] is None
    assert rated(terms(), model="smart", requested_model="smart")[0].model == "smart"


def test_an_alias_with_the_name_of_a_model_leaves_served_models_as_they_are() -> None:
    book = terms(named("gpt-4o", "gpt-4o-mini"))
    assert rated(book, model="gpt-4o", requested_model="gpt-4o")[1] == "2.5"
    assert rated(book, requested_model="gpt-4o")[1] == "0.15"
    same = terms(named("gpt-4o", "gpt-4o"))
    assert rated(same, requested_model="gpt-4o", deployment="gpt-4o")[1] == "2.5"


def test_an_alias_that_changes_in_mid_period_prices_each_request_by_its_own_time() -> None:
    book = terms(named("smart", "gpt-4o"), named("smart", "gpt-4o-mini", effective=AT))
    for at, amount in ((AT - 1, "2.5"), (AT, "0.15"), (AT - DAY, "2.5")):
        assert rated(book, at, **SMART)[1] == amount


def test_one_target_is_the_deployment_that_gives_the_place_of_the_price() -> None:
    place = deployed(deployment_type="data_zone", account="eu-ai")
    book = terms(place, named("smart", "eu-ai/chat"))
    assert rated(book, **SMART)[1] == "2.75"
    assert rated(book, **SMART, model="gpt-4o")[1] == "2.75"
    # Fail-over led elsewhere: that model is rated, and not in the place of the target.
    assert rated(book, **SMART, model="claude-sonnet-4")[1] == "3"
    serving = Serving(book.naming.directory, BOOK)
    assert serving.of(dimensions(model=None, **SMART), AT).deployment == "chat"
    assert serving.of(dimensions(**SMART), AT).account == "eu-ai"
    assert serving.of(dimensions(deployment="chat", backend="eu-ai"), AT).sku == "DataZoneStandard"


def test_targets_in_other_places_are_told_apart_by_deployment_and_back_end() -> None:
    places = (
        deployed(account="eu-ai", deployment_type="data_zone"),
        deployed(account="us-ai"),
    )
    book = terms(*places, named("smart", "eu-ai/chat", "us-ai/chat"))
    assert rated(book, **SMART)[1] is None
    assert rated(book, **SMART, backend="eu-ai")[1] == "2.75"
    assert rated(book, **SMART, backend="https://us-ai.openai.azure.com")[1] == "2.5"
    # Of a served model the place is as unknown as that of a deployment without a record: global.
    assert rated(book, **SMART, model="gpt-4o")[1] == "2.5"
    alike = terms(
        deployed(account="eu-ai", deployment_type="data_zone"),
        deployed(account="us-ai", deployment_type="data_zone"),
        named("smart", "eu-ai/chat", "us-ai/chat"),
    )
    assert rated(alike, **SMART)[1] == "2.75"


def test_units_paid_by_the_hour_are_never_taken_for_another_deployments() -> None:
    units = Provisioned(units=50, hourly_price="1.1", scope="data_zone")
    one = deployed(account="eu-ai", deployment_type="provisioned", provisioned=units)
    other = deployed(account="us-ai", deployment_type="provisioned", provisioned=units)
    book = terms(one, other, named("smart", "eu-ai/chat", "us-ai/chat"))
    assert rated(book, **SMART)[1] is None
    assert rated(book, **SMART, backend="us-ai")[0].row == "us-ai/chat/provisioned"


def test_a_model_beside_a_deployment_of_it_leaves_the_place_open() -> None:
    book = terms(deployed(deployment_type="data_zone"), named("smart", "chat", "gpt-4o"))
    assert rated(book, **SMART)[1] is None
    assert rated(book, requested_model="smart", deployment="gpt-4o")[1] == "2.5"


def test_the_target_of_a_downgrade_is_not_rated_as_the_alias() -> None:
    book = terms(named("smart", "gpt-4o"))
    gone: dict[str, Any] = {"requested_model": "smart", "deployment": "gpt-4o-mini"}
    assert rated(book, **gone)[1] is None
    assert rated(book, **gone, model="gpt-4o-mini")[1] == "0.15"
    # A deployment that no record has is what the alias leads to.
    assert rated(book, requested_model="smart", deployment="prod-7")[1] == "2.5"


def test_a_hold_is_estimated_by_the_first_target() -> None:
    held = {"evidence": Evidence.HELD, **SMART}
    assert rated(terms(BOTH), **held)[1] == "2.5"
    assert rated(terms(named("smart", "claude-sonnet-4", "gpt-4o")), **held)[1] == "3"
    assert rated(terms(), evidence=Evidence.HELD, requested_model="gpt-4o")[1] == "2.5"


def test_a_model_router_behind_an_alias_has_its_fee_and_the_served_models_price() -> None:
    served = usage(model="gpt-4o", **SMART)
    assert terms(deployed(name="r", model="model-router"), named("smart", "r")).is_routed(served)
    assert terms(named("smart", "model-router")).is_routed(served)
    assert not terms(named("smart", "model-router", "gpt-4o")).is_routed(served)
    assert not terms().is_routed(served)


def declare(directory: Directory, *aliases: tuple[str, tuple[str, ...]], **how: Any) -> Directory:
    for name, targets in aliases:
        decision = set_alias(directory, BOOK, Alias(alias=name, targets=targets), NOW, **how)
        if decision.record is not None:
            directory.apply([decision.record])
    return directory


def test_a_new_alias_holds_from_the_beginning_and_a_change_from_soon_on() -> None:
    directory = declare(directory_of(), ("smart", ("gpt-4o",)), ("smart", ("gpt-4o",)))
    assert directory.version == 2
    changed = set_alias(directory, BOOK, Alias(alias="SMART", targets=("gpt-4o-mini",)), NOW)
    assert changed.outcome == NOW + 5 * MINUTE
    with pytest.raises(ConfigurationError, match="alias 'smart': a change starts no earlier"):
        declare(directory, ("smart", ("gpt-4o-mini",)), effective=AT)
    declare(directory, ("smart", ("gpt-4o-mini",)), effective=AT, supersede=True)
    assert rated(TermsBook(directory, BOOK), AT, **SMART)[1] == "0.15"
    assert rated(TermsBook(directory, BOOK), AT - 1, **SMART)[1] == "2.5"


def test_a_retired_alias_is_none_from_then_on_and_may_come_back() -> None:
    directory = declare(directory_of(), ("smart", ("gpt-4o",)))
    declare(directory, ("smart", ()), effective=NOW + DAY)
    assert [one.is_in_force for one in directory.aliases.listed(NOW)] == [True]
    assert directory.aliases.listed(NOW + DAY) == []
    declare(directory, ("smart", ("gpt-4o-mini",)), effective=NOW + 2 * DAY)
    (listed,) = directory.aliases.listed(NOW + DAY)
    assert (listed.is_in_force, listed.alias.targets) == (False, ("gpt-4o-mini",))
    with pytest.raises(ConfigurationError, match="alias 'other': give at least one target"):
        declare(directory, ("other", ()))


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (("a", ("gpt-4o",)), ("b", ("A",)), "its target 'A' is an alias itself"),
        (("b", ("a",)), ("a", ("gpt-4o",)), "is a target of the alias 'b'"),
        (("a", ("gpt-4o",)), ("b", ("b",)), "leads to itself"),
        (("a", ("b",)), ("b", ("a",)), "is an alias itself"),
    ],
)
def test_chains_and_cycles_are_refused_in_either_direction(
    first: tuple[str, tuple[str, ...]], second: tuple[str, tuple[str, ...]], reason: str
) -> None:
    directory = declare(directory_of(), first)
    with pytest.raises(ConfigurationError, match=reason):
        declare(directory, second)


def test_a_chain_to_come_is_refused_and_one_that_is_over_is_none() -> None:
    directory = declare(directory_of(), ("b", ("gpt-4o",)))
    declare(directory, ("b", ()), effective=NOW + DAY)
    with pytest.raises(ConfigurationError, match="is an alias itself"):
        declare(directory, ("a", ("b",)), effective=NOW + DAY - 1)
    declare(directory, ("a", ("b",)), effective=NOW + DAY)
    with pytest.raises(ConfigurationError, match="is a target of the alias 'a'"):
        declare(directory, ("b", ("gpt-4o",)), effective=NOW + 2 * DAY)


def test_the_name_of_a_deployment_of_another_model_is_refused() -> None:
    directory = directory_of(deployed(name="Smart", account="eu-ai"))
    with pytest.raises(ConfigurationError, match="is the name of deployment 'eu-ai/Smart'"):
        declare(directory, ("smart", ("gpt-4o-mini",)))
    declare(directory, ("smart", ("gpt-4o-2024-11-20", "gpt-4o-mini")))
    assert directory.aliases.at("smart", AT).alias is not None


def test_aliases_are_bounded() -> None:
    many = [named(f"a{number}", "gpt-4o") for number in range(MAX_ALIASES)]
    directory = directory_of(*many)
    with pytest.raises(ConfigurationError, match="there are 500 aliases, at most 500"):
        declare(directory, ("one-more", ("gpt-4o",)))
    declare(directory, ("a7", ("gpt-4o-mini",)))


@given(st.permutations([("smart", "gpt-4o"), ("fast", "gpt-4o-mini"), ("deep", "claude-sonnet-4")]))
def test_the_order_in_which_aliases_are_declared_does_not_matter(
    order: list[tuple[str, str]],
) -> None:
    directory = declare(directory_of(), *((name, (target,)) for name, target in order))
    book = TermsBook(directory, BOOK)
    found = [rated(book, requested_model=name)[1] for name in ("smart", "fast", "deep")]
    assert found == ["2.5", "0.15", "3"]
