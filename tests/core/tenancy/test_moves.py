"""Nothing changes hands unless told to, and the refusal names the owner."""

from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant
from metering.core.calendars.dated import Dated
from metering.core.deployments.deployment import Deployment
from metering.core.tenancy import decisions
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.moves import refuse_moves
from metering.core.tenancy.record import Record
from metering.core.tenancy.schedule import Scheduled, scheduled, scheduled_plans
from metering.core.tenancy.tenants_file import read_tenants_file
from tests.builders import NOW

MEMBER = "user:6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11"
CHAT = Deployment(name="chat", model="gpt-4o", deployment_type="global")
OTHER = CHAT.model_copy(update={"model": "gpt-4.1"})


def directory() -> Directory:
    """Return acme with a subscription and a member, and tenants on plan pro."""
    made = Directory()
    made.apply(
        [
            Record("plan", "pro", '{"id":"pro"}', 0, 0),
            Record("subject", "sub-1", "acme", 0, 0),
            *(Record("tenant_plan", name, "pro", 0, 0) for name in ("acme", *"bcdef")),
            Record("tenant_plan", "globex", "default", 0, 0),
            Record("member", MEMBER, "acme", 0, 0),
            Record("deployment", "chat", CHAT.model_dump_json(exclude_none=True), 0, 0),
        ]
    )
    return made


def taken(**content: Any) -> None:
    refuse_moves(directory(), read_tenants_file("f", content), NOW)


def test_a_subscription_of_another_tenant_stays_unless_moved() -> None:
    message = "subscription 'sub-1' belongs to tenant 'acme': give --move to move it to 'globex'"
    with pytest.raises(ConfigurationError, match=message):
        decisions.map_subject(directory(), "sub-1", "globex", NOW)
    assert decisions.map_subject(directory(), "sub-1", "globex", NOW, move=True).record is not None
    assert decisions.map_subject(directory(), "sub-1", "acme", NOW).record is None


def test_a_member_of_another_tenant_stays_unless_moved_and_may_always_be_removed() -> None:
    with pytest.raises(ConfigurationError, match="belongs to tenant 'acme': give --move"):
        decisions.set_member(directory(), MEMBER, "globex", NOW)
    assert decisions.set_member(directory(), MEMBER, "globex", NOW, move=True).record is not None
    assert decisions.set_member(directory(), MEMBER, None, NOW).record is not None


def test_a_deployment_keeps_its_model_unless_moved() -> None:
    message = "deployment 'chat' belongs to model 'gpt-4o': give --move to move it to 'gpt-4.1'"
    with pytest.raises(ConfigurationError, match=message):
        decisions.define_deployment(directory(), OTHER, NOW)
    assert decisions.define_deployment(directory(), OTHER, NOW, move=True).record is not None
    # One of an account of its own takes nothing from the one of any account.
    own = OTHER.model_copy(update={"account": "contoso"})
    assert decisions.define_deployment(directory(), own, NOW).record is not None


def test_a_file_takes_no_subscription_deployment_or_plan_of_others() -> None:
    globex = {"id": "globex", "subscriptions": ["sub-1"]}
    with pytest.raises(ConfigurationError, match="'sub-1' belongs to tenant 'acme'"):
        taken(tenants=[globex])
    with pytest.raises(ConfigurationError, match="belongs to model 'gpt-4o'"):
        taken(deployments=[OTHER.model_dump(exclude_none=True)])
    message = "plan 'pro' is in use by acme, b, c, d, e and others: give --move"
    with pytest.raises(ConfigurationError, match=message):
        taken(plans=[{"id": "pro", "markup": "0.1"}])


def test_a_file_may_repeat_what_holds_and_change_the_plan_of_its_own_tenants() -> None:
    taken(
        plans=[{"id": "pro"}, {"id": "new"}],
        tenants=[{"id": "acme", "plan": "pro", "subscriptions": ["sub-1", "sub-new"]}],
        deployments=[CHAT.model_dump(exclude_none=True)],
    )
    own = [{"id": name, "plan": "pro"} for name in ("acme", *"bcdef")]
    taken(plans=[{"id": "pro", "markup": "0.1"}], tenants=own)


def test_what_is_scheduled_is_listed_in_order_for_both_sides() -> None:
    known = directory()
    known.apply(
        [
            Record("subject", "sub-1", "globex", NOW + 2 * DAY, NOW),
            Record("subject", "sub-1", "globex", NOW + 3 * DAY, NOW),
            Record("tenant_plan", "acme", "default", NOW + DAY, NOW),
            Record("plan", "pro", '{"id":"pro","markup":"0.1"}', NOW + 4 * DAY, NOW),
        ]
    )
    assert scheduled(known, "acme", NOW) == [
        Scheduled(NOW + DAY, "plan default"),
        Scheduled(NOW + 2 * DAY, "subscription sub-1 to globex"),
        Scheduled(NOW + 4 * DAY, "new terms of plan pro"),
    ]
    assert scheduled(known, "globex", NOW) == [Scheduled(NOW + 2 * DAY, "subscription sub-1")]
    assert scheduled_plans(known, NOW) == [("pro", NOW + 4 * DAY)]


def test_a_tenant_is_looked_up_without_a_look_at_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[Instant] = []
    at = Dated.at

    def counted(dated: Dated[Any], instant: Instant) -> Any:
        looks.append(instant)
        return at(dated, instant)

    def looks_with(others: int) -> int:
        made = directory()
        made.apply([Record("subject", f"sub-x{n}", f"x{n}", 0, 0) for n in range(others)])
        made.apply([Record("subject", "sub-1", "globex", NOW + DAY, 0)])
        looks.clear()
        assert made.subjects("acme", NOW) == ["sub-1"]
        assert made.subjects("globex", NOW + DAY) == ["sub-1"]
        assert made.subjects("nobody", NOW) == []
        to_come = [Scheduled(NOW + DAY, "subscription sub-1 to globex")]
        assert scheduled(made, "acme", NOW) == to_come
        return len(looks)

    with monkeypatch.context() as patch:
        patch.setattr(Dated, "at", counted)
        assert looks_with(1) == looks_with(100)
