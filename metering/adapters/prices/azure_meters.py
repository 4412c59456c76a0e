"""Names of Azure's meters, read word by word. Pure.

Azure spells one thing in many ways ("cchd", "cd", "cached"), and differently from one generation
of models to the next. Every word is looked up; the words left over name the model's family, and a
name that says too little or two things at once is refused with a reason. Meters of anything but
tokens are read by `other_meters`.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from metering.adapters.prices.azure_models import KINDS, MODELS, TUNED_FAMILIES, Kind, Model
from metering.adapters.prices.other_meters import other_meter
from metering.core.prices.price_book import FINE_TUNED, TOKEN
from metering.core.usage.buckets import QUANTITY


class Meter(NamedTuple):
    """The model, or other thing, that a meter prices, and how."""

    model: Model
    deployment_type: str
    service_tier: str
    long_context: bool
    buckets: tuple[str, ...]
    """Mostly one; several where one price is for all of them."""
    unit: str = TOKEN
    size: Decimal = Decimal(1)
    """The number of `unit` that the meter's price covers; for tokens see PER_MILLION."""


#: To one million tokens. Azure uses both units, and a mistake here is a factor of 1,000.
PER_MILLION: Final = {"1K": Decimal(1000), "1M": Decimal(1)}

_WORDS: Final[dict[str, tuple[str, str]]] = {
    word: (part, value)
    for part, value, words in (
        ("deployment type", "data_zone", "dzone datazone dz dzn"),
        ("deployment type", "global", "glbl global gl glb"),
        ("deployment type", "regional", "regnl rgnl regional regn rg"),
        ("tier", "batch", "batch"),
        ("tier", "priority", "pp"),
        ("tier", "standard", "std"),
        ("context", "long", "longco"),
        ("context", "short", "shortco"),
        ("direction", "input", "inp inpt input in"),
        ("direction", "output", "outp outpt output out opt"),
        ("cache", "cached", "cached cchd ccchd cd cache ch"),
        ("write", "write", "wr"),
        ("audio", "audio", "aud audio"),
        ("text", "text", "txt text"),
        ("image", "image", "img image"),
    )
    for word in words.split()
}
_NOTHING: Final = frozenset({"tokens", "1m", ""})
_FINE_TUNED: Final = frozenset({"rft", "fine", "tuned", "trng", "training", "dev", "hstng"})
#: The words of a fine-tuned model's inference. Its training and its developer tier are left out.
_TUNED: Final = "ft"
_GRADERS: Final = frozenset({"grader", "grdr"})
#: A lone "L" marks the long context on Grok's meters and means nothing on any other.
_GROK: Final = "Azure Grok Models"

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEPARATORS: Final = re.compile(r"[\s\-_/]+")
#: Two words for one thing, one word for two, and the words of a model's name that mean something
#: else in the rest of a meter's.
_RESPELT: Final = (
    (re.compile(r"\bdata zone\b"), "datazone"),
    (re.compile(r"\b(short|long) co\b"), r"\1co"),
    (re.compile(r"\btext embedding\b"), "textembedding"),
    (re.compile(r"\bim(?:age|g) (\d(?:\.\d)?)\b"), r"image\1"),
    (re.compile(r"\b(aud|txt|mini)(\d{4})\b"), r"\1 \2"),
)

_BUCKETS: Final[dict[tuple[str, str, bool], str]] = {
    ("text", "input", False): "input",
    ("text", "input", True): "cached_read",
    ("text", "output", False): "output",
    ("audio", "input", False): "input_audio",
    ("audio", "input", True): "cached_audio",
    ("audio", "output", False): "output_audio",
    ("image", "input", False): "input_image",
    ("image", "input", True): "cached_image",
    ("image", "output", False): "output_image",
}


def read_meter(product: str, name: str, unit: str) -> Meter | str:
    """Return the meter of that name, or in words why it prices no bucket of a known model."""
    other = other_meter(name, unit)
    if other is not None:
        model = Model(other.name, other.aliases, other.provider)
        return Meter(
            model, other.deployment_type, "standard", False, (QUANTITY,), other.unit, other.size
        )
    words = list(_words(name))
    why = _other_than_tokens(name, unit, words)
    if why is not None:
        return why
    said: dict[str, str] = {}
    rest: list[str] = []
    for word in words:
        part, value = _WORDS.get(word, ("", ""))
        if word == "l" and product == _GROK:
            part, value = "context", "long"
        if not part:
            rest.append(word)
        elif said.setdefault(part, value) != value:
            return f"names two {part}s: {said[part]} and {value}"
    tuned = _TUNED in rest
    family = " ".join(word for word in rest if word != _TUNED)
    known: Mapping[str, Model] = next(
        (models for prefix, models in MODELS if product.startswith(prefix)), {}
    )
    base = known.get(family) or known.get(TUNED_FAMILIES.get(family, "") if tuned else "")
    if base is None:
        return f"names no model that is known: {family or 'nothing'!r}"
    return _meter(_tuned(base) if tuned else base, said)


def _tuned(base: Model) -> Model:
    """Return the model that stands for every model fine-tuned from this one."""
    aliases = tuple(alias + FINE_TUNED for alias in base.aliases)
    return base._replace(name=base.name + FINE_TUNED, aliases=aliases)


def _words(name: str) -> Iterator[str]:
    spaced = _SEPARATORS.sub(" ", _CAMEL.sub(" ", name.strip())).lower()
    for pattern, instead in _RESPELT:
        spaced = pattern.sub(instead, spaced)
    for word in spaced.split():
        bare = word.removeprefix("gpt")
        if bare not in _NOTHING:
            yield bare


def _other_than_tokens(name: str, unit: str, words: list[str]) -> str | None:
    if unit not in PER_MILLION or not name.strip().endswith("Tokens"):
        return f"not priced by the token (unit {unit})"
    if _GRADERS.intersection(words):
        return "tokens of a grader"
    if _FINE_TUNED.intersection(words):
        return "training or the developer tier of a fine-tuned model"
    if any(word.startswith("ft") and word != _TUNED for word in words):
        return "a fine-tuned model whose meter runs its words together"
    return None


def _meter(model: Model, said: dict[str, str]) -> Meter | str:
    deployment_type = said.get("deployment type")
    if deployment_type is None:
        return "names no deployment type"
    modality = _modality(model.kind, said)
    if modality not in KINDS[model.kind]:
        return f"names {modality or 'no kind of'} tokens: a model for {model.kind} has others"
    buckets = _buckets(model.kind, modality, said)
    if not buckets:
        return "names neither input nor output"
    return Meter(
        model,
        deployment_type,
        said.get("tier", "standard"),
        said.get("context") == "long",
        buckets,
    )


def _modality(kind: Kind, said: dict[str, str]) -> str:
    # "gpt-4o-aud-0603-txt" is the text of an audio model.
    for modality in ("text", "image", "audio"):
        if modality in said:
            return modality
    return "text" if KINDS[kind] == {"text"} or kind == "embeddings" else ""


def _buckets(kind: Kind, modality: str, said: dict[str, str]) -> tuple[str, ...]:
    cached = "cache" in said
    direction = said.get("direction")
    if "write" in said:
        return ("cache_write",)
    if direction is None and (cached or kind == "embeddings"):
        direction = "input"
    if direction is None:
        return ("input", "output") if kind == "completion" else ()
    bucket = _BUCKETS.get((modality, direction, cached))
    return (bucket,) if bucket else ()
