"""Deployments: properties of the serving model that a gateway cannot report."""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.money import (
    MULTIPLIER_DECIMALS,
    PRICE_DECIMALS,
    format_fixed,
    parse_fixed,
    parse_not_negative,
)
from metering.core.basics.validation import validated
from metering.core.usage.buckets import TOKEN_BUCKETS, TokenBucket
from metering.core.usage.event import MAX_NAME_LENGTH, Name

DeploymentType = Literal["global", "data_zone", "regional", "provisioned"]
Scope = Literal["global", "data_zone", "regional"]
"""Where a request may be processed; also the deployment type that prices spillover."""
IdlePolicy = Literal["unallocated", "equal", "by_share"]
"""The allocation of idle hours of provisioned units; see docs/adr/0013."""
ServiceTier = Literal["standard", "batch", "priority", "flex"]

#: The default weight: one token counts as one.
_ONE: Final = 10**MULTIPLIER_DECIMALS

#: Without a slash, which separates account and name in a key.
type _Name = Annotated[
    str, StringConstraints(pattern=r"^[^/\s]+$", min_length=1, max_length=MAX_NAME_LENGTH)
]


def _not_negative(text: object, decimals: int) -> str:
    return format_fixed(parse_not_negative(text, decimals), decimals)


def _price(text: object) -> str:
    return _not_negative(text, PRICE_DECIMALS)


#: Pages keep weights in 10^-6, as numbers below 2^53. Published weights are below 10.
MAX_WEIGHT: Final = 1_000_000


def _weight(text: object) -> str:
    weight = _not_negative(text, MULTIPLIER_DECIMALS)
    if parse_not_negative(weight, MULTIPLIER_DECIMALS) > MAX_WEIGHT * 10**MULTIPLIER_DECIMALS:
        raise ValueError(f"is more than {MAX_WEIGHT}")
    return weight


class _Strict(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid")


#: Images weigh as the text that they were counted with before they had buckets of their own.
_WEIGHED_AS: Final[dict[TokenBucket, TokenBucket]] = {
    "cached_image": "cached_read",
    "output_image": "output",
}


class Provisioned(_Strict):
    """Provisioned units: paid by the hour, used or not."""

    units: Annotated[int, Field(gt=0)]
    hourly_price: Annotated[str, BeforeValidator(_price)]
    """The price of one unit, a decimal string in currency units, at most 12 decimals."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    scope: Scope
    """The deployment type that prices spillover."""
    weights: dict[TokenBucket, Annotated[str, BeforeValidator(_weight)]] = {}
    """The share of the units that a token of a bucket takes: a decimal string, at most 6 decimals.

    Other buckets have weight 1. The ratios differ by model and version and are published with each
    model; none is assumed.
    """
    idle: IdlePolicy = "unallocated"
    """The allocation of idle hours: to no tenant, to all of the month equally, or by usage."""

    @property
    def hourly_units(self) -> int:
        """The price of one unit for an hour, integer of 10^-12 currency units."""
        return parse_fixed(self.hourly_price, PRICE_DECIMALS)

    def bucket_weights(self) -> tuple[int, ...]:
        """Return the weight of a token by bucket in the order of BUCKETS, integers of 10^-6."""
        named = (
            self.weights.get(bucket) or self.weights.get(_WEIGHED_AS.get(bucket, bucket))
            for bucket in TOKEN_BUCKETS
        )
        weights = (
            _ONE if text is None else parse_fixed(text, MULTIPLIER_DECIMALS) for text in named
        )
        return (*weights, 0)


class Hosting(_Strict):
    """Hosting of a fine-tuned model: paid by the hour, beside the price of its tokens."""

    hourly_price: Annotated[str, BeforeValidator(_price)]
    """The price of an hour, a decimal string in currency units, at most 12 decimals."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    idle: IdlePolicy = "unallocated"
    """The allocation of idle hours: to no tenant, to all of the month equally, or by usage."""


class Deployment(_Strict):
    """One version of a deployment of a model."""

    name: _Name
    account: _Name | None = None
    """The Azure OpenAI or Foundry resource; an event's `data.backend`. None: any account."""
    model: Name
    model_version: Name | None = None
    provider: Name | None = None
    deployment_type: DeploymentType
    region: Name | None = None
    service_tier: ServiceTier | None = None
    provisioned: Annotated[Provisioned | None, Field(validate_default=True)] = None
    hosting: Hosting | None = None

    @field_validator("provisioned")
    @classmethod
    def _goes_with_the_type(
        cls, provisioned: Provisioned | None, info: ValidationInfo
    ) -> Provisioned | None:
        is_provisioned = info.data.get("deployment_type", "") == "provisioned"
        if is_provisioned and provisioned is None:
            raise ValueError("required for deployment_type provisioned")
        if provisioned is not None and not is_provisioned:
            raise ValueError("only for deployment_type provisioned")
        return provisioned

    @field_validator("hosting")
    @classmethod
    def _has_tokens_with_a_price(
        cls, hosting: Hosting | None, info: ValidationInfo
    ) -> Hosting | None:
        if hosting is not None and info.data.get("deployment_type") == "provisioned":
            raise ValueError(
                "not for deployment_type provisioned, whose units are paid by the hour"
            )
        return hosting

    @property
    def key(self) -> str:
        """The key in records: `account/name`, or `name` in any account."""
        return self.name if self.account is None else f"{self.account}/{self.name}"

    @property
    def place(self) -> tuple[str | None, str]:
        """Account and name in lower case: Azure's names are case-insensitive."""
        return place_of(self.account, self.name)


def place_of(account: str | None, name: str) -> tuple[str | None, str]:
    """Return the account and name of a deployment in lower case."""
    return None if account is None else account.casefold(), name.casefold()


class _File(_Strict):
    deployments: list[Deployment]


def read_deployment(source: str, content: object) -> Deployment:
    """Return a deployment from parsed YAML or JSON; ConfigurationError names file and field."""
    return validated(Deployment, source, content)


def read_deployments(source: str, content: object) -> list[Deployment]:
    """Return the `deployments` of a file; ConfigurationError names the file and the field."""
    found = validated(_File, source, content).deployments
    refuse_twice(source, found)
    return found


def refuse_twice(source: str, deployments: Iterable[Deployment]) -> None:
    """Raise ConfigurationError if a file describes a deployment twice."""
    seen: set[tuple[str | None, str]] = set()
    for deployment in deployments:
        if deployment.place in seen:
            raise ConfigurationError(f"{source}: deployment {deployment.key!r} is described twice")
        seen.add(deployment.place)
