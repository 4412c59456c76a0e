"""The rule by which the simulated models count."""

from hypothesis import given
from hypothesis import strategies as st

from metering.local.gateway.models.counting import (
    Mark,
    answer_beside_cache,
    answer_to,
    inputs_of,
    mark_after,
    prompt_of,
    tokens_of,
)


def test_a_token_is_four_characters_begun() -> None:
    assert [tokens_of(text) for text in ("", "a", "four", "fives")] == [0, 1, 1, 2]


def test_messages_and_the_reply_have_tokens_of_their_own() -> None:
    # 1 + 2 + 2 x 4 + 3
    assert prompt_of(["four", "fives"], 2).tokens == 14
    assert inputs_of(["four", "fives"]).tokens == 3


def test_prompts_are_cached_from_1024_tokens_on() -> None:
    # with 7 beside the text: 1,023 and 1,024
    short, long = (prompt_of(["word" * count], 1) for count in (1_016, 1_017))
    assert answer_to(short, reasons=False).cached == 0
    assert answer_to(long, reasons=False).cached == 512


def test_a_mark_is_read_or_written_by_what_stands_before_it_alone() -> None:
    mark = mark_after(["x" * 400], kept_long=False)
    prompts = [prompt_of(["x" * 400, text], 1)._replace(mark=mark) for text in ("one", "two")]
    used = [answer_beside_cache(prompt) for prompt in prompts]
    assert {(counts.cached, counts.written) for counts in used} in ({(100, 0)}, {(0, 100)})


def test_what_is_written_for_an_hour_is_counted_apart() -> None:
    prompt = prompt_of(["x" * 400], 1)._replace(mark=Mark(100, in_cache=False, kept_long=True))
    counts = answer_beside_cache(prompt)
    assert (counts.written, counts.written_long, counts.uncached) == (0, 100, 7)


@given(st.lists(st.text(max_size=50), max_size=5), st.integers(1, 200), st.booleans())
def test_the_parts_never_exceed_their_whole(
    texts: list[str],
    limit: int,
    reasons: bool,  # noqa: FBT001, hypothesis gives it
) -> None:
    prompt = prompt_of(texts, 1, max_output_tokens=limit)
    counts = answer_to(prompt, reasons=reasons)
    assert counts == answer_to(prompt, reasons=reasons)
    assert 1 <= counts.completion <= min(limit, 79)
    unlimited = answer_to(prompt._replace(max_output_tokens=None), reasons=reasons)
    assert counts.cut_off == (unlimited.completion > limit)
    assert counts.uncached + counts.cached == counts.prompt == prompt.tokens
    assert len(counts.up_to(3).words) == min(3, len(counts.words))
