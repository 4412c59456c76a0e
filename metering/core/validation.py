"""Validation of what operators write: one line that names the file and the field."""

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from metering.core.errors import ConfigurationError


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
        raise ConfigurationError(f"{source}: {place}: {first['msg']}") from None


def misplaced(place: tuple[int | str, ...], reason: str) -> ValidationError:
    """Return the error to raise in a validator for what is wrong at a place inside its value."""
    kind = PydanticCustomError("refused", "{reason}", {"reason": reason})
    details = InitErrorDetails(type=kind, loc=place, input=None)
    return ValidationError.from_exception_data("refused", [details])
