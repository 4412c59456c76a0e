"""A ledger that cannot be trusted stops alone, and `metering verify` names it."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from tests.gateway_logs import llm_record, log

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering, Ran

_ACME: Final = "acme|2026-11-01T00:00:00Z"
_OTHER: Final = "other|2026-11-01T00:00:00Z"

type Document = dict[str, Any]
type Harm = Callable[[sqlite3.Connection], object]


def _without_page(number: int) -> Harm:
    return lambda store: store.execute(
        "DELETE FROM pages WHERE ledger = ? AND number = ?", (_ACME, number)
    )


def _raw_page(content: bytes) -> Harm:
    return lambda store: store.execute(
        "UPDATE pages SET document = ? WHERE ledger = ? AND number = 2", (content, _ACME)
    )


def _page(change: Callable[[Document], None]) -> Harm:
    query = "SELECT document FROM pages WHERE ledger = ? AND number = 2"
    update = "UPDATE pages SET document = ? WHERE ledger = ? AND number = 2"
    return lambda store: _rewrite(store, query, update, change)


def _head(change: Callable[[Document], None]) -> Harm:
    query = "SELECT document FROM heads WHERE ledger = ?"
    update = "UPDATE heads SET document = ? WHERE ledger = ?"
    return lambda store: _rewrite(store, query, update, change)


def _rewrite(
    store: sqlite3.Connection, query: str, update: str, change: Callable[[Document], None]
) -> None:
    [(content,)] = store.execute(query, (_ACME,)).fetchall()
    document = json.loads(content)
    change(document)
    store.execute(update, (json.dumps(document, separators=(",", ":")).encode(), _ACME))


_HARMS: Final[dict[str, Harm]] = {
    "tokens of a page are changed": _page(
        lambda page: page["columns"]["buckets"].update(input=[1])
    ),
    "an amount of a page is changed": _page(lambda page: page["columns"].update(amount=["1"])),
    "a page's number is no number": _page(lambda page: page.update(number="two")),
    "a page's ledger is no text": _page(lambda page: page.update(ledger=None)),
    "a page's counts are no object": _page(lambda page: page["columns"].update(buckets=[])),
    "a page's dimensions are nested": _page(
        lambda page: page["dimensions"][0].__setitem__(4, ["gpt-4o"])
    ),
    "a page is not JSON": _raw_page(b"\xff\x00"),
    "a page in the middle is deleted": _without_page(2),
    "the last page is deleted": _without_page(3),
    "the head names another last hash": _head(lambda head: head.update(last_hash="0" * 64)),
    "the head claims too many pages": _head(lambda head: head.update(pages=9)),
    "the head's page count is no number": _head(lambda head: head.update(pages="three")),
    "the head's tokens are no object": _head(lambda head: head["lines"][0].update(tokens=[])),
    "the head's requests are no number": _head(
        lambda head: head["lines"][0].update(requests="three")
    ),
    "the head's duplicates are no number": _head(
        lambda head: head["diagnostics"].update(duplicates="none")
    ),
    "the head has no lines at all": _head(lambda head: head.pop("lines")),
    "the head is gone": lambda store: store.execute("DELETE FROM heads WHERE ledger = ?", (_ACME,)),
}


@pytest.fixture(scope="module")
def sound_store(
    tmp_path_factory: pytest.TempPathFactory,
    metering_in: "Callable[[Path], Metering]",
    event: "EventBuilder",
) -> Path:
    """Return a store in which acme has three pages and another tenant one."""
    metering = metering_in(tmp_path_factory.mktemp("sound"))
    ran = metering.ingest(
        event("a-1", time="2026-11-20T09:00:00Z"),
        event("a-2", time="2026-11-20T10:00:00Z", data={"end_user": "Zoë"}),
        event("a-3", time="2026-11-20T11:00:00Z"),
        event("o-1", subject="other", data={"deployment": "chat"}),
    )
    assert ran.json["accepted"] == 4
    return metering.store


@pytest.fixture
def sound(metering: "Metering", sound_store: Path) -> "Metering":
    """Return the command over a copy of that store."""
    shutil.copy(sound_store, metering.store)
    return metering


def _do(harm: Harm, metering: "Metering") -> None:
    with closing(sqlite3.connect(metering.store)) as store, store:
        harm(store)


class _Outcome(NamedTuple):
    """What `ingest` and then `verify` said of a store that was harmed."""

    ingest: "Ran"
    verify: "Ran"


@pytest.fixture(scope="module")
def outcomes(
    tmp_path_factory: pytest.TempPathFactory,
    metering_in: "Callable[[Path], Metering]",
    event: "EventBuilder",
    sound_store: Path,
) -> dict[str, _Outcome]:
    """Do each harm to a store of its own, and send one event to each tenant."""

    def outcome(harm: Harm) -> _Outcome:
        metering = metering_in(tmp_path_factory.mktemp("harmed"))
        shutil.copy(sound_store, metering.store)
        _do(harm, metering)
        file = metering.write([event("a-4"), event("o-2", subject="other")])
        return _Outcome(metering.run("ingest", file, "--json"), metering.run("verify", "--json"))

    return {name: outcome(harm) for name, harm in _HARMS.items()}


@pytest.mark.parametrize("harm", _HARMS)
def test_a_broken_ledger_parks_its_own_events_and_no_one_elses(
    harm: str, outcomes: dict[str, _Outcome]
) -> None:
    ran = outcomes[harm].ingest

    assert ran.json == {"accepted": 1, "duplicates": 0, "rejected": {"ledger_stopped": 1}}
    assert ran.code == 1
    assert _ACME in ran.stderr


@pytest.mark.parametrize("harm", _HARMS)
def test_verify_says_which_ledger_is_broken_and_that_the_others_hold(
    harm: str, outcomes: dict[str, _Outcome]
) -> None:
    ran = outcomes[harm].verify

    assert ran.code == 1
    holds = {verdict["ledger"]: verdict["holds"] for verdict in ran.json}
    assert holds == {_ACME: False, _OTHER: True}


def test_parked_events_are_kept_whole_and_an_operator_is_told(
    sound: "Metering", event: "EventBuilder"
) -> None:
    _do(_without_page(2), sound)

    ran = sound.ingest(event("a-4"), event("a-5"), event("o-2", subject="other"))

    assert ran.json == {"accepted": 1, "duplicates": 0, "rejected": {"ledger_stopped": 2}}
    assert _ACME in ran.stderr
    letters = sound.dead_letters()
    assert {letter["code"] for letter in letters} == {"ledger_stopped"}
    assert sorted(json.loads(letter["body"])["id"] for letter in letters) == ["a-4", "a-5"]


def test_verify_names_the_ledger_and_its_fault_to_people(sound: "Metering") -> None:
    _do(_HARMS["an amount of a page is changed"], sound)

    ran = sound.run("verify")

    assert ran.code == 1
    assert f"error: ledger {_ACME}: page-00000002 does not match its hash" in ran.stderr
    assert _OTHER not in ran.stderr
    assert sound.run("verify", "other").code == 0


@pytest.mark.parametrize("harm", ["a page in the middle is deleted", "the head is gone"])
def test_commands_over_all_ledgers_answer_for_the_others_and_name_it(
    harm: str, sound: "Metering"
) -> None:
    _do(_HARMS[harm], sound)

    unknown = sound.run("deployments", "list", "--unknown", "--json")
    logs = sound.write([log(llm_record("o-1"))])
    compared = sound.run("reconcile", "--gateway-logs", logs, "--json")

    assert (unknown.code, compared.code) == (1, 1)
    assert sum(one["requests"] for one in unknown.json) == 1
    assert compared.json["gateway_logs"]["absent"] == {}
    assert [one["ledger"] for one in compared.json["left_out"]] == [_ACME]
    for ran in (unknown, compared):
        assert f"error: left out: ledger {_ACME}" in ran.stderr


def test_totals_that_the_pages_do_not_give_are_found_by_verify(sound: "Metering") -> None:
    _do(_head(lambda head: head["lines"][0].update(requests=2)), sound)

    code, verdicts = sound.verify()

    assert code == 1
    assert verdicts[_ACME]["faults"] == ["the head's lines is not what its pages give"]


def test_an_id_that_was_counted_twice_is_found_by_verify(
    sound: "Metering", event: "EventBuilder"
) -> None:
    sound.ingest(event("a-1", time="2026-11-20T05:00:00Z"))

    code, verdicts = sound.verify()

    assert code == 1
    assert verdicts[_ACME]["faults"] == ["page 4 row 0: id 'a-1' counts again (first on page 1)"]


def test_anybody_can_check_the_chain_with_a_few_lines_of_code(sound: "Metering") -> None:
    with closing(sqlite3.connect(sound.store)) as store:
        pages = store.execute(
            "SELECT document FROM pages WHERE ledger = ? ORDER BY number", [_ACME]
        )
        documents = [json.loads(content) for (content,) in pages]

    previous = "0" * 64
    for page in documents:
        claimed = page.pop("hash")
        assert page["previous"] == previous
        text = json.dumps(page, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert claimed == previous
    assert len(documents) == 3
    assert sound.balance("acme")["last_hash"] == previous
