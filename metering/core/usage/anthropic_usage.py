"""Anthropic's counts: they stand beside each other, and iterations are all that is charged."""

from typing import Final

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import TOKENS, Buckets, from_names
from metering.core.usage.usage_details import anthropic_writes
from metering.core.usage.usage_object import Iteration, ProviderUsage

#: Iterations of the model that answers, charged at its price. An advisor's are another model's.
_OWN_ITERATIONS: Final = frozenset({"message", "compaction"})


def is_anthropic(usage: ProviderUsage) -> bool:
    """Say whether Anthropic wrote it: only they name caches and thinking as they do."""
    named = (
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.cache_creation,
        usage.iterations,
    )
    has_details = (usage.input_tokens_details, usage.input_token_details) != (None, None)
    if all(value is None for value in named):
        # OpenRouter's Responses count the calls of tools under the same name.
        return usage.server_tool_use is not None and not has_details
    if has_details:
        raise RejectedEvent(
            Code.USAGE_UNRECOGNISED,
            "usage mixes input_tokens_details with Anthropic's cache fields",
        )
    return True


def side_by_side(usage: ProviderUsage | Iteration) -> Buckets:
    """Return the buckets of Anthropic's counts, which stand beside each other."""
    write, write_long = anthropic_writes(usage.cache_creation_input_tokens, usage.cache_creation)
    reasoning = 0
    if usage.output_tokens_details is not None:
        parts = usage.output_tokens_details
        reasoning = parts.reasoning_tokens or parts.thinking_tokens or 0
    output = (usage.output_tokens or 0) - reasoning
    if output < 0:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, "reasoning_tokens is larger than output_tokens"
        )
    return from_names(
        {
            "input": usage.input_tokens or 0,
            "cached_read": usage.cache_read_input_tokens or 0,
            "cache_write": write,
            "cache_write_long": write_long,
            "output": output,
            "reasoning": reasoning,
        }
    )


def all_iterations(usage: ProviderUsage) -> Buckets | None:
    """Return the tokens of all iterations, which are what is charged; None without any.

    The top level leaves out compaction and advisors (Anthropic's compaction page, 2026-11). It
    holds where it has more than the iterations.
    """
    if not usage.iterations:
        return None
    counted = [side_by_side(iteration) for iteration in usage.iterations]
    added = tuple(map(sum, zip(*counted, strict=True)))
    more = sum(added[TOKENS]) > sum(side_by_side(usage)[TOKENS])
    return added if more else None


def iterations_unexplained(usage: ProviderUsage) -> str | None:
    """Return `iterations` where another model may have run in one of them."""
    types = {iteration.type for iteration in usage.iterations or ()}
    return None if types <= _OWN_ITERATIONS else "iterations"
