"""Base classes of every document, and the types of their fields.

A document is validated from the object that it describes: fields read the attribute of the same
name, or the one in `validation_alias`. The types here format what the core keeps as integers.
"""

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict

from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_amount


def _amount(value: Any) -> Any:
    return format_amount(value) if isinstance(value, int) else value


def _time(value: Any) -> Any:
    return format_instant(value) if isinstance(value, int) else value


Money = Annotated[str, BeforeValidator(_amount)]
"""An amount as a decimal string."""
Time = Annotated[str, BeforeValidator(_time)]
"""An instant as RFC 3339 text."""
Commit = Annotated[Time | None, BeforeValidator(lambda at: at or None)]
"""The instant of the last commit; null before the first one, which the core keeps as 0."""
Name = Annotated[str, BeforeValidator(str)]
"""The text of an identifier, such as that of a ledger."""

_CONFIG: Final = ConfigDict(
    frozen=True,
    extra="forbid",
    from_attributes=True,
    validate_by_name=True,
    validate_by_alias=True,
)


class Document(BaseModel):
    """A JSON object that the API returns and a command prints."""

    model_config = _CONFIG


class RequestBody(BaseModel):
    """A JSON object that the API accepts. Unknown fields are rejected."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def json_by_row(document: Document, rows: str) -> str:
    """Return a document as JSON, the items of one list one by one.

    Thousands of rows at once would hold up every other thread until the last of them is written.
    """
    around = document.model_copy(update={rows: []}).model_dump_json()
    before, after = around.split(f'"{rows}":[]', 1)
    items = ",".join([row.model_dump_json() for row in getattr(document, rows)])
    return f'{before}"{rows}":[{items}]{after}'
