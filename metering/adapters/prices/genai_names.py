"""Names of models in genai-prices: those that a provider's own responses and paths carry.

The package knows many names by a part of them only; rows of a price file have whole names.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

#: Names with a date that responses carry and the package knows by their beginning only
#: (Anthropic's model overview). From Claude 4.6 on names have no date.
_DATED: Final[dict[str, tuple[str, ...]]] = {
    "claude-3-haiku": ("claude-3-haiku-20240307",),
    "claude-3-opus": ("claude-3-opus-20240229",),
    "claude-3-sonnet": ("claude-3-sonnet-20240229",),
    "claude-3-5-haiku": ("claude-3-5-haiku-20241022",),
    "claude-3-5-sonnet": ("claude-3-5-sonnet-20240620", "claude-3-5-sonnet-20241022"),
    "claude-3-7-sonnet": ("claude-3-7-sonnet-20250219",),
    "claude-sonnet-4-0": ("claude-sonnet-4-20250514",),
    "claude-opus-4-1": ("claude-opus-4-1-20250805",),
    "claude-sonnet-4-5": ("claude-sonnet-4-5-20250929",),
    "claude-haiku-4-5": ("claude-haiku-4-5-20251001",),
    "claude-opus-4-5": ("claude-opus-4-5-20251101",),
}
#: Providers that sell other makers' models too: the names that are theirs alone. Under its bare
#: name a model of Anthropic has the price of Anthropic's list, whoever else sells it.
_OWN: Final = {
    "aws": re.compile(r"[a-z-]+\.[^/]+"),
    "cohere": re.compile(r"c4ai-|command|embed-"),
    "google": re.compile(r"gem(?:ini|ma)-"),
    "mistral": re.compile(r"(?:code|dev|magi|mini|mi|mix|pix|vox)s?tral(?!.*:free)"),
}
#: Azure sells them under these names at its own prices. A name that two providers sell has a price
#: only where the request names its provider, so these stay Azure's.
_AZURE_S: Final = frozenset({"codestral-2501", "mistral-medium-3-5"})
#: Bedrock's inference profiles name the part of the world before the model.
_WORLD: Final = "global"
_REGIONAL: Final = "regional."
_PARTS: Final = ("us", "us-gov", "eu", "apac", "au", "jp")
_CLAUSES: Final = ("equals", "starts_with", "contains", "ends_with")


class Names:
    """The names of a provider's models; each is given to one of them."""

    def __init__(self, provider: str, models: Iterable["ModelInfo"]) -> None:
        self._provider = provider
        self._ids = {model.id for model in models}
        self._taken: set[str] = set()

    def are_own(self, model: "ModelInfo") -> bool:
        """Say whether a model goes by a name of this provider, and of nobody else."""
        own = _OWN.get(self._provider)
        return own is None or (own.match(model.id) is not None and model.id not in _AZURE_S)

    def of(self, model: "ModelInfo") -> tuple[str, tuple[str, ...]]:
        """Return the name of a model's rows, and its aliases."""
        if self._provider not in _OWN:
            name = model.id.removesuffix("-latest")
            equal = set(_texts(model.match, ("equals",))) | set(_DATED.get(name, ()))
            return name, tuple(sorted((equal | {model.id}) - {name}))
        name = model.id.removeprefix(_REGIONAL)
        own = _OWN[self._provider]
        found = {text for text in _texts(model.match, _CLAUSES) if own.match(text)} | {name}
        if self._provider == "aws":
            found = set(self._profiles(model.id, found))
        elif self._provider == "google":
            # Vertex's OpenAI end point.
            found |= {f"google/{text}" for text in found}
        others = self._ids - {model.id} | self._taken | _AZURE_S
        aliases = found - others - {name}
        self._taken |= aliases | {name}
        return name, tuple(sorted(aliases))

    def _profiles(self, model_id: str, found: set[str]) -> Iterator[str]:
        for text in found:
            part, _, rest = text.partition(".")
            if part == _WORLD:
                yield text
                continue
            bare = rest if part in _PARTS else text
            yield bare
            yield from (f"{part}.{bare}" for part in _PARTS)
            if not model_id.startswith(_REGIONAL):
                yield f"{_WORLD}.{bare}"


def _texts(match: object, clauses: tuple[str, ...]) -> Iterator[str]:
    """Yield the names, or the parts of names, by which the package knows a model."""
    for clause in clauses:
        text = getattr(match, clause, None)
        if isinstance(text, str):
            yield text
    for inner in getattr(match, "or_", ()):
        yield from _texts(inner, clauses)
