"""Usage in the words of the GenAI conventions: what each entry makes known for the first time."""

from typing import Any

import pytest

from metering.core.installation.gen_ai import Counted, counted, labels_of
from metering.core.installation.metric_table import METRIC_TABLE
from metering.core.installation.metrics import METRICS
from metering.core.ledger.entry import Entry, Kind, Reference, State, Superseded
from metering.core.prices.rating import NO_UNITS, Rate
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from tests.builders import AT, NOW, dimensions

RATE = Rate("gpt-4o", "v1", "gpt-4o/global", 10**6, NO_UNITS)
#: 900 + 100 cached of input, 60 + 40 of output.
BUCKETS = from_names({"input": 900, "cached_read": 100, "output": 60, "reasoning": 40})


def state(**changes: Any) -> State:
    fields = {name: changes.pop(name) for name in list(changes) if name in State._fields}
    made = State(Kind.USAGE, Evidence.FULL, dimensions(**changes), RATE, BUCKETS, 7)
    return made._replace(**fields)


def entry(now: State, before: State | None = None) -> Entry:
    replaced = None if before is None else Superseded(Reference(1, 0), before)
    return Entry(("llm.usage.v1", "/apim/test", "r-1"), "d", AT, NOW, None, now, replaced)


HOLD = state(kind=Kind.HOLD, evidence=Evidence.HELD)
MISSING = state(evidence=Evidence.MISSING, amount=None)
UNPRICED = state(amount=None)


@pytest.mark.parametrize(
    ("now", "before", "tokens", "amount"),
    [
        (state(), None, (1000, 100), 7),
        # A stream: its hold tells nothing, its counts everything.
        (HOLD, None, None, None),
        (state(), HOLD, (1000, 100), 7),
        # Counts that never arrived, and then did.
        (MISSING, None, None, None),
        (MISSING, HOLD, None, None),
        (state(), MISSING, (1000, 100), 7),
        # A price that came later adds the amount and no token.
        (UNPRICED, None, (1000, 100), None),
        (state(), UNPRICED, None, 7),
        # Better counts are in the ledger alone.
        (state(amount=9), state(evidence=Evidence.ESTIMATED), None, None),
        # Neither a withdrawal, nor a refused request, nor an answer of the gateway's cache.
        (state(kind=Kind.WITHDRAWAL), state(), None, None),
        (state(status=429), None, None, None),
        (state(cache="hit"), None, None, None),
        # A platform's sum over many requests, which its next revision replaces.
        (state(evidence=Evidence.AGGREGATE), None, None, None),
        # Another meter has an amount; an outcome has nothing.
        (state(unit="query"), None, None, 7),
        (state(kind=Kind.OUTCOME, unit="ticket"), None, None, None),
    ],
)
def test_a_request_is_told_once(
    now: State, before: State | None, tokens: tuple[int, int] | None, amount: int | None
) -> None:
    found = counted(entry(now, before))
    assert (found and found.tokens, found and found.amount) == (tokens, amount)


@pytest.mark.parametrize(
    ("given", "provider", "operation"),
    [
        ({}, "azure.ai.openai", "_OTHER"),
        ({"provider": "Anthropic", "operation": "Messages_Create"}, "anthropic", "chat"),
        ({"model": "claude-sonnet-4-5"}, "anthropic", "_OTHER"),
        ({"model": "grok-4", "operation": "ChatCompletions_Create"}, "x_ai", "chat"),
        ({"provider": "somebody", "operation": "Completions_Create"}, "_OTHER", "text_completion"),
        ({"provider": "mistral", "operation": "Responses_Create"}, "mistral_ai", "chat"),
        ({"operation": "Embeddings_Create"}, "azure.ai.openai", "embeddings"),
        ({"provider": "bedrock", "operation": "ConverseStream"}, "aws.bedrock", "chat"),
        (
            {"model": "gemini-2.5-pro", "operation": "streamGenerateContent"},
            "gcp.gen_ai",
            "generate_content",
        ),
    ],
)
def test_sellers_and_operations_have_the_names_of_the_conventions(
    given: dict[str, str], provider: str, operation: str
) -> None:
    found = counted(entry(state(**given)))
    assert found is not None
    assert (found.provider, found.operation) == (provider, operation)


def test_a_model_that_is_not_named_is_no_label() -> None:
    assert labels_of(Counted("anthropic", "chat", None, "claude", (1, 1), 0)) == {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.response.model": "claude",
    }


def test_the_table_has_every_metric_and_no_other() -> None:
    assert set(METRIC_TABLE) == set(METRICS)
