"""`metering balance` and `metering usage`: what a tenant used and what it comes to."""

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering


def test_a_balance_says_what_was_used_and_what_it_comes_to(
    metering: "Metering", event: "EventBuilder"
) -> None:
    cached = {
        "model": "gpt-4.1-2025-04-14",
        "deployment_type": "data_zone",
        "usage": {
            "prompt_tokens": 1000,
            "completion_tokens": 100,
            "total_tokens": 1100,
            "prompt_tokens_details": {"cached_tokens": 512},
        },
    }
    metering.ingest(
        event("chat"),
        event("chat"),
        event("cached", data=cached),
        event("unpriced", data={"model": "a-model-of-next-year"}),
        event("absent", data={"tokens": "absent", "usage": None}),
        event("refused", data={"status": 429, "usage": None}),
        event("a stream", data={"tokens": "pending", "usage": None}),
        event("not ours", subject="other"),
    )

    balance = metering.balance("acme")

    named = ("tenant", "period", "currency", "requests", "duplicates", "unpriced", "missing")
    assert {name: balance[name] for name in named} == {
        "tenant": "acme",
        "period": "2026-11",
        "currency": "USD",
        "requests": 5,
        "duplicates": 1,
        "unpriced": 1,
        "missing": 1,
    }
    # 1,000 + 488 + 1,000 input, 512 cached, 3 x 100 output.
    assert balance["tokens"] == {"input": 2488, "cached_read": 512, "output": 300}
    # gpt-4o: 1,000 x 2.50 + 100 x 10.00 = 0.0035; gpt-4.1 data zone:
    # 488 x 2.20 + 512 x 0.55 + 100 x 8.80 = 0.0010736 + 0.0002816 + 0.00088 = 0.0022352.
    assert balance["amount"] == "0.0057352"


def test_a_balance_is_exact_below_the_cent(metering: "Metering", event: "EventBuilder") -> None:
    one_token = {"model": "gpt-4o-mini", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    metering.ingest(*(event(f"r-{number}", data=one_token) for number in range(3)))

    # 3 x 0.15 per million.
    assert metering.balance("acme")["amount"] == "0.00000045"


def test_a_file_sent_twice_gives_the_same_balance(
    metering: "Metering", event: "EventBuilder"
) -> None:
    file = metering.write(event(f"r-{number}") for number in range(10))
    metering.run("ingest", file)
    before = metering.balance("acme")

    again = metering.run("ingest", file, "--json")

    assert (again.code, again.json) == (0, {"accepted": 0, "duplicates": 10, "rejected": {}})
    after = metering.balance("acme")
    assert (before.pop("duplicates"), after.pop("duplicates")) == (0, 10)
    assert after == before
    assert after["amount"] == "0.035"


def test_a_period_owns_its_first_instant_and_not_its_last(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(
        event("october", time="2026-10-31T23:59:59.999999Z"),
        event("november", time="2026-11-01T00:00:00Z"),
        event("november too", time="2026-11-01T00:30:00+00:30"),
    )

    assert metering.balance("acme")["period"] == "2026-11"
    assert metering.balance("acme", "--period", "2026-10")["amount"] == "0.0035"
    assert metering.balance("acme", "--period", "2026-11")["amount"] == "0.007"
    assert metering.balance("acme", "--period", "2026-09")["requests"] == 0


def test_an_unknown_tenant_is_one_line(metering: "Metering") -> None:
    for command in ("balance", "usage"):
        ran = metering.run(command, "nobody")

        assert (ran.code, ran.stdout) == (1, "")
        assert ran.stderr.startswith("error: unknown tenant 'nobody'")
        assert ran.stderr.count("\n") == 1


def test_every_line_of_a_file_is_answered_in_the_tally(
    metering: "Metering", event: "EventBuilder"
) -> None:
    absent = event("r-1", data={"tokens": "absent", "usage": None})

    answer = metering.ingest(absent, event("r-1"), absent, b"no JSON").json

    assert answer["accepted"] + answer["duplicates"] == 3
    assert answer["rejected"] == {"not_json": 1}


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_events_are_taken_from_standard_input_and_from_pipes(
    metering: "Metering", event: "EventBuilder", name: str
) -> None:
    ran = metering.run_process("ingest", name, "--json", stdin=json.dumps(event("r-1")).encode())

    assert (ran.code, ran.stderr) == (0, "")
    assert ran.json == {"accepted": 1, "duplicates": 0, "rejected": {}}


def test_an_empty_file_counts_nothing_and_is_no_error(metering: "Metering") -> None:
    ran = metering.ingest()

    assert (ran.code, ran.json) == (0, {"accepted": 0, "duplicates": 0, "rejected": {}})


def test_the_table_shows_each_model_and_the_total(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"), event("r-2", data={"model": "a-model-of-next-year"}))

    ran = metering.run("balance", "acme")

    rows = [[cell.strip() for cell in line.split("│")] for line in ran.stdout.splitlines()]
    assert ["", "gpt-4o", "1", "1,100", "0.0035 USD", ""] in rows
    assert ["", "a-model-of-next-year", "1", "1,100", "unknown", ""] in rows
    assert ["", "total", "2", "2,200", "0.0035 USD", ""] in rows
    assert "1 request without a price" in ran.stdout


def test_usage_is_broken_down_as_asked(metering: "Metering", event: "EventBuilder") -> None:
    metering.ingest(
        event("r-1", time="2026-11-19T09:00:00Z", data={"use_case": "chat"}),
        event("r-2", data={"use_case": "chat"}),
        event("r-3", data={"use_case": "search", "model": "gpt-4o-mini"}),
    )

    rows = metering.run("usage", "acme", "--group-by", "use_case,model", "--json").json

    # 2 x 0.0035; 1,000 x 0.15 + 100 x 0.60 per million = 0.00015 + 0.00006.
    assert [
        (row["group"]["use_case"], row["group"]["model"], row["requests"], row["amount"])
        for row in rows
    ] == [
        ("chat", "gpt-4o", 2, "0.007"),
        ("search", "gpt-4o-mini", 1, "0.00021"),
    ]
