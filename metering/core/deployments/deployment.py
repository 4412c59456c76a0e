"""Deployments: what a gateway cannot know of where a request was served."""

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
"""How far away a request may be served; also what spillover from provisioned units is sold as."""
IdlePolicy = Literal["unallocated", "equal", "by_share"]
"""Who pays for the hours in which nobody used provisioned units; see docs/adr/0013."""
ServiceTier = Literal["standard", "batch", "priority", "flex"]

#: One token of use a token, as a weight.
_ONE: Final = 10**MULTIPLIER_DECIMALS

#: Without a slash, which stands between account and name in a key.
type _Name = Annotated[
    str, StringConstraints(pattern=r"^[^/\s]+$", min_length=1, max_length=MAX_NAME_LENGTH)
]


def _not_negative(text: object, decimals: int) -> str:
    return format_fixed(parse_not_negative(text, decimals), decimals)


def _price(text: object) -> str:
    return _not_negative(text, PRICE_DECIMALS)


def _weight(text: object) -> str:
    return _not_negative(text, MULTIPLIER_DECIMALS)


class _Strict(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid")


class Provisioned(_Strict):
    """Provisioned units: paid by the hour, used or not."""

    units: Annotated[int, Field(gt=0)]
    hourly_price: Annotated[str, BeforeValidator(_price)]
    """Of one unit, a decimal string in currency units, at most 12 decimals."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    scope: Scope
    """Where spillover is priced."""
    weights: dict[TokenBucket, Annotated[str, BeforeValidator(_weight)]] = {}
    """How much of the units a token of a bucket takes: a decimal string, at most 6 decimals.

    A bucket that is not named weighs 1. The ratios differ by model and version and are published
    with each; none is assumed.
    """
    idle: IdlePolicy = "unallocated"
    """Who pays for hours without usage: nobody, all tenants of the month alike, or by usage."""

    @property
    def hourly_units(self) -> int:
        """The price of one unit for an hour, integer of 10^-12 currency units."""
        return parse_fixed(self.hourly_price, PRICE_DECIMALS)

    def bucket_weights(self) -> tuple[int, ...]:
        """Return the weight of a token by bucket in the order of BUCKETS, integers of 10^-6."""
        named = (self.weights.get(bucket) for bucket in TOKEN_BUCKETS)
        weights = (
            _ONE if text is None else parse_fixed(text, MULTIPLIER_DECIMALS) for text in named
        )
        return (*weights, 0)


class Deployment(_Strict):
    """One deployment of a model, as it is from some instant on."""

    name: _Name
    account: _Name | None = None
    """The Azure OpenAI or Foundry resource; an event's `data.backend`. None: in any account."""
    model: Name
    model_version: Name | None = None
    provider: Name | None = None
    deployment_type: DeploymentType
    region: Name | None = None
    service_tier: ServiceTier | None = None
    provisioned: Annotated[Provisioned | None, Field(validate_default=True)] = None

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

    @property
    def key(self) -> str:
        """The name that records carry: `account/name`, or `name` in any account."""
        return self.name if self.account is None else f"{self.account}/{self.name}"

    @property
    def place(self) -> tuple[str | None, str]:
        """Where it is found. Azure's names are the same in upper and lower case."""
        return place_of(self.account, self.name)


def place_of(account: str | None, name: str) -> tuple[str | None, str]:
    """Return the account and name of a deployment as they are compared."""
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
    """Raise ConfigurationError where a file describes one deployment twice."""
    seen: set[tuple[str | None, str]] = set()
    for deployment in deployments:
        if deployment.place in seen:
            raise ConfigurationError(f"{source}: deployment {deployment.key!r} is there twice")
        seen.add(deployment.place)
