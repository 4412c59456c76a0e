"""Complete events from halves: who and when from the one, how many tokens from the other."""

import json
from typing import Any

import pytest

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.streams.gateway_log import read_log
from metering.core.streams.joining import complete as complete_stream
from metering.core.streams.joining import counted, recovered
from metering.core.streams.log_rows import GatewayRow, LlmRow
from metering.core.streams.sheets import stream_of
from metering.core.usage.buckets import by_name
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from metering.core.usage.usage_reader import UsageReader
from tests.builders import AT, NOW, body
from tests.gateway_logs import gateway_record, llm_record, log


def pending(**changes: Any) -> bytes:
    hold = {"prompt_tokens_estimate": 5, "max_output_tokens": 7}
    return body(**{"data__tokens": "pending", "data__usage": None, "data__hold": hold} | changes)


def row(**changes: Any) -> LlmRow:
    return read_log(log(llm_record(**changes))).llm_rows[0]


def sender(**changes: Any) -> GatewayRow:
    return read_log(log(gateway_record(**changes))).gateway_rows[0]


def read(content: bytes) -> Usage:
    return UsageReader().read(content, NOW)


def complete(reported: bytes, of: LlmRow) -> bytes:
    return complete_stream(stream_of(read(reported), reported), of)


def counts(usage: Usage) -> dict[str, int]:
    return {name: count for name, count in by_name(usage.buckets).items() if count}


def test_a_complete_event_is_the_identity_with_the_counts_of_the_log() -> None:
    made = complete(pending(data__end_user="u-1", data__extra=1), row())
    usage = read(made)
    assert usage.evidence is Evidence.TOTALS
    assert (usage.id, usage.time, usage.end_user) == ("r-1", AT, "u-1")
    assert counts(usage) == {"input": 1000, "output": 100}
    data = json.loads(made)["data"]
    # Only what a usage event has: what else a producer says is nowhere read.
    assert "hold" not in data
    assert "extra" not in data


def test_where_the_halves_contradict_each_other_the_identity_holds() -> None:
    log_row = row(modelName="gpt-5", deploymentName="other")._replace(time=AT - 10**9)
    usage = read(complete(pending(), log_row))
    assert usage.time == AT
    assert usage.dimensions.model == "gpt-4o-2024-11-20"
    assert usage.dimensions.deployment == "gpt-4o"


@pytest.mark.parametrize("absent", [None, "", ...])
def test_the_log_names_the_model_where_the_identity_does_not(absent: Any) -> None:
    usage = read(complete(pending(data__model=absent, data__deployment=absent), row()))
    assert (usage.dimensions.model, usage.dimensions.deployment) == ("gpt-4o", "gpt-4o")


def test_openais_prompt_contains_the_cached() -> None:
    usage = read(complete(pending(), row(promptCachedTokens=400)))
    assert counts(usage) == {"input": 600, "cached_read": 400, "output": 100}


@pytest.mark.parametrize(
    "names",
    [
        {"data__model": "claude-sonnet-4-5"},
        {"data__model": "sonnet", "data__provider": "Anthropic"},
        {"data__model": None, "data__requested_model": "anthropic/claude-x"},
    ],
)
def test_anthropics_cached_stand_beside_the_prompt(names: Any) -> None:
    log_row = row(modelName="", promptTokens=26, promptCachedTokens=48854, totalTokens=126)
    usage = read(complete(pending(**names), log_row))
    assert counts(usage) == {"input": 26, "cached_read": 48854, "output": 100}


def test_a_claude_model_in_the_log_alone_is_enough_to_know_the_shape() -> None:
    log_row = row(modelName="claude-opus-4-1-20250805", promptTokens=26, completionTokens=...)
    usage = read(complete(pending(data__model=None), log_row))
    assert counts(usage) == {"input": 26}
    assert usage.dimensions.model == "claude-opus-4-1"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"promptTokens": ...}, {"input": 1000, "output": 100}),
        ({"completionTokens": ...}, {"input": 1000, "output": 100}),
        ({"totalTokens": ...}, {"input": 1000, "output": 100}),
        ({"completionTokens": ..., "totalTokens": ...}, {"input": 1000}),
    ],
)
def test_of_prompt_completion_and_total_two_are_enough(given: Any, expected: Any) -> None:
    assert counts(read(complete(pending(), row(**given)))) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"promptTokens": ..., "totalTokens": ...},
        {"promptTokens": ..., "completionTokens": ...},
        {"promptTokens": ..., "totalTokens": 99},
        {"completionTokens": ..., "totalTokens": 999},
        {"totalTokens": 1101},
        {"promptCachedTokens": 1001},
    ],
)
def test_counts_that_cannot_be_are_refused_and_never_guessed(given: Any) -> None:
    with pytest.raises(RejectedEvent) as refused:
        complete(pending(), row(**given))
    assert refused.value.code is Code.USAGE_INCONSISTENT


