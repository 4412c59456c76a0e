"""Quotas: limits on a tenant's usage in a window, and the action at the limit."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_serializer, model_validator

from metering.core.basics.money import AMOUNT_DECIMALS, format_fixed, parse_not_negative
from metering.core.basics.validation import Strict, misplaced
from metering.core.calendars.windows import WindowKind
from metering.core.plans.terms import Listed, ModelName
from metering.core.usage.buckets import BucketName

#: The threshold in per cent at which the action applies; lower ones only alert.
FULL: Final = 100
_METRICS: Final = frozenset({"amount", "tokens", "requests", *get_args(BucketName)}) - {"quantity"}
_KEY_BYTES: Final = 8
_ALL: Final = "all"


class Scope(Strict):
    """The usage a quota counts: all, or that of one model, product, use case or end user."""

    model: ModelName | None = None
    product: ModelName | None = None
    use_case: ModelName | None = None
    end_user: ModelName | None = None

    @model_validator(mode="before")
    @classmethod
    def _names_one_thing(cls, written: object) -> object:
        if written == _ALL:
            return {}
        if not isinstance(written, dict) or len(written) != 1 or None in written.values():
            raise ValueError("write all, or one of model, product, use_case, end_user")
        return written

    @model_serializer
    def _as_written(self) -> str | dict[str, str]:
        return {name: value for name, value in self if value is not None} or _ALL

    @property
    def label(self) -> str:
        """The scope for people: ` of use case faq`; empty for all usage."""
        named = [f" of {name.replace('_', ' ')} {value}" for name, value in self if value]
        return "".join(named)

    def covers(self, names: Sequence[str | None]) -> bool:
        """Return whether the scope covers usage of this model, product, use case and end user."""
        wanted = (self.model, self.product, self.use_case, self.end_user)
        return all(name in {None, value} for name, value in zip(wanted, names, strict=True))


EVERYTHING: Final = Scope.model_validate(_ALL)


class Downgrade(Strict):
    """The request goes to another model instead."""

    downgrade: ModelName


def _limit(text: object) -> str:
    return format_fixed(parse_not_negative(text, AMOUNT_DECIMALS), AMOUNT_DECIMALS)


def _metric(name: str) -> str:
    if name not in _METRICS:
        raise ValueError(f"{name!r} is not amount, tokens, requests or a bucket")
    return name


def _ascending(thresholds: tuple[int, ...]) -> tuple[int, ...]:
    if list(thresholds) != sorted(set(thresholds)):
        raise ValueError("must rise from one to the next")
    return thresholds


type Threshold = Annotated[int, Field(ge=1, le=FULL)]


class Quota(Strict):
    """One quota. Without a threshold of 100 its action still applies there, no_progress."""

    metric: Annotated[str, AfterValidator(_metric)]
    """amount (before what is computed over the period), tokens, requests, or one bucket."""
    window: WindowKind
    scope: Scope = EVERYTHING
    limit: Annotated[str, BeforeValidator(_limit)]
    """A decimal string: currency units, or a whole number. Zero: nothing may be used."""
    thresholds: Annotated[Listed[Threshold], Field(min_length=1), AfterValidator(_ascending)] = (
        FULL,
    )
    """Percentages of the limit at which the tenant is alerted."""
    action: Literal["notify", "block"] | Downgrade = "notify"
    mode: Literal["enforced", "shadow"] = "enforced"
    """shadow: reports the verdict without applying it."""

    @model_validator(mode="after")
    def _counts_are_whole(self) -> "Quota":
        if self.metric != "amount" and "." in self.limit:
            raise misplaced(("limit",), f"{self.limit!r} is not a whole number")
        return self

    @property
    def key(self) -> str:
        """The identity of this version: any change makes another one."""
        content = self.model_dump_json().encode()
        return hashlib.blake2b(content, digest_size=_KEY_BYTES).hexdigest()

    @property
    def limit_units(self) -> int:
        """The limit in the metric's own unit: 10^-18 currency units, tokens or requests."""
        decimals = AMOUNT_DECIMALS if self.metric == "amount" else 0
        return parse_not_negative(self.limit, decimals)

    @property
    def label(self) -> str:
        """The label for people and messages: `amount a day of model gpt-4o`."""
        return f"{self.metric} a {self.window}{self.scope.label}"

    def covers(
        self,
        model: str | None,
        product: str | None = None,
        use_case: str | None = None,
        end_user: str | None = None,
    ) -> bool:
        """Return whether the quota counts such usage."""
        return self.scope.covers((model, product, use_case, end_user))
