"""The directory's deployments: dated, of one account before any account, the past as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, MINUTE
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.core.deployments.deployment import Deployment, DeploymentType
from metering.core.tenancy.decisions import define_deployment
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Record
from tests.builders import NOW, recorded

SOON = NOW + 5 * MINUTE
LATER = NOW + DAY


def deployment(
    name: str = "chat", account: str | None = None, kind: DeploymentType = "global"
) -> Deployment:
    return Deployment(name=name, account=account, model="gpt-4o", deployment_type=kind)


def record(made: Deployment, effective: int = BEGINNING) -> Record:
    return recorded(define_deployment(Directory(), made, NOW, effective))


def directory(*records: Record) -> Directory:
    made = Directory()
    made.apply(records)
    return made


ANYWHERE = deployment()
CONTOSO = deployment(account="contoso", kind="regional")


def test_a_deployment_nobody_recorded_is_unknown_at_all_times() -> None:
    assert directory().deployment("chat", "contoso", NOW) == (None, BEGINNING, FOREVER)
    assert not directory().knows_deployment("chat", "contoso")


def test_the_one_of_the_account_comes_before_the_one_of_any_account() -> None:
    made = directory(record(ANYWHERE), record(CONTOSO))
    assert made.deployment("chat", "contoso", NOW)[0] == CONTOSO
    assert made.deployment("chat", "fabrikam", NOW)[0] == ANYWHERE
    assert made.deployment("chat", None, NOW)[0] == ANYWHERE


def test_one_of_another_account_is_no_answer() -> None:
    made = directory(record(CONTOSO))
    assert made.deployment("chat", "fabrikam", NOW)[0] is None
    assert made.deployment("chat", None, NOW)[0] is None
    assert made.deployment("contoso/chat", None, NOW)[0] is None


def test_names_are_the_same_in_upper_and_lower_case_as_in_azure() -> None:
    assert directory(record(CONTOSO)).deployment("CHAT", "Contoso", NOW)[0] == CONTOSO


def test_a_change_takes_effect_at_its_instant_and_events_before_it_keep_the_old_answer() -> None:
    dearer = CONTOSO.model_copy(update={"deployment_type": "data_zone"})
    made = directory(record(CONTOSO), record(dearer, LATER))
    assert made.deployment("chat", "contoso", LATER - 1) == (CONTOSO, BEGINNING, LATER)
    assert made.deployment("chat", "contoso", LATER) == (dearer, LATER, FOREVER)
    assert made.deployments(NOW) == [CONTOSO]
    assert made.deployments(LATER) == [dearer]


def test_until_an_account_has_its_own_the_answer_of_any_account_holds() -> None:
    made = directory(record(ANYWHERE, NOW), record(CONTOSO, LATER))
    assert made.deployment("chat", "contoso", NOW - 1) == (None, BEGINNING, NOW)
    assert made.deployment("chat", "contoso", NOW) == (ANYWHERE, NOW, LATER)
    assert made.deployment("chat", "contoso", LATER) == (CONTOSO, LATER, FOREVER)


def test_the_first_record_may_reach_back_and_a_further_one_may_not() -> None:
    assert recorded(define_deployment(directory(), CONTOSO, NOW, BEGINNING)).key == "contoso/chat"
    known = directory(record(CONTOSO))
    assert define_deployment(known, CONTOSO, NOW, SOON).outcome == SOON
    with pytest.raises(ConfigurationError, match="deployment 'contoso/chat': .*12:05:00Z.*history"):
        define_deployment(known, deployment(account="contoso"), NOW, SOON - 1)


def test_the_first_record_of_an_account_never_replaces_what_any_account_was_told() -> None:
    known = directory(record(ANYWHERE))
    with pytest.raises(ConfigurationError, match="history is never edited"):
        define_deployment(known, CONTOSO, NOW, BEGINNING)
    assert define_deployment(known, CONTOSO, NOW, SOON).outcome == SOON


def test_deployments_are_listed_by_key() -> None:
    made = directory(record(deployment("b")), record(CONTOSO), record(deployment("a")))
    assert [one.key for one in made.deployments(NOW)] == ["a", "b", "contoso/chat"]
    assert made.version == 3


@given(
    records=st.lists(
        st.tuples(
            st.sampled_from([None, "contoso"]),
            st.sampled_from(["global", "data_zone", "regional"]),
            st.integers(BEGINNING, 20),
        )
    ),
    at=st.integers(BEGINNING, 25),
)
def test_nothing_changes_within_the_span_that_comes_with_an_answer(
    records: list[tuple[str | None, DeploymentType, int]], at: int
) -> None:
    made = directory(
        *(record(deployment(account=account, kind=kind), start) for account, kind, start in records)
    )
    found, start, end = made.deployment("chat", "contoso", at)
    assert start <= at < end
    for instant in range(start, min(end, 30)):
        assert made.deployment("chat", "contoso", instant) == (found, start, end)
