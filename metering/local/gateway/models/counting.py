"""The token counts of a request and its response, from the text of the request alone.

A token is four characters, the last one begun or not. A prompt is its texts, four tokens more for
each message and three for the reply; what is no text (an image, a sound) is 85 tokens. The answer
has 16 to 79 tokens, by a hash of the prompt, unless the request's limit is lower; a reasoning model
spends a quarter of them on reasoning, and every other token is one word. OpenAI's prompts of 1,024
tokens and more have their first half cached, in steps of 128. Anthropic's cache what stands up to
the last `cache_control`: by a hash of it, it was there already or is written now.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

_CHARACTERS: Final = 4
_PER_MESSAGE: Final = 4
_PER_REPLY: Final = 3
#: Stands for a part without text: as long as 85 tokens.
NO_TEXT: Final = "?" * (85 * _CHARACTERS)

_SHORTEST: Final = 16
_LENGTHS: Final = 64
_CACHED_FROM: Final = 1_024
_CACHED_STEP: Final = 128

_WORDS: Final = (
    *("the", "meter", "counts", "every", "token", "once", "and", "a", "ledger", "keeps"),
    *("what", "it", "cost", "so", "each", "tenant", "pays", "for", "its", "own"),
)


class Mark(NamedTuple):
    """The text up to the last `cache_control`. `kept_long`: cached for an hour."""

    tokens: int
    in_cache: bool
    kept_long: bool


class Prompt(NamedTuple):
    """The input of the counting rule."""

    digest: bytes
    tokens: int
    max_output_tokens: int | None = None
    mark: Mark | None = None


class Counts(NamedTuple):
    """The usage of a request. `prompt` includes cached and cache-written tokens."""

    prompt: int
    cached: int = 0
    written: int = 0
    written_long: int = 0
    reasoning: int = 0
    words: tuple[str, ...] = ()
    cut_off: bool = False
    """Whether the output limit ended the response."""

    @property
    def completion(self) -> int:
        """All output tokens, including reasoning."""
        return self.reasoning + len(self.words)

    @property
    def uncached(self) -> int:
        """The prompt without cached and cache-written tokens, as Anthropic counts it."""
        return self.prompt - self.cached - self.written - self.written_long

    def up_to(self, words: int) -> "Counts":
        """Return the usage after a number of words of the response."""
        return self._replace(words=self.words[:words])


def tokens_of(text: str) -> int:
    """Return the tokens of a text."""
    return -(-len(text) // _CHARACTERS)


def prompt_of(
    texts: Sequence[str], messages: int, *, max_output_tokens: int | None = None
) -> Prompt:
    """Return the prompt of texts in a number of messages."""
    tokens = sum(map(tokens_of, texts)) + messages * _PER_MESSAGE + _PER_REPLY
    return Prompt(_digest(texts), tokens, max_output_tokens)


def mark_after(texts: Sequence[str], *, kept_long: bool) -> Mark:
    """Return the cache mark after these texts."""
    return Mark(sum(map(tokens_of, texts)), bool(_digest(texts)[0] % 2), kept_long)


def inputs_of(texts: Sequence[str]) -> Prompt:
    """Return the prompt of plain inputs without messages, for embeddings."""
    return Prompt(_digest(texts), sum(map(tokens_of, texts)))


def answer_to(prompt: Prompt, *, reasons: bool) -> Counts:
    """Return the usage of an OpenAI model's response to a prompt."""
    half = prompt.tokens // 2 // _CACHED_STEP * _CACHED_STEP
    cached = half if prompt.tokens >= _CACHED_FROM else 0
    return _answered(Counts(prompt.tokens, cached=cached), prompt, reasons=reasons)


def answer_beside_cache(prompt: Prompt) -> Counts:
    """Return the usage of an Anthropic model's response to a prompt."""
    counts, mark = Counts(prompt.tokens), prompt.mark
    if mark is not None and mark.in_cache:
        counts = counts._replace(cached=mark.tokens)
    elif mark is not None and mark.kept_long:
        counts = counts._replace(written_long=mark.tokens)
    elif mark is not None:
        counts = counts._replace(written=mark.tokens)
    return _answered(counts, prompt, reasons=False)


def _answered(counts: Counts, prompt: Prompt, *, reasons: bool) -> Counts:
    wanted = _SHORTEST + prompt.digest[0] % _LENGTHS
    limit = prompt.max_output_tokens
    length = wanted if limit is None else min(wanted, limit)
    reasoning = length // 4 if reasons else 0
    first = prompt.digest[1]
    words = tuple(_WORDS[(first + n) % len(_WORDS)] for n in range(length - reasoning))
    return counts._replace(reasoning=reasoning, words=words, cut_off=length < wanted)


def _digest(texts: Iterable[str]) -> bytes:
    return hashlib.sha256("\0".join(texts).encode(errors="replace")).digest()
