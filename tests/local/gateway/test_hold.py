"""What a request may cost, as a policy can tell from its body."""

from typing import Any

import pytest

from metering.local.gateway.hold import hold_of


@pytest.mark.parametrize(
    ("body", "estimate"),
    [
        ({}, 0),
        ({"input": "four"}, 1),
        ({"input": "fives"}, 2),
        ({"input": "\u00e9\u00e9\u00e9"}, 2),
        ({"messages": [{"role": "user", "content": "word" * 10}]}, 11),
        ({"input": "four", "instructions": "four", "model": "gpt-4o-with-a-long-name"}, 2),
        ({"messages": [{"content": [{"image_url": {"url": "data:image/png;base64,AAAA"}}]}]}, 0),
        ({"messages": [{"content": [{"input_audio": {"data": "A" * 400}}]}]}, 0),
        ({"messages": 7, "tools": None}, 0),
    ],
)
def test_a_prompt_is_estimated_by_its_bytes_of_text(body: dict[str, Any], estimate: int) -> None:
    assert hold_of(body) == {"prompt_tokens_estimate": estimate}


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
        ({"max_output_tokens": 0}, 0),
        ({"max_tokens": "5"}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": -1}, None),
        ({"max_tokens": 10**12}, None),
    ],
)
def test_the_limit_of_the_output_is_what_it_may_cost_at_most(
    limits: dict[str, Any], most: int | None
) -> None:
    assert hold_of(limits).get("max_output_tokens") == most
