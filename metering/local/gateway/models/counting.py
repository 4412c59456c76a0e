"""The tokens of a prompt, from its text alone.

A token is four characters, the last one begun or not. A prompt is its texts, four tokens more for
each message and three for the reply; what is no text (an image, a sound) is 85 tokens. Definitions
of tools and schemas of answers are texts. OpenAI's prompts of 1,024 tokens and more have their
first half cached, in steps of 128. Anthropic's cache what stands up to the last `cache_control`: by
a hash of it, it was there already or is written now.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

CHARACTERS: Final = 4
_PER_MESSAGE: Final = 4
_PER_REPLY: Final = 3
#: Stands for a part without text: as long as 85 tokens.
NO_TEXT: Final = "?" * (85 * CHARACTERS)

_CACHED_FROM: Final = 1_024
_CACHED_STEP: Final = 128


class Mark(NamedTuple):
    """The text up to the last `cache_control`. `kept_long`: cached for an hour."""

    tokens: int
    in_cache: bool
    kept_long: bool


class Prompt(NamedTuple):
    """The input of a model. `digest` is the seed of everything that is drawn for the answer."""

    digest: bytes
    tokens: int
    mark: Mark | None = None


class Counts(NamedTuple):
    """The usage of a request. `prompt` includes cached and cache-written tokens."""

    prompt: int
    cached: int = 0
    written: int = 0
    written_long: int = 0
    reasoning: int = 0
    output: int = 0
    """The tokens of the output that the client sees."""
    sound: int = 0
    """Tokens of the prompt that are sound."""
    quantity: float = 0
    """Units charged instead of tokens: images, or seconds of sound."""

    @property
    def completion(self) -> int:
        """All output tokens, including reasoning."""
        return self.reasoning + self.output

    @property
    def uncached(self) -> int:
        """The prompt without cached and cache-written tokens, as Anthropic counts it."""
        return self.prompt - self.cached - self.written - self.written_long

    def up_to(self, output: int) -> "Counts":
        """Return the usage after a number of tokens of the output."""
        return self._replace(output=min(output, self.output))


def tokens_of(text: str) -> int:
    """Return the tokens of a text."""
    return -(-len(text) // CHARACTERS)


def prompt_of(texts: Sequence[str], messages: int, *, seed: object = None) -> Prompt:
    """Return the prompt of texts in a number of messages. `seed` is the client's own, if any."""
    tokens = sum(map(tokens_of, texts)) + messages * _PER_MESSAGE + _PER_REPLY
    seeded = texts if seed is None else [*texts, f"seed {seed}"]
    return Prompt(_digest(seeded), tokens)


def mark_after(texts: Sequence[str], *, kept_long: bool) -> Mark:
    """Return the cache mark after these texts."""
    return Mark(sum(map(tokens_of, texts)), bool(_digest(texts)[0] % 2), kept_long)


def inputs_of(texts: Sequence[str]) -> Prompt:
    """Return the prompt of plain inputs without messages, for embeddings."""
    return Prompt(_digest(texts), sum(map(tokens_of, texts)))


def counts_of(prompt: Prompt) -> Counts:
    """Return the usage of a prompt on a model of OpenAI, before any output."""
    half = prompt.tokens // 2 // _CACHED_STEP * _CACHED_STEP
    return Counts(prompt.tokens, cached=half if prompt.tokens >= _CACHED_FROM else 0)


def counts_beside_cache(prompt: Prompt) -> Counts:
    """Return the usage of a prompt on a model of Anthropic, before any output."""
    counts, mark = Counts(prompt.tokens), prompt.mark
    if mark is None:
        return counts
    if mark.in_cache:
        return counts._replace(cached=mark.tokens)
    name = "written_long" if mark.kept_long else "written"
    return counts._replace(**{name: mark.tokens})


def _digest(texts: Iterable[str]) -> bytes:
    return hashlib.sha256("\0".join(texts).encode(errors="replace")).digest()
