"""`metering verify` over stores that were changed with all hashes computed again."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pytest

from metering.core.calendars.periods import SLOT
from tests.forging import Document, Forger

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

ACME: Final = "acme|2026-11-01T00:00:00Z"
DECEMBER: Final = {"METERING_NOW": "2026-12-10T00:00:00Z"}
DAY: Final = 24 * 3600 * 1_000_000

type Harm = Callable[[Forger], None]


@pytest.fixture
def forger(metering: "Metering", event: "EventBuilder") -> Forger:
    """Return a forger of a sound store: two pages of acme, one of another tenant."""
    metering.ingest(event("a-1"), event("a-2"))
    metering.ingest(event("a-3"), event("o-1", subject="other"))
    assert metering.verify()[0] == 0
    return Forger(metering.store)


def on_page(change: Callable[[Document], None], *, reprice: bool = False) -> Harm:
    """Return the harm of changing the second page of acme."""

    def harm(forger: Forger) -> None:
        def forge(document: Document) -> None:
            change(document)
            if reprice:
                forger.amounts(document)

        forger.page(ACME, 2, forge)

    return harm


def columns(**changed: list[Any]) -> Callable[[Document], None]:
    return lambda document: document["columns"].update(changed)


def negative(document: Document) -> None:
    document["columns"]["buckets"]["input"] = [-1000]


def subject_of_another(document: Document) -> None:
    (dimensions,) = document["dimensions"]
    dimensions[2] = "other"


def subject_of_nobody(document: Document) -> None:
    (dimensions,) = document["dimensions"]
    dimensions[2] = "nobody"


def cheaper(document: Document) -> None:
    (rate,) = document["rates"]
    rate["units"] |= {"input": "1"}


def other_version(document: Document) -> None:
    (rate,) = document["rates"]
    rate["version"] = "made-up"


def other_row(document: Document) -> None:
    """Take the row of batch requests, which cost half, with its prices."""
    (rate,) = document["rates"]
    rate["row"] = rate["row"].replace("standard", "batch")
    rate["units"] = {name: str(int(unit) // 2) for name, unit in rate["units"].items()}


def without_version(document: Document) -> None:
    (rate,) = document["rates"]
    rate |= {"version": None}
    document["columns"]["amount"] = [None]


def earlier_month(document: Document) -> None:
    document["slot"] -= 31 * DAY // SLOT


def earlier_commit(document: Document) -> None:
    document["committed"] -= 1


FORGED: Final[dict[str, tuple[Harm, str]]] = {
    "negative tokens": (on_page(negative, reprice=True), "it has negative tokens"),
    "a cheaper unit price": (
        on_page(cheaper, reprice=True),
        "its unit prices are not those of row",
    ),
    "a price version that is none": (on_page(other_version), "which no price version has"),
    "another row": (on_page(other_row, reprice=True), "which is for other requests"),
    "no version": (on_page(without_version), "it has unit prices and no price version"),
    "a subject of another tenant": (
        on_page(subject_of_another),
        "tenant other pays for its subject 'other'",
    ),
    "a subject of nobody": (on_page(subject_of_nobody), "no tenant pays for its subject 'nobody'"),
    "a slot in another period": (on_page(earlier_month), "its time is not in the period 2026-11"),
    "a commit in the past": (on_page(earlier_commit), "was committed before the page before it"),
    "an outcome of a request": (on_page(columns(kind=[4])), "its kind is outcome and its type is"),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_no_commit_writes_is_named_though_every_hash_fits(
    name: str, metering: "Metering", forger: Forger
) -> None:
    harm, fault = FORGED[name]
    harm(forger)
    code, verdicts = metering.verify()
    assert code == 1
    assert any(fault in one for one in verdicts[ACME]["faults"]), verdicts[ACME]["faults"]
    closed = metering.run("close", "--json", settings=DECEMBER).json
    assert [one["tenant"] for one in closed["closed"]] == ["other"]


def test_statements_of_a_changed_ledger_do_not_hold_and_those_of_others_do(
    metering: "Metering", forger: Forger
) -> None:
    assert len(metering.run("close", "--json", settings=DECEMBER).json["closed"]) == 2
    on_page(cheaper, reprice=True)(forger)
    ran = metering.run("verify", "--statement", "--json")
    found = {one["statement"]: one["holds"] for one in ran.json if "statement" in one}
    assert (ran.code, found) == (1, {ACME: False, ACME.replace("acme", "other"): True})


def test_a_ledger_of_a_tenant_that_the_registry_lacks_is_named(
    metering: "Metering", forger: Forger
) -> None:
    forger.run("DELETE FROM records")
    code, verdicts = metering.verify()
    assert code == metering.run("verify", "--statement").code == 1
    assert verdicts[ACME]["faults"] == ["the registry does not know its tenant"]
