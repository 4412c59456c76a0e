"""The demo: the trace through the whole system, told from an independent sum by nothing."""

from decimal import Decimal
from pathlib import Path

import pytest

from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.local.demo import demo, independent_sum
from metering.local.demo.demo import TenantResult, run_demo
from metering.local.demo.independent_sum import sum_by_tenant
from metering.local.demo.trace import read_trace
from metering.local.demo.traffic import SUBSCRIPTIONS, assign, body, disorder
from metering.settings.settings import Settings, SqliteStore


def _silent(_done: int, _total: int) -> None:
    pass


@pytest.fixture
def small_trace(tmp_path: Path) -> Path:
    rows = [f"2023-11-16 18:{n % 60:02d}:46.6805900,{n * 13},{n}" for n in range(1, 300)]
    path = tmp_path / "trace.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(rows) + "\n")
    return path


async def test_the_demo_equals_the_independent_sum_and_again_when_repeated(
    tmp_path: Path, small_trace: Path
) -> None:
    settings = Settings(SqliteStore(tmp_path / "store.db"))
    first = await run_demo(settings, small_trace, _silent)
    assert len(first.results) == 5
    assert all(result.holds for result in first.results)
    again = await run_demo(settings, small_trace, _silent)
    assert [r.balance.amount for r in again.results] == [r.balance.amount for r in first.results]
    assert all(result.holds for result in again.results)
    assert again.story == first.story
    # Two requests of 1,000 tokens in and 200 out: at 2 and 8 USD a million, then at 1 and 4.
    assert (first.story.charged, first.story.corrected) == (Decimal("0.0072"), Decimal("0.0036"))
    # The log's row: 1,200 in and 300 out.
    assert first.story.stream_tokens == 1_500
    assert first.story.verdict.verdict == "block"
    # Three requests of 12,000 in at 2.50 and 1,000 out at 10 USD a million.
    assert first.story.statement_total == "0.12"


async def test_the_demo_counts_every_row_once_and_recognises_every_repeat(
    tmp_path: Path, small_trace: Path
) -> None:
    ran = await run_demo(Settings(SqliteStore(tmp_path / "store.db")), small_trace, _silent)
    requests = [assign(row) for row in read_trace(small_trace)]
    repeats = sum(request.repeated for request in requests)
    # And the four of the tenant with a story.
    assert sum(r.balance.total.requests for r in ran.results) == 299 + 4
    assert sum(r.balance.head.diagnostics.duplicates for r in ran.results) == repeats > 0
    assert (ran.requests, ran.repeated) == (299, repeats)


async def test_a_cent_too_much_anywhere_is_told(tmp_path: Path, small_trace: Path) -> None:
    ran = await run_demo(Settings(SqliteStore(tmp_path / "store.db")), small_trace, _silent)
    wrong = ran.results[0].expected._replace(
        amount=ran.results[0].expected.amount + Decimal("0.01")
    )
    result: TenantResult = ran.results[0]._replace(expected=wrong)
    assert not result.holds
    assert result.differences[0].startswith("amount: ")


async def test_the_demo_gives_up_when_nothing_is_counted(
    tmp_path: Path, small_trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_LONGEST_S", 0.0)
    with pytest.raises(RetryableError, match="did not end in 0 s"):
        await run_demo(Settings(SqliteStore(tmp_path / "store.db")), small_trace, _silent)


def test_the_independent_sum_is_right_by_hand() -> None:
    row = read_trace()[0]
    request = assign(row)._replace(
        subscription="fabrikam-chat", cached_tokens=128, reasoning_tokens=0
    )
    gpt_4o = next(made for made in (assign(r) for r in read_trace()) if made.model.name == "gpt-4o")
    # row 0: 374 in, 44 out. 246 x 2.5 + 128 x 1.25 + 44 x 10 = 1215 a million, times 1.15
    summed = sum_by_tenant([request._replace(model=gpt_4o.model)])["fabrikam"]
    assert summed.amount == Decimal("0.00139725")
    assert (summed.prompt_tokens, summed.output_tokens) == (374, 44)


def test_the_independent_sum_shares_no_arithmetic_with_what_it_checks() -> None:
    source = Path(independent_sum.__file__).read_text()
    assert "from metering.core" not in source


def test_the_sample_is_about_two_thousand_real_rows() -> None:
    rows = read_trace()
    assert len(rows) == 2152
    assert (rows[0].prompt_tokens, rows[0].output_tokens) == (374, 44)


def test_the_rule_gives_every_machine_the_same_traffic() -> None:
    rows = read_trace()[:200]
    made = [assign(row) for row in rows]
    assert made == [assign(row) for row in rows]
    assert {request.subscription for request in made} == {name for name, _ in SUBSCRIPTIONS}
    sent = list(disorder(made))
    assert sent != sorted(sent)
    assert set(sent) == set(made)
    assert len(sent) == len(made) + sum(request.repeated for request in made)


def test_a_repeat_is_the_same_body() -> None:
    request = assign(read_trace()[0])
    assert body(request, 0, "x") == body(request, 0, "x")


@pytest.mark.parametrize(
    "content", ["a,b\n1,2\n", "TIMESTAMP,ContextTokens,GeneratedTokens\nx,1,2", "", "\n"]
)
def test_a_file_that_is_no_trace_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="other.csv: not a trace"):
        read_trace(path)


def test_a_trace_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none.csv"):
        read_trace(tmp_path / "none.csv")
