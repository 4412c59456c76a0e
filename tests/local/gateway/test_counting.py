"""The rule by which the simulated models count."""

from hypothesis import given
from hypothesis import strategies as st

from metering.local.gateway.models.answering import answer
from metering.local.gateway.models.counting import (
    Mark,
    counts_beside_cache,
    counts_of,
    inputs_of,
    mark_after,
    prompt_of,
    tokens_of,
)
from metering.local.gateway.models.request import ModelRequest


def test_a_token_is_four_characters_begun() -> None:
    assert [tokens_of(text) for text in ("", "a", "four", "fives")] == [0, 1, 1, 2]


def test_messages_and_the_reply_have_tokens_of_their_own() -> None:
    # 1 + 2 + 2 x 4 + 3
    assert prompt_of(["four", "fives"], 2).tokens == 14
    assert inputs_of(["four", "fives"]).tokens == 3


def test_prompts_are_cached_from_1024_tokens_on() -> None:
    # with 7 beside the text: 1,023 and 1,024
    short, long = (prompt_of(["word" * count], 1) for count in (1_016, 1_017))
    assert counts_of(short).cached == 0
    assert counts_of(long).cached == 512


def test_a_mark_is_read_or_written_by_what_stands_before_it_alone() -> None:
    mark = mark_after(["x" * 400], kept_long=False)
    prompts = [prompt_of(["x" * 400, text], 1)._replace(mark=mark) for text in ("one", "two")]
    used = [counts_beside_cache(prompt) for prompt in prompts]
    assert {(counts.cached, counts.written) for counts in used} in ({(100, 0)}, {(0, 100)})


def test_what_is_written_for_an_hour_is_counted_apart() -> None:
    prompt = prompt_of(["x" * 400], 1)._replace(mark=Mark(100, in_cache=False, kept_long=True))
    counts = counts_beside_cache(prompt)
    assert (counts.written, counts.written_long, counts.uncached) == (0, 100, 7)


@given(st.lists(st.text(max_size=50), max_size=5), st.integers(1, 200), st.booleans())
def test_an_answer_is_that_of_its_prompt_and_ends_at_its_limit(
    texts: list[str],
    limit: int,
    reasons: bool,  # noqa: FBT001, hypothesis gives it
) -> None:
    whole = ModelRequest(prompt_of(texts, 1))
    limited = answer(whole._replace(max_output_tokens=limit), reasons=reasons)
    assert limited == answer(whole._replace(max_output_tokens=limit), reasons=reasons)
    unlimited = answer(whole, reasons=reasons)
    length = unlimited.output + unlimited.reasoning
    assert limited.output + limited.reasoning == min(length, limit)
    assert limited.choices[0].ending == ("length" if length > limit else "stop")
    assert (unlimited.reasoning == unlimited.output // 3) == reasons


def test_lengths_are_those_of_the_public_trace() -> None:
    lengths = sorted(answer(ModelRequest(prompt_of([f"{n}"], 1))).output for n in range(2_000))
    # A log-normal distribution of median 147 and spread 0.87, cut off at 16 and at 1,000: half an
    # order of magnitude either way of the median lie two thirds of it.
    assert lengths[0] == 16
    assert lengths[-1] == 1_000
    assert 130 <= lengths[1_000] <= 165
    assert 50 <= lengths[320] <= 75
    assert 290 <= lengths[1_680] <= 420