def test_a_total_alone_does_not_say_what_claude_did() -> None:
    with pytest.raises(RejectedEvent, match="totalTokens alone"):
        complete(pending(data__model="claude-x"), row(promptTokens=..., completionTokens=...))


def test_recovered_usage_is_what_the_gateway_logged() -> None:
    made = recovered(sender(), row())
    usage = read(made)
    assert usage.evidence is Evidence.RECOVERED
    assert usage.key == ("llm.usage.v1", "/apim/test", "r-1")
    assert usage.time == AT + 123_456
    said = usage.dimensions
    assert (said.subject, said.status, said.product, said.api) == ("sub-1", 200, "gold", "openai")
    assert (said.operation, said.region, said.backend) == ("chat", None, "pool-1")
    assert (said.model, said.deployment) == ("gpt-4o", "gpt-4o")
    assert counts(usage) == {"input": 1000, "output": 100}


def test_recovered_usage_of_nobody_known_is_anonymous() -> None:
    assert read(recovered(sender(apimSubscriptionId=""), row())).dimensions.subject == "anonymous"


#: 663 + 50 + 124 = 837: the log's total says how much Grok reasoned.
GROK_COUNTS = {"input": 663, "output": 50, "reasoning": 124}


def grok_row(**changes: Any) -> LlmRow:
    return row()._replace(
        prompt_tokens=663, completion_tokens=50, total_tokens=837, cached_tokens=0, **changes
    )


def test_a_logs_total_says_how_much_a_model_reasoned_that_does_so_beside_the_completion() -> None:
    identity = pending(data__model=None, data__deployment="chat")
    told = complete(identity, grok_row(model="grok-4", deployment="chat"))
    assert counts(read(told)) == GROK_COUNTS
    named = pending(data__model="xai/grok-4-1-fast-reasoning")
    assert counts(read(complete(named, grok_row(model=None)))) == GROK_COUNTS
    assert counts(read(recovered(sender(), grok_row(model="grok-4")))) == GROK_COUNTS
    assert counted(grok_row(model="grok-4")).tokens == 837


def test_a_total_beyond_its_parts_is_refused_for_any_other_model() -> None:
    for model in ("gpt-4o", None):
        with pytest.raises(RejectedEvent) as rejected:
            recovered(sender(), grok_row(model=model, deployment="chat"))
        assert rejected.value.code is Code.USAGE_INCONSISTENT


def test_a_log_of_grok_may_have_more_cached_than_prompt() -> None:
    hidden = row()._replace(
        model="grok-4-1-fast",
        prompt_tokens=7,
        completion_tokens=1,
        total_tokens=8,
        cached_tokens=163,
    )
    usage = read(recovered(sender(), hidden))
    # 163 - 7 = 156 beyond the prompt
    assert (counts(usage), usage.dimensions.surplus) == ({"input": 7, "output": 1}, 156)


def test_counts_of_a_log_leave_a_stream_unpriced_that_may_have_called_a_charged_tool() -> None:
    made = complete(pending(data__server_tools=["file_search", "web_search"]), row())
    assert read(made).dimensions.not_understood == "server_tools.file_search"
    # The application's own event has all calls, also none, and is priced.
    whole = body(data__server_tools=["file_search"])
    assert read(whole).dimensions.not_understood is None


def test_a_call_that_is_told_explains_what_the_request_offered() -> None:
    offered: Any = {"data__server_tools": ["web_search"], "data__evidence": "totals"}
    told = body(**offered, data__tool_calls={"web_search_call": 1})
    assert read(told).dimensions.not_understood is None
    assert read(body(**offered)).dimensions.not_understood == "server_tools.web_search"
