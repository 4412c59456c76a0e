"""`metering normalize`: one line of any provider in, one line of disjoint buckets out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Metering

_RECORDED: Final = Path(__file__).parents[2] / "data/provider_usage.jsonl"

type Lines = list[tuple[str, Mapping[str, object]]]

_CHAT: Final = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 512, "audio_tokens": 10},
    "completion_tokens_details": {
        "reasoning_tokens": 30,
        "audio_tokens": 5,
        "accepted_prediction_tokens": 4,
        "rejected_prediction_tokens": 7,
    },
}
#: Cached and audio tokens are inside the prompt; reasoning, audio, predictions in the completion.
_CHAT_BUCKETS: Final = {
    "input": 478,
    "cached_read": 512,
    "input_audio": 10,
    "output": 65,
    "reasoning": 30,
    "output_audio": 5,
}
_RESPONSES: Final = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 512},
    "output_tokens": 100,
    "output_tokens_details": {"reasoning_tokens": 64},
    "total_tokens": 1100,
}
_RESPONSES_BUCKETS: Final = {"input": 488, "cached_read": 512, "output": 36, "reasoning": 64}
_EMBEDDINGS: Final = {"prompt_tokens": 8, "total_tokens": 8}
_ANTHROPIC: Final = {
    "input_tokens": 20,
    "cache_read_input_tokens": 300,
    "cache_creation_input_tokens": 150,
    "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 100},
    "output_tokens": 40,
}
#: Caches are beside the input.
_ANTHROPIC_BUCKETS: Final = {
    "input": 20,
    "cached_read": 300,
    "cache_write": 50,
    "cache_write_long": 100,
    "output": 40,
}

_USAGE_OBJECTS: Final[Lines] = [
    (json.dumps(_CHAT), _CHAT_BUCKETS),
    (json.dumps(_RESPONSES), _RESPONSES_BUCKETS),
    (json.dumps(_EMBEDDINGS), {"input": 8}),
    (json.dumps(_ANTHROPIC), _ANTHROPIC_BUCKETS),
    (
        '{"input_tokens": 20, "cache_creation_input_tokens": 150, "output_tokens": 40}',
        {"input": 20, "cache_write": 150, "output": 40},
    ),
    ('{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}', {}),
]

_WHOLE_RESPONSES: Final[Lines] = [
    (
        json.dumps({"object": "chat.completion", "choices": [{"message": {}}], "usage": _CHAT}),
        _CHAT_BUCKETS,
    ),
    (json.dumps({"object": "response", "output": [], "usage": _RESPONSES}), _RESPONSES_BUCKETS),
    (
        json.dumps({"type": "response.completed", "response": {"usage": _RESPONSES}}),
        _RESPONSES_BUCKETS,
    ),
    (json.dumps({"object": "list", "data": [], "usage": _EMBEDDINGS}), {"input": 8}),
    (json.dumps({"type": "message", "content": [], "usage": _ANTHROPIC}), _ANTHROPIC_BUCKETS),
    (
        json.dumps({"type": "message_start", "message": {"usage": _ANTHROPIC}}),
        _ANTHROPIC_BUCKETS,
    ),
]

_REFUSED: Final[Lines] = [
    ("garbage", {"error": "not_json"}),
    ('{"prompt_tokens": 5', {"error": "not_json"}),
    ("\udcff\udcfe", {"error": "not_json"}),
    ("null", {"error": "usage_missing"}),
    ('{"choices": [], "usage": null}', {"error": "usage_missing"}),
    ("{}", {"error": "usage_unrecognised"}),
    ('{"prompt_tokens": 5, "input_tokens": 6}', {"error": "usage_unrecognised"}),
    ("42", {"error": "usage_invalid"}),
    ('{"prompt_tokens": -5}', {"error": "usage_invalid"}),
    ('{"prompt_tokens": 1.5}', {"error": "usage_invalid"}),
    ('{"prompt_tokens": "5"}', {"error": "usage_invalid"}),
    (
        '{"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 13}',
        {"error": "usage_inconsistent"},
    ),
    (
        '{"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 11}}',
        {"error": "usage_inconsistent"},
    ),
]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(_USAGE_OBJECTS, id="usage objects"),
        pytest.param(_WHOLE_RESPONSES, id="whole responses"),
        pytest.param(_REFUSED, id="what cannot be read"),
    ],
)
def test_every_line_is_answered_in_its_place(metering: "Metering", lines: Lines) -> None:
    given = "\n".join(line for line, _ in lines).encode(errors="surrogateescape")

    ran = metering.run("normalize", stdin=given)

    assert (ran.code, ran.stderr) == (0, "")
    assert [json.loads(line) for line in ran.stdout.splitlines()] == [out for _, out in lines]


def test_no_lines_in_give_no_lines_out(metering: "Metering") -> None:
    assert metering.run("normalize", stdin=b"\n\n") == (0, "", "")


@pytest.mark.parametrize(
    ("line", "options", "answer"),
    [
        ({"type": "duration", "seconds": 11}, (), {"audio_seconds": 11}),
        ({"type": "duration", "seconds": 0.5}, (), {"audio_seconds": 0.5}),
        ({"characters": 1200}, (), {"characters": 1200}),
        (
            {"input_tokens": 5, "output_tokens": 1, "server_tool_use": {"web_search_requests": 2}},
            (),
            {"input": 5, "output": 1, "web_search_requests": 2},
        ),
        (
            {"prompt_tokens": 5, "prompt_tokens_details": {"video_tokens": 3}},
            (),
            {"input": 5, "not_understood": "prompt_tokens_details.video_tokens"},
        ),
        # the model may stand beside the counts, around them, or in an option
        (
            {"model": "grok-4", "prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": 9}},
            (),
            {"input": 7, "surplus": 2},
        ),
        (
            {
                "type": "response.done",
                "response": {
                    "model": "grok-4",
                    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 10},
                },
            },
            (),
            {"input": 7, "output": 1, "reasoning": 2},
        ),
        (
            {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 10},
            ("--model", "xai/grok-4"),
            {"input": 7, "output": 1, "reasoning": 2},
        ),
    ],
)
def test_fees_families_and_what_is_not_understood_are_named(
    metering: "Metering",
    line: Mapping[str, object],
    options: tuple[str, ...],
    answer: Mapping[str, object],
) -> None:
    ran = metering.run("normalize", *options, stdin=json.dumps(line).encode())

    assert json.loads(ran.stdout) == answer


def test_recorded_objects_of_every_provider_are_answered(metering: "Metering") -> None:
    recorded = [json.loads(line) for line in _RECORDED.read_text().splitlines()]
    lines = "\n".join(json.dumps(one["in"]) for one in recorded)
    ran = metering.run("normalize", stdin=lines.encode())
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    expected = [one.get("out") or {"error": one["error"]} for one in recorded]
    assert answers == expected
