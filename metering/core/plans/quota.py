"""Quotas: limits on a tenant's usage in a window, and the action at the limit."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

from metering.core.basics.money import (
    AMOUNT_DECIMALS,
    format_amount,
    format_fixed,
    parse_not_negative,
)
from metering.core.basics.validation import Strict, misplaced
from metering.core.calendars.windows import WindowKind
from metering.core.plans.scope import EACH, EVERYTHING, Scope, Values
from metering.core.plans.terms import Listed, ModelName
from metering.core.usage.buckets import BucketName

#: The threshold in per cent at which the action applies; all others only alert.
FULL: Final = 100
#: Ten times the limit: usage beyond it is told often enough before.
_HIGHEST: Final = 1_000
_METRICS: Final = frozenset({"amount", "tokens", "requests", *get_args(BucketName)}) - {"quantity"}
_KEY_BYTES: Final = 8
#: Windows in which the share of a deployment that is paid by the hour is not known.
_SHORT: Final = frozenset({"hour", "day", "week"})
#: What quotas did not have at first: where it is not used it is in no document.
_LEFT_OUT: Final = frozenset({"overrides", "forecast", "include_provisioned"})
#: Limits of single values: they are in every page that changes the limits.
MAX_OVERRIDES: Final = 200


class Downgrade(Strict):
    """The request goes to another model instead."""

    downgrade: ModelName
    dearer: bool = False
    """Whether the other model may be dearer."""

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # As actions were written before they could say it: quotas keep their keys.
        found: dict[str, Any] = write(self)
        return found if self.dearer else {"downgrade": self.downgrade}


def _limit(text: object) -> str:
    if type(text) is int:
        text = str(text)
    return format_fixed(parse_not_negative(text, AMOUNT_DECIMALS), AMOUNT_DECIMALS)


def _pairs(written: object) -> object:
    if not isinstance(written, Mapping):
        return written
    return tuple(sorted(written.items(), key=lambda pair: str(pair[0])))


def _metric(name: str) -> str:
    if name not in _METRICS:
        raise ValueError(f"{name!r} is not amount, tokens, requests or a bucket")
    return name


def _ascending(thresholds: tuple[int, ...]) -> tuple[int, ...]:
    if list(thresholds) != sorted(set(thresholds)):
        raise ValueError("must rise from one to the next")
    return thresholds


def _one_or_more(written: object) -> object:
    """Return a list as it is, and a single number as a list of one."""
    return (written,) if type(written) is int else written


def _window(written: object) -> object:
    """Return a window as it is. ValueError, with the reason, for one that people look for here."""
    name = written.strip().lower() if isinstance(written, str) else ""
    if name == "month":
        raise ValueError("a month of the tenant's calendar is 'period'")
    if name.startswith(("rolling", "sliding", "last")) or name[:1].isdigit():
        raise ValueError(
            f"{written!r} is a rolling window, which no bounded number of counters counts exactly:"
            " use hour, day, week, period, quarter or year (docs/quotas.md)"
        )
    return written


type Limit = Annotated[str, BeforeValidator(_limit)]
type Overrides = Annotated[
    tuple[tuple[ModelName, Limit], ...],
    Field(max_length=MAX_OVERRIDES),
    BeforeValidator(_pairs),
    PlainSerializer(dict),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
"""Limits by value: an object in the file, pairs in memory."""
type Threshold = Annotated[int, Field(ge=1, le=_HIGHEST)]
type Thresholds = Annotated[
    Listed[Threshold], AfterValidator(_ascending), BeforeValidator(_one_or_more)
]


class Quota(Strict):
    """One quota. Without a threshold of 100 its action still applies there, no_progress."""

    metric: Annotated[str, AfterValidator(_metric)]
    """amount (before what is computed over the period), tokens, requests, or one bucket."""
    window: Annotated[WindowKind, BeforeValidator(_window)]
    scope: Scope = EVERYTHING
    limit: Limit
    """A decimal string: currency units, or a whole number. Zero: nothing may be used."""
    overrides: Overrides = ()
    """The limits of single values, of a quota that is split by one attribute."""
    thresholds: Annotated[Thresholds, Field(min_length=1)] = (FULL,)
    """Percentages of the limit at which the tenant is alerted."""
    forecast: Thresholds = ()
    """Percentages of the limit at which the tenant is alerted once its forecast reaches them."""
    action: Literal["notify", "block"] | Downgrade = "notify"
    mode: Literal["enforced", "shadow"] = "enforced"
    """shadow: reports the verdict without applying it."""
    include_provisioned: bool = False
    """Whether an amount includes the accrued share of deployments that are paid by the hour."""

    @model_validator(mode="after")
    def _counts_are_whole(self) -> "Quota":
        places: list[tuple[tuple[str, ...], str]] = [(("limit",), self.limit)]
        places += [(("overrides", name), limit) for name, limit in self.overrides]
        for place, limit in places:
            if self.metric != "amount" and "." in limit:
                raise misplaced(place, f"{limit!r} is not a whole number")
        return self

    @model_validator(mode="after")
    def _overrides_are_of_one_attribute(self) -> "Quota":
        if self.overrides and len(self.scope.split_by) != 1:
            raise misplaced(("overrides",), f"needs a scope with one {EACH!r}")
        return self

    @model_validator(mode="after")
    def _zero_is_not_of_each_model(self) -> "Quota":
        if self.scope.model == EACH and self.limit_of(()) == 0:
            raise misplaced(("limit",), "zero for each model: list the others as allowed_models")
        return self

    @model_validator(mode="after")
    def _provisioned_cost_is_of_the_tenant(self) -> "Quota":
        reasons = (
            (self.metric != "amount", "needs metric amount"),
            (self.window in _SHORT, "needs a window of a period or longer: its cost is monthly"),
            (self.scope != EVERYTHING, "needs a quota without scope: the share is the tenant's"),
        )
        for is_wrong, reason in reasons:
            if self.include_provisioned and is_wrong:
                raise misplaced(("include_provisioned",), reason)
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what quotas did not have at first: their keys, and hashes of pages, stay."""
        written: dict[str, Any] = write(self)
        return {
            name: value
            for name, value in written.items()
            if name not in _LEFT_OUT or getattr(self, name)
        }

    @cached_property
    def key(self) -> str:
        """The identity of this version: any change makes another one."""
        content = self.model_dump_json().encode()
        return hashlib.blake2b(content, digest_size=_KEY_BYTES).hexdigest()

    def limit_of(self, values: Values) -> int:
        """Return the limit in the metric's own unit: 10^-18 currency units, tokens or requests.

        `values`: of the attributes the quota is split by, one of which may have its own limit.
        """
        own = self._overridden.get(values[0]) if len(values) == 1 else None
        return self._limit if own is None else own

    def overridden(self, attribute: str) -> list[str]:
        """Return the values of an attribute that have limits of their own."""
        is_split_by = self.scope.split_by == (attribute,)
        return [value for value, _ in self.overrides] if is_split_by else []

    @property
    def forbidden(self) -> list[str]:
        """The values of a split quota whose own limit is zero."""
        return [value for value, limit in self._overridden.items() if not limit]

    @cached_property
    def _limit(self) -> int:
        return self.units(self.limit)

    @cached_property
    def _overridden(self) -> Mapping[str, int]:
        return {value: self.units(limit) for value, limit in self.overrides}

    def units(self, limit: str) -> int:
        """Return a limit as written in the metric's own unit."""
        return parse_not_negative(limit, AMOUNT_DECIMALS if self.metric == "amount" else 0)

    def show(self, value: int) -> str:
        """Return a value in the metric's own unit as a decimal string."""
        return format_amount(value) if self.metric == "amount" else str(value)

    @property
    def label(self) -> str:
        """The label for people and messages: `amount a day of model gpt-4o`."""
        return self.label_of(())

    def label_of(self, values: Values) -> str:
        """Return the label of one counter of a quota that is split by attributes."""
        provisioned = " with provisioned" if self.include_provisioned else ""
        article = "an" if self.window == "hour" else "a"
        return f"{self.metric} {article} {self.window}{self.scope.label_of(values)}{provisioned}"
