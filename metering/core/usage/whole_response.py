"""Finds the usage object in a whole response, an event of a stream, or a line of a batch."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.bedrock_usage import METRICS
from metering.core.usage.families import family_of
from metering.core.usage.native_usage import tidied
from metering.core.usage.provider_usage import ProviderUsage, Reading, read_usage
from metering.core.usage.tiers import served_tier, service_tier
from metering.core.usage.usage_details import snake

#: Fields that hold a usage object.
_USAGE: Final = ("usage", "usageMetadata", "usage_metadata", "usage_info")
#: Fields around it: of responses, events of streams, lines of batches, traces and clients.
_AROUND: Final = (
    "response",
    "message",
    "meta",
    "delta",
    "metadata",
    "x_groq",
    "body",
    "result",
    "interaction",
    "trace",
    "orchestrationTrace",
    "preProcessingTrace",
    "postProcessingTrace",
    "modelInvocationOutput",
    "choices",
    "ResponseMetadata",
    "HTTPHeaders",
)
_MODEL: Final = ("model", "modelVersion", "model_version", "modelId")
#: No provider wraps its usage deeper.
_MAX_DEPTH: Final = 6


class Given(NamedTuple):
    """A usage object, and what the response around it names."""

    usage: ProviderUsage
    model: str | None
    tier: str | None = None

    @property
    def service_tier(self) -> str | None:
        """The tier that the object or its response names, by this system's name for it."""
        return served_tier(self.usage) or service_tier(self.tier)

    def read(self, model: str | None = None, provider: str | None = None) -> Reading:
        """Return all that it says; `model` is the one that the response does not name."""
        return read_usage(self.usage, family_of(self.model or model, provider))


def given_usage(given: object) -> Given:
    """Return the usage in a usage object or a whole response; RejectedEvent says why not."""
    around: list[Mapping[str, Any]] = []
    found = _found(given, around, _MAX_DEPTH)
    if found is None:
        if given is None or any(name in one for one in around for name in _USAGE):
            raise RejectedEvent(Code.USAGE_MISSING, "usage is null")
        found = given
    if isinstance(found, Mapping):
        # A bare usage object may name its model beside its counts; that is no count.
        found = {name: value for name, value in found.items() if name not in _MODEL}
    model = next(_named(_MODEL, around), None)
    tier = next(_named(("serviceTier", "service_tier"), around), None)
    return Given(parsed_usage(found), model, tier)


def _found(given: object, around: list[Mapping[str, Any]], depth: int) -> object:
    """Return the usage object in a value, None without one; `around` gets what was looked into."""
    if isinstance(given, list) and depth:
        # Of the chunks of a stream the last one has the whole usage.
        inner = (_found(one, around, depth - 1) for one in reversed(given))
        return next((found for found in inner if found is not None), None)
    if not isinstance(given, Mapping) or not depth:
        return None
    around.append(given)
    if METRICS in given:
        return given
    for name in _USAGE:
        if isinstance(given.get(name), Mapping):
            return given[name]
    for name in _AROUND:
        found = _found(given.get(name), around, depth - 1)
        if found is not None:
            return found
    return given if any(_counts(given)) else None


def _counts(given: Mapping[str, Any]) -> Iterator[bool]:
    """Yield whether each field's name is that of a count or of a set of counts."""
    for name in given:
        key = snake(str(name))
        yield "tokens" in key or key.endswith(("token_count", "billed_units"))


def _named(names: tuple[str, ...], around: list[Mapping[str, Any]]) -> Iterator[str]:
    for one in around:
        for name in names:
            value = one.get(name)
            if isinstance(value, Mapping):
                value = value.get("type")
            if isinstance(value, str) and value:
                yield value


def parsed_usage(found: object) -> ProviderUsage:
    """Return a usage object of any spelling; RejectedEvent `usage_invalid` names the field."""
    try:
        return ProviderUsage.model_validate(found)
    except ValidationError as first:
        try:
            return ProviderUsage.model_validate(tidied(found))
        except ValidationError:
            error = first.errors(include_url=False)[0]
    place = ".".join(str(part) for part in ("usage", *error["loc"]))
    raise RejectedEvent(Code.USAGE_INVALID, f"{place}: {error['msg']}")
