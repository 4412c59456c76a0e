"""An id that counts twice is named, is not billed, and is taken back by `metering withdraw`."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.forging import Forger

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

#: 4,000 x 2.50 + 2,000 x 10 a million are 0.01 + 0.02.
USAGE: dict[str, Any] = {"prompt_tokens": 4000, "completion_tokens": 2000, "total_tokens": 6000}
DECEMBER = {"METERING_NOW": "2026-12-10T00:00:00Z"}
ACME = "acme|2026-11-01T00:00:00Z"


def counted(metering: "Metering", *events: dict[str, Any]) -> None:
    """Count each event in a page of its own, a minute after the one before."""
    for minute, one in enumerate(events):
        now = {"METERING_NOW": f"2026-11-20T12:{minute:02}:00Z"}
        assert metering.ingest(one, settings=now).json["accepted"] == 1


def amount(metering: "Metering", tenant: str = "acme") -> str:
    found: str = metering.run("balance", tenant, "--json").json["total"]
    return found


@pytest.fixture
def doubled(metering: "Metering", event: "EventBuilder") -> "Metering":
    """Return a store in which acme's r-1 counts twice, and r-2 once."""
    usage = {"usage": USAGE}
    counted(
        metering,
        event("r-1", data=usage),
        event("r-2", data=usage),
        event("r-1", data=usage, time="2026-11-19T08:00:00Z"),
    )
    return metering


def test_a_ledger_that_verify_calls_broken_is_not_closed(doubled: "Metering") -> None:
    code, verdicts = doubled.verify()
    assert code == 1
    assert verdicts[ACME]["faults"] == ["page 3 row 0: id 'r-1' counts again (first on page 1)"]

    found = doubled.run("close", "--json", settings=DECEMBER).json
    assert found["closed"] == []
    (waiting,) = found["waiting"]
    assert "an id counts more than once" in waiting["reason"]
    assert doubled.run("statement", "acme", "--period", "2026-11").code == 1


def test_a_withdrawal_makes_the_ledger_whole_and_the_period_closes(doubled: "Metering") -> None:
    listed = doubled.run("withdraw", "acme", "r-1", "--json").json
    (double,) = listed["found"]
    assert (double["kept"]["page"], [one["page"] for one in double["withdrawn"]]) == (1, [3])
    assert listed["withdrawn"] == 0
    assert doubled.verify()[0] == 1

    done = doubled.run("withdraw", "acme", "r-1", "--apply", "--json").json
    assert done["withdrawn"] == 1
    code, verdicts = doubled.verify()
    assert (code, verdicts[ACME]["faults"]) == (0, [])
    # Two requests of 0.03 are left of the three.
    balance = doubled.run("balance", "acme", "--json").json
    assert (balance["requests"], balance["total"]) == (2, "0.06")
    (closed,) = doubled.run("close", "--json", settings=DECEMBER).json["closed"]
    assert closed["total"] == "0.06"

    again = doubled.run("withdraw", "acme", "r-1", "--apply", "--json").json
    assert again == {"found": [], "withdrawn": 0}


def test_what_was_withdrawn_is_counted_by_no_report(
    doubled: "Metering", event: "EventBuilder"
) -> None:
    assert doubled.run("withdraw", "acme", "r-1", "--apply").code == 0
    usage = doubled.run("usage", "acme", "--group-by", "day", "--json").json
    assert [(one["group"], one["requests"]) for one in usage] == [({"day": "2026-11-20"}, 2)]
    # Sent again under either time, it is a duplicate; other content under the second is a conflict.
    for time in ("2026-11-20T11:30:00Z", "2026-11-19T08:00:00Z"):
        again = event("r-1", data={"usage": USAGE}, time=time)
        assert doubled.ingest(again).json == {"accepted": 0, "duplicates": 1, "rejected": {}}
    other = event("r-1", time="2026-11-19T08:00:00Z", data={"usage": USAGE, "product": "other"})
    assert doubled.ingest(other).json["rejected"] == {"id_conflict": 1}
    assert doubled.verify()[0] == 0


def test_an_id_in_two_periods_of_a_tenant_is_named_and_taken_back(
    metering: "Metering", event: "EventBuilder"
) -> None:
    usage = {"usage": USAGE}
    counted(
        metering,
        event("r-1", data=usage),
        event("r-1", data=usage, time="2026-10-20T11:45:00Z"),
    )
    code, verdicts = metering.verify()
    october = "acme|2026-10-01T00:00:00Z"
    assert code == 1
    assert verdicts[october]["faults"] == [f"id 'r-1' of /apim/test counts in {ACME} too"]
    assert verdicts[ACME]["faults"] == [f"id 'r-1' of /apim/test counts in {october} too"]

    done = metering.run("withdraw", "acme", "r-1", "--apply", "--json").json
    assert [one["ledger"] for one in done["found"][0]["withdrawn"]] == [october]
    assert metering.verify()[0] == 0
    assert amount(metering) == "0.03"


def test_an_id_under_two_subjects_is_taken_back_from_the_tenant_that_is_named(
    metering: "Metering", event: "EventBuilder"
) -> None:
    usage = {"usage": USAGE}
    counted(metering, event("r-1", data=usage), event("r-1", data=usage, subject="other"))
    assert metering.verify()[0] == 1
    # Verified alone, neither shows it: that takes a full pass.
    assert metering.run("verify", "acme").code == 0

    refused = metering.run("withdraw", "other", "r-1", "--kept-by", "other", "--apply")
    assert (refused.code, "does not count for other beside other" in refused.stderr) == (1, True)
    assert metering.run("withdraw", "other", "r-2", "--apply").code == 1
    assert metering.run("withdraw", "other", "r-1", "--kept-by", "acme", "--apply").code == 0
    assert metering.verify()[0] == 0
    assert (amount(metering), amount(metering, "other")) == ("0.03", "0")


def test_people_are_told_what_stays_and_what_is_taken_back(doubled: "Metering") -> None:
    shown = doubled.run("withdraw", "acme", "r-1").stdout
    assert "to withdraw" in shown
    assert "Nothing was written" in shown
    assert "1 withdrawal appended" in doubled.run("withdraw", "acme", "r-1", "--apply").stdout
    assert "the id counts once" in doubled.run("withdraw", "acme", "r-1").stdout


def test_an_id_of_a_ledger_that_is_damaged_further_on_is_named_too(
    metering: "Metering", event: "EventBuilder"
) -> None:
    counted(metering, event("r-1"), event("r-1", subject="other"), event("r-2", subject="other"))
    forger, other = Forger(metering.store), "other|2026-11-01T00:00:00Z"
    forger.put_pages(other, forger.pages(other))  # the checkpoint is of the last page
    forger.run("UPDATE pages SET document = '{}' WHERE ledger = ? AND number = 2", other)
    code, verdicts = metering.verify()
    assert code == 1
    assert verdicts[ACME]["faults"] == [f"id 'r-1' of /apim/test counts in {other} too"]
