"""Served models: limits name models, clients name deployments, responses tell which is which."""

from pydantic_core import from_json

from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import plan_commit
from metering.core.ledger.head import Head
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.limits import NO_LIMITS, LimitChange
from metering.core.ledger.page import read_page
from metering.core.ledger.past import NO_PAST
from metering.core.ledger.served import MAX_SERVED
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, price_book, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
RATE = rating(price_book({}, {"model": "mini", "per_million_tokens": {"input": "1"}}))
BEGUN = Head(LEDGER)


def served(head: Head) -> dict[str, str]:
    assert head.counts.past is not None
    return dict(head.counts.past.served)


def counted(head: Head, *usages: Usage) -> Head:
    # A ledger's first commit takes over the past of the one before.
    change = None if head.pages else LimitChange(NO_LIMITS, past=NO_PAST)
    return plan_commit(head, {}, usages, RATE, NOW, change=change).head


def test_a_deployment_serves_the_model_of_its_last_counted_response() -> None:
    head = counted(BEGUN, usage("a", deployment="x", model="gpt-4o"))
    assert served(head) == {"x": "gpt-4o"}
    assert served(counted(head, usage("b", deployment="x", model="mini"))) == {"x": "mini"}
    # In /openai/v1 the deployment is in the body, as the requested model.
    by_body = usage("c", requested_model="y", model="mini")
    assert served(counted(head, by_body)) == {"x": "gpt-4o", "y": "mini"}
    assert served(head) == {"x": "gpt-4o"}


def test_what_was_not_answered_tells_nothing() -> None:
    refused = usage("a", deployment="x", status=404, evidence=Evidence.ABSENT)
    held = usage("b", deployment="x", evidence=Evidence.HELD)
    unnamed = usage("c", model="gpt-4o")
    assert served(counted(BEGUN, refused, held, unnamed)) == {}


def test_a_hundred_deployments_are_remembered_the_latest_ones() -> None:
    made = [usage(f"{n}", deployment=f"d-{n:03d}", model="mini") for n in range(MAX_SERVED + 1)]
    head = counted(BEGUN, *made)
    assert list(served(head)) == [f"d-{n:03d}" for n in range(1, MAX_SERVED + 1)]
    again = read_head(from_json(write_head(head)), LEDGER)
    assert again == head
    assert list(served(again)) == list(served(head))


def test_the_next_period_takes_over_what_is_known() -> None:
    past = counted(BEGUN, usage("a", deployment="x", model="mini")).counts.past
    following = LedgerId("acme", month_of(AT).end)
    later = usage("b", time=month_of(AT).end)
    change = LimitChange(NO_LIMITS, past=past)
    commit = plan_commit(Head(following), {}, [later], RATE, NOW, change=change)
    page = read_page(from_json(commit.contents[0]), following)
    assert page.change is not None
    assert page.change.past is not None
    assert dict(page.change.past.served) == {"x": "mini"}
