"""`metering normalize`: providers' usage objects into disjoint buckets."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

import typer
from pydantic import ValidationError
from pydantic_core import from_json

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import QUANTITY, QUANTITY_DECIMALS, by_name
from metering.core.usage.event import service_tier
from metering.core.usage.families import family_of
from metering.core.usage.provider_usage import (
    UNIT_OF_METER,
    WITHOUT_TOKENS,
    ProviderUsage,
    Reading,
    read_usage,
)

#: The fields of a whole response, or of a stream's last event, that hold its usage.
_WRAPPERS: Final = ("response", "message")
_MILLIONTHS: Final = 10**QUANTITY_DECIMALS


class Given(NamedTuple):
    """A usage object, and the model that the response around it names."""

    usage: ProviderUsage
    model: str | None

    @property
    def service_tier(self) -> str | None:
        """The tier that the usage object names, by this system's name for it."""
        said = self.usage.service_tier
        return service_tier(said if isinstance(said, str) else None)

    def read(self, model: str | None = None) -> Reading:
        """Return all that it says; `model` is the one that the response does not name."""
        return read_usage(self.usage, family_of(self.model or model))


def normalize(
    model: Annotated[
        str | None, typer.Option(help="The model, for lines that do not name theirs.")
    ] = None,
) -> None:
    """Read one usage object, or one whole response, a line; write its non-zero buckets.

    Fees beside the tokens stand under the names of their meters. A field that may cost something
    and that no rule understands is named in `not_understood`: such a request gets no price. Cached
    tokens beyond the prompt stand in `surplus`.

    A line that cannot be read is answered by {"error": code}, in its place; the exit status
    stays 0.

    Example:  echo '{"prompt_tokens": 10, "completion_tokens": 2}' | metering normalize
    """
    for line in sys.stdin.buffer:
        if line.strip():
            sys.stdout.write(json.dumps(_answer(line, model)) + "\n")
            sys.stdout.flush()


def _answer(line: bytes, model: str | None) -> dict[str, Any]:
    try:
        return reading_json(_given(line).read(model))
    except RejectedEvent as why:
        return {"error": str(why.code)}


def reading_json(found: Reading) -> dict[str, Any]:
    """Return a reading by name: token buckets, counts of meters, and all that is beside them."""
    answer: dict[str, Any] = dict(by_name(found.buckets))
    if found.unit is not None:
        meter, size = WITHOUT_TOKENS[found.unit]
        answer[meter] = _number(answer.pop(QUANTITY, 0) * size)
    for meter, count in found.meters:
        _, size = WITHOUT_TOKENS.get(UNIT_OF_METER[meter], (meter, 1))
        answer[meter] = _number(count * size)
    if found.not_understood is not None:
        answer["not_understood"] = found.not_understood
    if found.surplus:
        answer["surplus"] = found.surplus
    return answer


def _number(millionths: int) -> int | float:
    whole, part = divmod(millionths, _MILLIONTHS)
    return millionths / _MILLIONTHS if part else whole


def _given(line: bytes) -> Given:
    try:
        return given_usage(from_json(line))
    except ValueError:
        raise RejectedEvent(Code.NOT_JSON, "the line is not JSON") from None


def given_usage(given: object) -> Given:
    """Return the usage in a usage object or a whole response; RejectedEvent says why not."""
    found, model = given, _model_in(given)
    if isinstance(found, dict):
        for wrapper in _WRAPPERS:
            if "usage" not in found and isinstance(found.get(wrapper), dict):
                found = found[wrapper]
                model = model or _model_in(found)
        found = found.get("usage", found) if isinstance(found, dict) else found
    if found is None:
        raise RejectedEvent(Code.USAGE_MISSING, "usage is null")
    if isinstance(found, Mapping):
        # A bare usage object may name its model beside its counts; that is no count.
        found = {name: value for name, value in found.items() if name != "model"}
    try:
        return Given(ProviderUsage.model_validate(found), model)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in ("usage", *first["loc"]))
        raise RejectedEvent(Code.USAGE_INVALID, f"{place}: {first['msg']}") from None


def _model_in(given: object) -> str | None:
    found = given.get("model") if isinstance(given, dict) else None
    return found if isinstance(found, str) else None
