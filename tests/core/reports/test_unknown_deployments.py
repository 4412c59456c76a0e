"""Unknown deployments: what usage names and no record knew at the time."""

from metering.core.basics.instants import DAY
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.deployments.deployment import Deployment
from metering.core.ledger.commit import KnownBySlot, plan_commit
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.reports.unknown_deployments import UnknownDeployment, UnknownDeployments
from metering.core.tenancy.decisions import define_deployment
from metering.core.tenancy.directory import Directory
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, rating, recorded, usage

LEDGER = LedgerId("acme", month_of(AT).start)
CHAT = Deployment(name="chat", account="contoso", model="gpt-4o", deployment_type="global")


def pages(*usages: Usage) -> list[Page]:
    return list(plan_commit(Head(LEDGER), {}, list(usages), rating(), NOW).pages)


def unknown(made: list[Page], effective: int | None = None) -> list[UnknownDeployment]:
    """Return what is unknown where the only record is that of contoso/chat, if it is effective."""
    directory = Directory()
    if effective is not None:
        directory.apply([recorded(define_deployment(directory, CHAT, NOW, effective))])
    found = UnknownDeployments(directory)
    for page in made:
        found.add(page)
    return found.found()


def test_they_are_counted_by_name_and_backend_with_the_models_that_answered() -> None:
    made = pages(
        usage("a", deployment="chat", backend="contoso"),
        usage("b", deployment="chat", backend="fabrikam", model="gpt-4o"),
        usage("c", deployment="chat", backend="fabrikam", model="gpt-4.1"),
        usage("d", deployment="chat", backend="fabrikam", model=None),
        usage("e", deployment="embed"),
    )
    assert unknown(made, BEGINNING) == [
        UnknownDeployment("chat", "fabrikam", 3, ("gpt-4.1", "gpt-4o")),
        UnknownDeployment("embed", None, 1, ("gpt-4o",)),
    ]


def test_usage_of_before_a_record_takes_effect_was_unknown() -> None:
    made = pages(
        usage("a", deployment="chat", backend="contoso", time=AT - DAY),
        usage("b", deployment="chat", backend="contoso", time=AT),
    )
    assert [row.requests for row in unknown(made, AT)] == [1]
    assert [row.requests for row in unknown(made)] == [2]


def test_requests_without_a_deployment_and_streams_that_wait_are_not_listed() -> None:
    made = pages(
        usage("a", deployment=None),
        usage("b", deployment=""),
        usage("c", deployment="chat", evidence=Evidence.HELD),
    )
    assert unknown(made) == []


def test_a_correction_takes_the_place_of_what_it_corrects() -> None:
    old = usage("a", deployment="old", evidence=Evidence.TOTALS)
    unnamed = usage("b", deployment="chat", evidence=Evidence.TOTALS, model="gpt-4")
    (page,) = (first := plan_commit(Head(LEDGER), {}, [old, unnamed], rating(), NOW)).pages
    known: KnownBySlot = {
        page.slot: {entry.key: (page, row) for row, entry in enumerate(page.entries)}
    }
    better = [usage("a", deployment="new"), usage("b", deployment="chat", model="gpt-4.1")]
    second = plan_commit(first.head, known, better, rating(), NOW)

    assert unknown([page, *second.pages]) == [
        UnknownDeployment("chat", None, 1, ("gpt-4.1",)),
        UnknownDeployment("new", None, 1, ("gpt-4o",)),
    ]
