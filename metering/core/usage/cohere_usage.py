"""Cohere's counts: `billed_units` is what is charged; `tokens` has what Cohere adds itself.

Source: Cohere, "How does Cohere's pricing work", and recorded responses, 2026-11.
"""

from collections.abc import Mapping
from typing import Any, Final

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import NO_TOKENS, TOKENS, from_names
from metering.core.usage.native_fields import NativeFields
from metering.core.usage.reading import Reading
from metering.core.usage.usage_fees import UNITS, millionths

_BILLED: Final = ("billed_units", "billedUnits")
#: Billed by number, each under the meter of its name.
_METERS: Final = ("search_units", "classifications", "images", "pages")


def is_cohere(given: Mapping[str, Any]) -> bool:
    """Say whether an object has Cohere's two sets of counts, or one of them."""
    return any(name in given for name in _BILLED) or isinstance(given.get("tokens"), Mapping)


def cohere_reading(given: Mapping[str, Any]) -> Reading:
    """Return what an object of Cohere's counts says: all that is billed.

    Without billed units the counted tokens stand, without a price.
    """
    fields = NativeFields(given)
    billed = fields.get("billed_units")
    if billed is None:
        counted = NativeFields(fields.get("tokens") or {})
        reading = _tokens(counted)
        return reading._replace(not_understood="billed_units")
    if not isinstance(billed, Mapping):
        raise RejectedEvent(Code.USAGE_INVALID, "usage.billed_units: is no object")
    parts = NativeFields(billed)
    meters = {name: count for name in _METERS if (count := parts.count(name))}
    tokens = _tokens(parts, has_others=bool(meters))
    if parts.count("image_tokens"):
        # Images that are billed by their tokens are not billed by number as well.
        meters.pop("images", None)
    for name in ("tokens", "cached_tokens", "api_version", "warnings"):
        fields.get(name)
    return _with(tokens, meters)._replace(
        not_understood=tokens.not_understood or parts.unread() or fields.unread()
    )


def _tokens(parts: NativeFields, *, has_others: bool = False) -> Reading:
    taken, made = parts.count("input_tokens"), parts.count("output_tokens")
    image, text = parts.count("image_tokens"), parts.count("text_tokens")
    if (taken, made, image, text) == (None,) * 4 and not has_others:
        raise RejectedEvent(Code.USAGE_MISSING, "usage.billed_units: has no count")
    unexplained = None
    if text is not None:
        # Where text is named, the input may be the text alone, or text and images.
        if taken not in (None, text, text + (image or 0)):
            unexplained = "billed_units.text_tokens"
        else:
            taken = text
    counts = {"input": taken or 0, "input_image": image or 0, "output": made or 0}
    return Reading(from_names(counts), not_understood=unexplained)


def _with(tokens: Reading, meters: dict[str, int]) -> Reading:
    """Return a reading with what is billed by number: beside tokens, or as all there is."""
    if len(meters) == 1 and not any(tokens.buckets):
        ((name, count),) = meters.items()
        unit, size = UNITS[name]
        return Reading((*NO_TOKENS[TOKENS], millionths(count, size)), unit)
    beside = tuple((name, millionths(count, UNITS[name][1])) for name, count in meters.items())
    return tokens._replace(meters=beside)
