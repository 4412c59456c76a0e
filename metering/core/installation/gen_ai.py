"""Counted usage in the words of OpenTelemetry's semantic conventions for generative AI.

The conventions of 2026-11 (status: development) name the metric `gen_ai.client.token.usage` and the
labels below. Their drafts replace it by counters by direction; no release has those yet.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from metering.core.basics.money import Amount
from metering.core.ledger.entry import Entry, State
from metering.core.usage.buckets import INPUT_BUCKETS, TOKENS
from metering.core.usage.evidence import Evidence, counts_known
from metering.core.usage.families import family_of
from metering.core.usage.usage import Dimensions

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUESTED: Final = "gen_ai.request.model"
SERVED: Final = "gen_ai.response.model"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105, a kind of LLM token
CURRENCY: Final = "currency"

TOKEN_LABELS: Final = (OPERATION, PROVIDER, REQUESTED, SERVED, TOKEN_TYPE)
AMOUNT_LABELS: Final = (PROVIDER, REQUESTED, SERVED, CURRENCY)

#: The value of a label that has no name in the conventions, or one too many.
OTHER: Final = "_OTHER"

#: Sellers, as events and families name them, by the well-known values of the conventions.
_PROVIDERS: Final = {
    "anthropic": "anthropic",
    "aws": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "microsoft": "azure.ai.openai",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gemini": "gcp.gemini",
    "google": "gcp.gen_ai",
    "meta": "meta",
    "mistral": "mistral_ai",
    "moonshotai": "moonshot_ai",
    "openai": "azure.ai.openai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}
#: Parts of the names of operations at the gateway; the first that is found decides.
_OPERATIONS: Final = (
    ("embedding", "embeddings"),
    ("chat", "chat"),
    ("message", "chat"),
    ("response", "chat"),
    ("converse", "chat"),
    ("generatecontent", "generate_content"),
    ("completion", "text_completion"),
)


class Counted(NamedTuple):
    """The counts of a request that an entry is the first to have."""

    provider: str
    operation: str
    requested: str | None
    served: str | None
    tokens: tuple[int, int] | None
    """Input with cached tokens, and output with reasoning; None if they were known before."""
    amount: Amount | None
    """None if there is none yet, or it was known before."""


def counted(entry: Entry) -> Counted | None:
    """Return what an entry makes known for the first time; None if that is nothing.

    A distribution takes nothing back, so each request is told once: its tokens with the first
    counts, its amount with the first price. The ledger has what is corrected later.
    """
    state, of = entry.state, entry.state.dimensions
    before = None if entry.supersedes is None else entry.supersedes.state
    tokens = _tokens(state) if before is None or _tokens(before) is None else None
    amount = _amount(state) if before is None or _amount(before) is None else None
    if tokens is None and amount is None:
        return None
    return Counted(_provider(of), _operation(of), of.requested_model, of.model, tokens, amount)


def labels_of(one: Counted) -> Mapping[str, str]:
    """Return the labels that tokens and amounts share; a name that is not known is left out."""
    named = {PROVIDER: one.provider, REQUESTED: one.requested, SERVED: one.served}
    return {name: value for name, value in named.items() if value is not None}


def _tokens(state: State) -> tuple[int, int] | None:
    """Return the tokens of a request whose counts are known."""
    if state.dimensions.unit is not None or not _counts(state):
        return None
    total = sum(state.buckets[TOKENS])
    prompt = sum(state.buckets[INPUT_BUCKETS])
    return prompt, total - prompt


def _amount(state: State) -> Amount | None:
    return state.amount if _counts(state) else None


def _counts(state: State) -> bool:
    """Say whether it is one request with known counts; a platform's sum over many is its own."""
    is_sum = state.evidence is Evidence.AGGREGATE
    return state.is_usage and state.is_billable and counts_known(state.evidence) and not is_sum


def _provider(of: Dimensions) -> str:
    """Return the seller. What names none is Azure OpenAI, which alone needs no name."""
    if of.provider is not None:
        return _PROVIDERS.get(of.provider.lower(), OTHER)
    family = family_of(of.model, None, of.requested_model, of.deployment)
    return "azure.ai.openai" if family is None else _PROVIDERS[family.provider]


def _operation(of: Dimensions) -> str:
    name = (of.operation or "").lower()
    return next((value for part, value in _OPERATIONS if part in name), OTHER)
