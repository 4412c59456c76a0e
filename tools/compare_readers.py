"""Compares our reading and our prices with those of genai-prices and azure-genai-prices.

Prints every difference with its reason. Exit status 1 for a difference without one.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from metering.core.usage.buckets import INPUT_BUCKETS, TOKENS
from metering.core.usage.families import family_of
from metering.core.usage.provider_usage import ProviderUsage, read_usage
from tests.core.prices.test_prices_against_others import (
    AZURE_DIFFERENT,
    AZURE_REFUSED_BY_THEM,
    against_azure,
)
from tests.core.usage.test_recorded_shapes import SHAPES, Shape

#: Extractors of genai-prices that may know a shape, by the fields that it has.
_OPENAI: Final = (("openai", "chat"), ("openai", "responses"), ("openai", "realtime"))
_ANTHROPIC: Final = (("anthropic", "default"),)

#: Words of a shape's name, and why they count it otherwise than we do.
_REASONS: Final = {
    "compaction": "they leave out iterations",
    "advisor": "they leave out iterations",
    "Grok": "for openai and azure they leave reasoning beside the completion out",
    "realtime: cached": "they do not read cached tokens under the singular spelling",
    "cached part": "they do not read cached tokens under the singular spelling",
    "reasoning larger": "they leave out reasoning beside the completion",
    "Gemini": "they read Gemini's own shape alone",
    "Mistral's own": "they leave out sound beside the prompt",
    "singular": "they do not know the spelling",
    "input_token_details": "they do not know the spelling",
    "prompt_token_details": "they do not know the spelling",
    "both spellings": "they take one spelling alone",
    "DeepSeek": "they know hits and misses for deepseek alone",
    "num_cached": "they know the field for mistral alone",
    "Kimi": "they know the field for moonshotai alone",
    "Qwen": "they do not know writes inside the details",
    "Anthropic": "they read another field",
}


def main() -> int:
    """Print the comparison, and return the exit status."""
    print("Reading, of recorded usage objects: input, cached, output")
    unexplained = 0
    verdicts: Counter[str] = Counter()
    for shape in SHAPES:
        verdict, detail = _reading(shape)
        verdicts[verdict] += 1
        if verdict == "different":
            reason = next((why for words, why in _REASONS.items() if words in shape.name), None)
            unexplained += reason is None
            print(f"  {shape.name}: {detail}: {reason or 'no reason is known'}")
    print(f"  {dict(verdicts)}")
    print("Quotes, of every Azure row with text prices:")
    by_verdict: defaultdict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for model, verdict in against_azure():
        by_verdict[verdict].add(model)
        counts[verdict] += 1
    for verdict, number in counts.most_common():
        print(f"  {number} {verdict}: {len(by_verdict[verdict])} models")
        if verdict != "equal":
            print(f"    {', '.join(sorted(by_verdict[verdict]))}")
    unknown = by_verdict["different"] - AZURE_DIFFERENT
    unknown |= by_verdict["they have no price"] - AZURE_REFUSED_BY_THEM
    for model in sorted(unknown):
        print(f"  {model}: no reason is known")
    return 1 if unexplained or unknown else 0


def _reading(shape: Shape) -> tuple[str, str]:
    """Return whether they count a shape as we do, and both counts."""
    theirs = next(_theirs(shape), None)
    if theirs is None:
        return "they do not read it", ""
    usage = ProviderUsage.model_validate(shape.usage)
    buckets = read_usage(usage, family_of(shape.model)).buckets
    prompt = sum(buckets[INPUT_BUCKETS])
    ours = (prompt, buckets[1] + buckets[5] + buckets[7], sum(buckets[TOKENS]) - prompt)
    return ("equal" if ours == theirs else "different"), f"{ours} here, {theirs} there"


def _theirs(shape: Shape) -> Iterator[tuple[int, int, int]]:
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415, slow to import

    usage: dict[str, Any] = shape.usage
    anthropic = any(name.startswith("cache_") or name == "iterations" for name in usage)
    for provider, flavor in _ANTHROPIC if anthropic else _OPENAI:
        model = shape.model or ("claude-sonnet-4-5" if anthropic else "gpt-4o")
        try:
            found = get_snapshot().extract_usage(
                {"model": model, "usage": usage}, provider, None, flavor
            )
        except (LookupError, ValueError, TypeError):
            continue
        counted = found.usage
        yield (
            int(counted.input_tokens or 0),
            int(counted.cache_read_tokens or 0),
            int(counted.output_tokens or 0),
        )


if __name__ == "__main__":
    sys.exit(main())
