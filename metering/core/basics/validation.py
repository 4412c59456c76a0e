"""Validation of operator input: one error line that names the file and the field."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationError,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from metering.core.basics.errors import ConfigurationError


def validated[M: BaseModel](model: type[M], source: str, content: object) -> M:
    """Return content (parsed YAML or JSON, or JSON as bytes) as a model.

    `source` is the file's name. ConfigurationError names it, the first wrong field, and why.
    """
    try:
        if isinstance(content, bytes):
            return model.model_validate_json(content)
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise ConfigurationError(f"{source}: {place}: {reason_of(first['msg'])}") from None


def reason_of(message: str) -> str:
    """Return the message of a validation error; of a ValueError pydantic says that it is one."""
    return message.removeprefix("Value error, ")


def misplaced(place: tuple[int | str, ...], reason: str) -> ValidationError:
    """Return the error for a validator to raise about a place inside its value."""
    kind = PydanticCustomError("refused", "{reason}", {"reason": reason})
    details = InitErrorDetails(type=kind, loc=place, input=None)
    return ValidationError.from_exception_data("refused", [details])


class Strict(BaseModel):
    """Operator input: no unknown fields, no silent conversions, immutable."""

    model_config = ConfigDict(
        defer_build=True, frozen=True, strict=True, extra="forbid", serialize_by_alias=True
    )


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not an IANA time zone, such as Europe/Berlin") from None
    return name


type TimeZone = Annotated[str, AfterValidator(_zone)]
"""The IANA name of a time zone known on this machine."""
