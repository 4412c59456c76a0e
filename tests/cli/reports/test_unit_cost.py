"""`metering unit-cost`: from lines of events to a table with a status."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

PAGE = Path(__file__).parents[3] / "docs" / "unit-economics.md"
EXAMPLE = re.compile(r"```yaml\n(.*?)```.*```json\n(.*?)```.*```text\n(.*?)```", re.DOTALL)

PLAN = """\
id: team
targets:
- {use_case: support, outcome: ticket_resolved, cost: "0.002"}
"""


def outcome(id_: str, **data: object) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": "business.outcome.v1",
        "source": "/app/desk",
        "id": id_,
        "time": "2026-11-20T11:40:00Z",
        "subject": "acme",
        "data": {"use_case": "support", "outcome": "ticket_resolved", **data},
    }


def test_costs_stand_beside_their_targets(metering: "Metering", event: "EventBuilder") -> None:
    (metering.folder / "team.yaml").write_text(PLAN)
    metering.run("plans", "set", metering.folder / "team.yaml")
    metering.run("tenants", "set", "acme", "--plan", "team", "--subscription", "acme")
    metering.ingest(
        event("r-1", data={"use_case": "support"}),
        event("r-2", data={"use_case": "support"}),
        event("r-3", data={"use_case": "search", "model": "a-model-of-next-year"}),
        outcome("o-1", count=3),
        outcome("o-1", count=3),
    )

    found = metering.run("unit-cost", "acme", "--period", "2026-11", "--json").json
    search, support = found["use_cases"]

    # 2 x 0.0035 / 3 = 0.002333…, above 0.002.
    assert support["outcomes"] == [
        {
            "outcome": "ticket_resolved",
            "count": 3,
            "cost_per_outcome": "0.002333333",
            "target": "0.002",
            "status": "over",
        }
    ]
    named = ("amount", "is_at_least", "requests", "cost_per_request", "cache_hit_ratio")
    assert [support[name] for name in named] == ["0.007", False, 2, "0.0035", "0"]
    assert (support["output_ratio"], support["input_tokens"]) == ("0.1", 2000)
    assert [search[name] for name in named] == [None, True, 1, None, "0"]
    assert search["outcomes"][0]["status"] == "no_target"
    (ledger,) = found["ledgers"]
    assert (ledger["page"], ledger["last_commit"]) == (2, "2026-11-20T12:00:00Z")

    table = metering.run("unit-cost", "acme").stdout
    rows = [[cell.strip() for cell in line.split("│")] for line in table.splitlines()]
    cells = ["support", "ticket_resolved", "over", "3", "0.007", "0.002333333", "0.002"]
    assert ["", *cells, "2", "0.0035", "0", "0.1", ""] in rows
    assert "1 request without a price or counts" in table
    code, verdicts = metering.verify()
    assert (code, len(verdicts)) == (0, 1)


def test_the_page_shows_what_the_command_prints(
    metering: "Metering", event: "EventBuilder"
) -> None:
    found = EXAMPLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    plan, outcomes, table = found.groups()
    (metering.folder / "team.yaml").write_text(plan)
    metering.run("plans", "set", metering.folder / "team.yaml")
    metering.run("tenants", "set", "acme", "--plan", "team", "--subscription", "sub-1")

    def request(id_: str, use_case: str, *counts: int) -> dict[str, Any]:
        prompt, cached, output = counts
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        return event(id_, subject="sub-1", data={"use_case": use_case, "usage": usage})

    metering.ingest(
        request("r-1", "support", 6000, 3000, 500),
        request("r-2", "support", 2000, 1000, 500),
        request("r-3", "summaries", 20_000, 0, 100),
        request("r-4", "drafts", 1000, 0, 4000),
        *(line.encode() for line in outcomes.splitlines()),
    )

    assert table in metering.run("unit-cost", "acme", "--period", "2026-11").stdout


def test_a_bad_outcome_is_set_aside_with_its_field(metering: "Metering") -> None:
    answer = metering.ingest(outcome("o-1", count=0), outcome("o-2"))

    assert answer.json["rejected"] == {"invalid_field": 1}
    assert metering.dead_letters()[0]["reason"].startswith("data.count: ")


def test_an_unknown_tenant_is_one_line(metering: "Metering") -> None:
    ran = metering.run("unit-cost", "nobody")

    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.startswith("error: unknown tenant 'nobody'")
