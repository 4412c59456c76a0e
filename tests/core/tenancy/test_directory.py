"""The directory: dated mappings that are appended to and never reach into the past."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, MINUTE, parse_instant
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.plans.plan import DEFAULT_PLAN, Plan, read_plan
from metering.core.tenancy.decisions import assign_plan, automatic_tenant, define_plan, map_subject
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Record
from tests.builders import NOW, recorded

LATER = NOW + DAY
#: An event may be 5 minutes ahead: until then all must stay as it was when it was counted.
SOON = NOW + 5 * MINUTE
MONTH = parse_instant("2026-12-01T00:00:00Z")


def directory(*records: Record) -> Directory:
    made = Directory()
    made.apply(records)
    return made


def subject(name: str, tenant: str, effective: int = BEGINNING) -> Record:
    return Record("subject", name, tenant, effective, NOW)


def plan_record(plan: Plan, effective: int = BEGINNING) -> Record:
    return Record("plan", plan.id, plan.model_dump_json(), effective, NOW)


EURO = Plan(id="euro", currency="EUR")
PLUS = Plan(id="plus", markup="0.15")


def test_a_tenant_on_whom_nobody_decided_pays_list_prices() -> None:
    found = directory(subject("sub-1", "acme")).assignment("sub-1", NOW)
    assert found is not None
    assert (found.tenant, found.plan) == ("acme", DEFAULT_PLAN)


def test_an_unknown_subject_has_no_payer() -> None:
    assert directory().assignment("sub-1", NOW) is None


def test_a_subject_has_no_payer_before_its_first_mapping() -> None:
    assert directory(subject("sub-1", "acme", NOW)).assignment("sub-1", NOW - 1) is None


def test_a_move_takes_effect_at_its_instant_and_not_before() -> None:
    moved = directory(subject("sub-1", "acme"), subject("sub-1", "globex", LATER))
    before, after = moved.assignment("sub-1", LATER - 1), moved.assignment("sub-1", LATER)
    assert before is not None
    assert after is not None
    assert (before.tenant, before.end) == ("acme", LATER)
    assert (after.tenant, after.start) == ("globex", LATER)


def test_a_plan_and_its_versions_take_effect_at_their_instants() -> None:
    dearer = PLUS.model_copy(update={"markup": "0.2"})
    made = directory(
        subject("sub-1", "acme"),
        plan_record(PLUS),
        plan_record(dearer, LATER),
        Record("tenant_plan", "acme", "plus", NOW, NOW),
    )
    assert made.plan_of("acme", NOW - 1)[0] == DEFAULT_PLAN
    assert made.plan_of("acme", NOW) == (PLUS, NOW, LATER)
    assert made.plan_of("acme", LATER)[0] == dearer


def test_of_two_records_for_one_instant_the_later_one_holds() -> None:
    made = directory(subject("sub-1", "acme"), subject("sub-1", "globex"))
    found = made.assignment("sub-1", NOW)
    assert found is not None
    assert found.tenant == "globex"


def test_a_first_mapping_may_reach_back_and_a_further_one_may_not() -> None:
    assert map_subject(directory(), "sub-1", "acme", NOW, BEGINNING).outcome == BEGINNING
    known = directory(subject("sub-1", "acme"))
    assert map_subject(known, "sub-1", "globex", NOW, SOON, move=True).outcome == SOON
    with pytest.raises(ConfigurationError, match="no earlier than 2026-11-20T12:05:00Z"):
        map_subject(known, "sub-1", "globex", NOW, SOON - 1)


def test_the_plan_of_a_known_tenant_never_changes_in_the_past() -> None:
    known = directory(subject("sub-1", "acme"), plan_record(PLUS))
    assert recorded(assign_plan(known, "acme", "plus", NOW, SOON)).value == "plus"
    assert assign_plan(known, "new", "plus", NOW, BEGINNING).outcome == BEGINNING
    with pytest.raises(ConfigurationError, match="the plan of tenant 'acme'.*no earlier"):
        assign_plan(known, "acme", "plus", NOW, SOON - 1)


def test_a_known_plan_never_changes_in_the_past() -> None:
    assert recorded(define_plan(directory(), PLUS, NOW, BEGINNING)).key == "plus"
    with pytest.raises(ConfigurationError, match="plan 'plus'.*no earlier"):
        define_plan(directory(plan_record(PLUS)), Plan(id="plus"), NOW, SOON - 1)


def test_a_currency_changes_only_at_the_start_of_a_period() -> None:
    known = directory(subject("sub-1", "acme"), plan_record(EURO))
    with pytest.raises(ConfigurationError, match="currency changes from USD to EUR"):
        assign_plan(known, "acme", "euro", NOW, LATER)
    assert assign_plan(known, "acme", "euro", NOW, MONTH).outcome == MONTH
    with pytest.raises(ConfigurationError, match="plan 'euro': the currency changes"):
        define_plan(known, Plan(id="euro"), NOW, LATER)


MID_DECEMBER = MONTH + 14 * DAY
FEE = Plan(id="plus", markup="0.15", base_fee="10")


@pytest.mark.parametrize(
    ("terms", "complaint"),
    [
        ({"base_fee": "10"}, "the base_fee changes from 0 to 10"),
        ({"minimum": "10"}, "the minimum changes from 0 to 10"),
        ({"request_fee": "0.1"}, "the request_fee changes from 0 to 0.1"),
        ({"allowance": [{"tokens": 1}]}, "the allowance would be another"),
        ({"packages": [{"meters": [{"model": "m"}], "size": 1, "price": "1"}]}, "the packages"),
        (
            {
                "tiers": [
                    {
                        "mode": "volume",
                        "meters": [{"model": "m"}],
                        "steps": [{"up_to": None, "price_per_million": "1"}],
                    }
                ]
            },
            "the tiers would be another",
        ),
    ],
)
def test_what_holds_for_a_period_changes_only_at_the_start_of_one(
    terms: dict[str, object], complaint: str
) -> None:
    new = read_plan("p.yaml", {"id": "plus", "markup": "0.15", **terms})
    other = new.model_copy(update={"id": "other"})
    known = directory(subject("sub-1", "acme"), plan_record(PLUS), plan_record(other))
    when = "only at the start of a period, not at 2026-11-21.*; the next is 2026-12-01T00:00:00Z"
    with pytest.raises(ConfigurationError, match=f"plan 'plus': {complaint}.*{when}"):
        define_plan(known, new, NOW, LATER)
    with pytest.raises(ConfigurationError, match=f"tenant 'acme': {complaint}.*{when}"):
        assign_plan(known, "acme", "other", NOW, LATER)
    assert define_plan(known, new, NOW, MONTH).outcome == MONTH
    assert assign_plan(known, "acme", "other", NOW, MONTH).outcome == MONTH


def test_what_prices_a_request_by_itself_changes_at_any_later_instant() -> None:
    new = read_plan(
        "p.yaml",
        {
            "id": "plus",
            "markup": "0.2",
            "unpriced": "block",
            "allowed_models": ["gpt-4o"],
            "overrides": [{"model": "gpt-4o", "markup": "0"}],
            "off_peak": {
                "time_zone": "UTC",
                "windows": [{"from": "22:00", "to": "06:00", "multiplier": "0.5"}],
            },
        },
    )
    assert define_plan(directory(plan_record(PLUS)), new, NOW, LATER).outcome == LATER


def test_a_first_version_with_period_terms_reaches_back() -> None:
    assert define_plan(directory(), FEE, NOW, BEGINNING).outcome == BEGINNING
    known = directory(plan_record(FEE))
    assert assign_plan(known, "new", "plus", NOW, BEGINNING).outcome == BEGINNING


def test_a_change_that_would_make_a_later_one_uneven_is_refused() -> None:
    dearer = PLUS.model_copy(update={"markup": "0.2"})
    known = directory(plan_record(PLUS), plan_record(dearer, MID_DECEMBER))
    complaint = "plan 'plus', then: the base_fee changes from 10 to 0.*next is 2027-01-01"
    with pytest.raises(ConfigurationError, match=complaint):
        define_plan(known, FEE, NOW, MONTH)
    later = directory(plan_record(PLUS), plan_record(FEE, MONTH))
    assert define_plan(later, dearer, NOW, LATER).outcome == LATER


def test_a_plan_with_a_fee_is_refused_before_a_move_off_it_inside_a_period() -> None:
    known = directory(
        subject("sub-1", "acme"),
        plan_record(PLUS),
        plan_record(FEE.model_copy(update={"id": "fee"})),
        Record("tenant_plan", "acme", "plus", NOW, NOW),
        Record("tenant_plan", "acme", "default", MID_DECEMBER, NOW),
    )
    complaint = "tenant 'acme', then: the base_fee changes from 10 to 0.*not at 2026-12-15"
    with pytest.raises(ConfigurationError, match=complaint):
        assign_plan(known, "acme", "fee", NOW, MONTH)
    with pytest.raises(ConfigurationError, match=complaint):
        define_plan(known, FEE, NOW, MONTH)
    assert recorded(define_plan(known, FEE, NOW, month_of(MID_DECEMBER).end)).value


def test_a_plan_that_will_have_a_fee_is_refused_before_a_move_off_it_inside_a_period() -> None:
    january = month_of(MID_DECEMBER).end
    known = directory(
        subject("sub-1", "acme"),
        plan_record(PLUS),
        plan_record(FEE, january),
        Record("tenant_plan", "acme", "default", january + DAY, NOW),
    )
    with pytest.raises(ConfigurationError, match="then: the base_fee changes from 10 to 0"):
        assign_plan(known, "acme", "plus", NOW, MONTH)


def test_a_ledger_is_charged_under_the_plan_in_force_at_its_start() -> None:
    made = directory(
        plan_record(PLUS),
        plan_record(FEE, MONTH),
        Record("tenant_plan", "acme", "plus", NOW, NOW),
    )
    months = [month_of(NOW).start, MONTH]
    assert [made.plan_for(LedgerId("acme", start)) for start in months] == [DEFAULT_PLAN, FEE]


@pytest.mark.parametrize("name", ["", "a|b", "a b", "x" * 65, "ä"])
def test_a_tenant_id_that_could_not_name_a_ledger_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="use 1 to 64"):
        map_subject(directory(), "sub-1", name, NOW, NOW)
    with pytest.raises(ConfigurationError, match="use 1 to 64"):
        assign_plan(directory(), name, "default", NOW, NOW)


def test_an_empty_subscription_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="subscription: is empty"):
        map_subject(directory(), "", "acme", NOW, NOW)


def test_a_plan_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="unknown plan 'gold'"):
        assign_plan(directory(), "acme", "gold", NOW, NOW)


def test_the_first_version_of_a_plan_reaches_back_so_that_every_event_has_terms() -> None:
    made = directory(
        plan_record(PLUS, LATER), Record("tenant_plan", "acme", "plus", BEGINNING, NOW)
    )
    assert made.plan_of("acme", NOW) == (PLUS, BEGINNING, LATER)


def test_an_unknown_subject_becomes_a_tenant_of_its_own_name() -> None:
    assert automatic_tenant(directory(), "sub-1") == "sub-1"


def test_a_name_that_is_taken_or_no_tenant_id_gets_a_hash() -> None:
    taken = directory(subject("sub-9", "sub-1"))
    assert automatic_tenant(taken, "sub-1").startswith("sub-1-")
    colon, dash = automatic_tenant(taken, "app:x"), automatic_tenant(taken, "app-x")
    assert colon.startswith("app-x-")
    assert dash == "app-x"
    assert len(automatic_tenant(taken, "y" * 200)) == 64


def test_a_name_with_a_hash_that_is_taken_gets_another_one() -> None:
    name = automatic_tenant(directory(), "app:x")
    assert automatic_tenant(directory(subject(name, name)), "app:x") not in {name, "app-x"}


def test_subjects_and_tenants_are_listed_as_of_an_instant() -> None:
    made = directory(
        subject("sub-2", "acme"), subject("sub-1", "acme"), subject("sub-1", "globex", LATER)
    )
    assert made.tenants() == ["acme", "globex"]
    assert made.subjects("acme", NOW) == ["sub-1", "sub-2"]
    assert made.subjects("acme", LATER) == ["sub-2"]
    assert [plan.id for plan in directory(plan_record(PLUS, LATER)).plans(NOW)] == ["default"]
    assert made.version == 3


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"id": "x", "markup": 0.1}, "p.yaml: markup: .*quoted decimal"),
        ({"id": "x", "colour": "red"}, "p.yaml: colour: Extra inputs"),
        ({"markup": "0"}, "p.yaml: id: Field required"),
        ({"id": "x", "currency": "usd"}, "p.yaml: currency"),
        ({"id": "x", "unpriced": "maybe"}, "p.yaml: unpriced"),
        ([], "p.yaml: file: "),
    ],
)
def test_a_faulty_plan_is_refused_with_its_file_and_field(content: object, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read_plan("p.yaml", content)


def test_a_plan_reads_back_as_it_was_written() -> None:
    assert read_plan("p.yaml", {"id": "plus", "markup": "0.150"}) == PLUS
    assert Plan.model_validate_json(PLUS.model_dump_json()) == PLUS


def test_a_plan_of_a_later_start_may_be_redefined_before_it() -> None:
    known = directory(plan_record(EURO, MONTH))
    assert define_plan(known, Plan(id="euro"), NOW, LATER).outcome == LATER
