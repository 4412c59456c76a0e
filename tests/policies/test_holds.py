"""The two numbers of a hold: what a request may cost at most, told without a word of its prompt."""

import pytest

from tests.policies.exchanges import CHAT, data
from tests.policies.gateway import Gateway


@pytest.mark.parametrize(
    ("policy", "limits", "most"),
    [
        ("chat-completions", {"max_tokens": 400}, 400),
        ("chat-completions", {"max_completion_tokens": 300, "max_tokens": 400}, 300),
        ("responses", {"max_output_tokens": 250}, 250),
        ("anthropic-messages", {"max_tokens": 1024}, 1024),
        # Three answers of at most 100 tokens each.
        ("chat-completions", {"max_tokens": 100, "n": 3}, 300),
        ("chat-completions", {"max_tokens": 999999999, "n": 128}, 1_000_000_000),
        ("chat-completions", {"max_tokens": "400"}, None),
        ("chat-completions", {"max_tokens": -1}, None),
        ("chat-completions", {"max_tokens": 10**30}, None),
        ("chat-completions", {"max_tokens": 1.5}, None),
        ("chat-completions", {}, None),
    ],
)
def test_the_limit_of_the_output_is_the_one_that_was_asked_for(
    gateway: Gateway, policy: str, limits: dict[str, object], most: int | None
) -> None:
    told = data(gateway, policy, body={"model": "any", "messages": []} | limits)
    assert told["hold"].get("max_output_tokens") == most


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        # "user" 4 and the text 16 bytes: 20 bytes, 5 tokens.
        (CHAT, 5),
        # 4 + 12 bytes: a character of Chinese takes three.
        ({"messages": [{"role": "user", "content": "你好你好"}]}, 4),
        # An image is no text, however long: only "user" and "image_url" count, 13 bytes.
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "image_url",
                                "image_url": {"url": "data:image/png;base64," + "A" * 90_000},
                            }
                        ],
                    }
                ]
            },
            4,
        ),
        ({"input": "x" * 4000, "instructions": "y" * 400}, 1100),
        # "base64", "image", "user", "image/png": 6 + 5 + 4 + 9 = 24 bytes.
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "image",
                                "source": {
                                    "type": "base64",
                                    "media_type": "image/png",
                                    "data": "A" * 90_000,
                                },
                            }
                        ],
                    }
                ]
            },
            6,
        ),
        ({"model": "x"}, 0),
    ],
)
def test_the_prompt_is_estimated_from_the_length_of_its_text(
    gateway: Gateway, body: dict[str, object], tokens: int
) -> None:
    assert data(gateway, body=body)["hold"]["prompt_tokens_estimate"] == tokens
