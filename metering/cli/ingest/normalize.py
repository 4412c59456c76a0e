"""`metering normalize`: providers' usage objects into disjoint buckets."""

import json
import sys
from typing import Annotated, Any, Final

import typer
from pydantic_core import from_json

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import QUANTITY, QUANTITY_DECIMALS, by_name
from metering.core.usage.meters import CALL
from metering.core.usage.provider_usage import WITHOUT_TOKENS, Reading
from metering.core.usage.usage_fees import UNITS
from metering.core.usage.whole_response import Given, given_usage

_MILLIONTHS: Final = 10**QUANTITY_DECIMALS


def normalize(
    model: Annotated[
        str | None, typer.Option(help="The model, for lines that do not name theirs.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="The provider, such as `google` or `aws-bedrock`.")
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
            sys.stdout.write(json.dumps(_answer(line, model, provider)) + "\n")
            sys.stdout.flush()


def _answer(line: bytes, model: str | None, provider: str | None) -> dict[str, Any]:
    try:
        return reading_json(_given(line).read(model, provider))
    except RejectedEvent as why:
        return {"error": str(why.code)}


def reading_json(found: Reading) -> dict[str, Any]:
    """Return a reading by name: token buckets, counts of meters, and all that is beside them."""
    answer: dict[str, Any] = dict(by_name(found.buckets))
    if found.unit is not None:
        meter, size = WITHOUT_TOKENS[found.unit]
        answer[meter] = _number(answer.pop(QUANTITY, 0) * size)
    for meter, count in found.meters:
        _, size = UNITS.get(meter, (CALL, 1))
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
