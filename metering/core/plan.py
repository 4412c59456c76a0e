"""Plans: the terms under which a tenant pays."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from metering.core.money import MULTIPLIER_DECIMALS, format_fixed, parse_fixed
from metering.core.validation import validated

#: The list price unchanged, as a multiplier.
ONE: int = 10**MULTIPLIER_DECIMALS


def _markup(text: object) -> str:
    value = parse_fixed(text, MULTIPLIER_DECIMALS)
    if value < -ONE:
        raise ValueError(f"{text!r} would make the price negative")
    return format_fixed(value, MULTIPLIER_DECIMALS)


class Plan(BaseModel):
    """A markup on list prices (`"0.15"` is 15 %, `"-0.05"` a discount) in one currency."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    markup: Annotated[str, BeforeValidator(_markup)] = "0"
    unpriced: Literal["allow", "block"] = "allow"

    @property
    def multiplier(self) -> int:
        """One plus the markup, integer of 10^-6."""
        return ONE + parse_fixed(self.markup, MULTIPLIER_DECIMALS)


DEFAULT_PLAN = Plan(id="default")
"""List prices in USD: what a tenant pays on whom nobody decided anything."""


def read_plan(source: str, content: object) -> Plan:
    """Return a plan from parsed YAML or JSON; ConfigurationError names the file and the field."""
    return validated(Plan, source, content)
