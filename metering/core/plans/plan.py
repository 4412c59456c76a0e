"""Plans: the terms under which a tenant pays."""

from itertools import combinations
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from metering.core.basics.errors import InvariantBroken
from metering.core.basics.money import Amount
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.core.basics.validation import Strict, TimeZone, misplaced, validated
from metering.core.plans.low_credit import LowCredit
from metering.core.plans.off_peak import OffPeak
from metering.core.plans.quota import Quota
from metering.core.plans.spikes import Spike
from metering.core.plans.switches import Switch
from metering.core.plans.targets import Targets
from metering.core.plans.terms import (
    TOKEN_BUCKETS,
    UNCHANGED,
    Allowance,
    Listed,
    Markup,
    ModelName,
    Money,
    Override,
    Package,
    PricePerMillion,
    Tier,
    multiplier_of,
    price_of,
)

#: The list price unchanged, as a multiplier.
ONE: int = UNCHANGED

_TOTAL_PRICE: Final = "total_token_price_per_million"

#: Each is evaluated for every entry, and has one counter a window in the head.
MAX_QUOTAS: Final = 50
#: A number that the gateway's expressions read as an integer; no gateway takes that many.
MAX_RATE: Final = 1_000_000

#: Each is evaluated for every admission.
MAX_SWITCHES: Final = 20

PERIOD_TERMS: Final = (
    "currency",
    "base_fee",
    "minimum",
    "request_fee",
    "allowance",
    "tiers",
    "packages",
)
"""Terms of a whole period, which charge.py applies to the period's totals."""


type Billing = Literal["postpaid", "prepaid"]
type Unpriced = Literal["allow", "block"]


def _unpriced(given: dict[str, Any]) -> Unpriced:
    """Return the default: credit cannot cover usage of unknown price."""
    return "block" if given.get("billing") == "prepaid" else "allow"


class Plan(Strict):
    """The terms under which a tenant pays, in one currency.

    Markups and off-peak multipliers apply to list prices; a price in the plan is final. Fields
    up to `allowed_models` price each request; the others apply to the totals of a period, so they
    change only at the start of one.
    """

    id: Annotated[str, StringConstraints(pattern=IDENTIFIER_SCHEMA)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    markup: Markup = "0"
    billing: Billing = "postpaid"
    """Prepaid: no usage without credit. Either way credit is taken off the statement."""
    unpriced: Unpriced = Field(default_factory=_unpriced)
    """Whether usage without a price is admitted. Default: blocked with `billing: prepaid`."""
    overrides: Listed[Override] = ()
    quotas: Annotated[Listed[Quota], Field(max_length=MAX_QUOTAS)] = ()
    time_zone: TimeZone = "UTC"
    """The time zone of quota windows."""
    requests_per_minute: Annotated[int, Field(ge=1, le=MAX_RATE)] | None = None
    """The rate at which the gateway takes requests of a tenant; None: no limit."""
    spike: Spike | None = None
    """The threshold for alerts on hours of unusual spend; None: no alerts."""
    low_credit: LowCredit | None = None
    """The threshold for alerts on credit that runs low; None: no alerts."""
    switches: Annotated[Listed[Switch], Field(max_length=MAX_SWITCHES)] = ()
    """Hours of the week in which requests for a model go to another, in `time_zone`."""
    targets: Targets = ()
    """Target costs of outcomes: see unit_economics.py."""
    suspend: bool = False
    """Whether a block on everything also suspends the subscriptions, if suspension is set up."""
    off_peak: OffPeak | None = None
    charge_by: Literal["buckets", "total_tokens"] = "buckets"
    total_token_price_per_million: PricePerMillion | None = None
    """The price of a token of any bucket, with `charge_by: total_tokens`."""
    allowed_models: Annotated[Listed[ModelName], Field(min_length=1)] | None = None
    """None: every model."""

    base_fee: Money = "0"
    minimum: Money = "0"
    """The minimum of a period, the base fee included."""
    request_fee: Money = "0"
    allowance: Listed[Allowance] = ()
    tiers: Listed[Tier] = ()
    packages: Listed[Package] = ()

    @model_validator(mode="after")
    def _overrides_are_distinct(self) -> "Plan":
        places = [(override.model, override.bucket) for override in self.overrides]
        for number, place in enumerate(places):
            first = places.index(place)
            if first < number:
                raise misplaced(
                    ("overrides", number), f"is for the same place as overrides.{first}"
                )
        return self

    @model_validator(mode="after")
    def _quotas_are_distinct(self) -> "Plan":
        keys = [quota.key for quota in self.quotas]
        for number, key in enumerate(keys):
            first = keys.index(key)
            if first < number:
                raise misplaced(("quotas", number), f"is the same as quotas.{first}")
        return self

    @model_validator(mode="after")
    def _total_price_is_whole(self) -> "Plan":
        if self.charge_by == "buckets":
            if self.total_token_price_per_million is not None:
                raise misplaced((_TOTAL_PRICE,), "needs charge_by: total_tokens")
            return self
        if self.total_token_price_per_million is None:
            raise misplaced((_TOTAL_PRICE,), "charge_by total_tokens needs it")
        for number, override in enumerate(self.overrides):
            if override.bucket in TOKEN_BUCKETS or override.markup is not None:
                reason = "with charge_by total_tokens, give a model and its price_per_million"
                raise misplaced(("overrides", number), reason)
        return self

    @model_validator(mode="after")
    def _multipliers_stay_exact(self) -> "Plan":
        markups = {self.markup, *(override.markup or "0" for override in self.overrides)}
        for number, window in enumerate(self.off_peak.windows if self.off_peak else ()):
            for markup in sorted(markups):
                if window.factor * multiplier_of(markup) % ONE:
                    raise misplaced(
                        ("off_peak", "windows", number, "multiplier"),
                        f"with the markup {markup!r} it has more than 6 decimals together",
                    )
        return self

    @model_validator(mode="after")
    def _amounts_are_replaced_once(self) -> "Plan":
        tiers = [("tiers", number, term) for number, term in enumerate(self.tiers)]
        packages = [("packages", number, term) for number, term in enumerate(self.packages)]
        replacing: list[tuple[str, int, Tier | Package]] = [*tiers, *packages]
        for (name, number, one), (other_name, other_number, other) in combinations(replacing, 2):
            for place, meter in enumerate(other.meters):
                if any(meter.overlaps(covered) for covered in one.meters):
                    raise misplaced(
                        (other_name, other_number, "meters", place),
                        f"is also covered by {name}.{number}",
                    )
        return self

    @property
    def multiplier(self) -> int:
        """One plus the markup, integer of 10^-6."""
        return multiplier_of(self.markup)

    @property
    def period_terms(self) -> tuple[str, ...]:
        """The names of the period terms that this plan uses."""
        plain = Plan(id=self.id, currency=self.currency)
        return tuple(name for name in PERIOD_TERMS if getattr(self, name) != getattr(plain, name))

    def multiplier_for(self, model: str | None, bucket: str) -> int:
        """Return the multiplier of the list price, integer of 10^-6; ONE for a final price.

        The most specific override wins: of model and bucket, then of model, then of bucket.
        """
        if self._own_price(model, bucket) is not None:
            return ONE
        override = self._override(model, bucket)
        return multiplier_of(self.markup if override is None else override.markup or "0")

    def unit_price(
        self, model: str | None, bucket: str, list_price: int | None, off_peak: int = ONE
    ) -> Amount | None:
        """Return the price of a token, integer of 10^-18 currency units; None if unknown.

        `list_price` is an integer of 10^-12 currency units a token, `off_peak` the multiplier at
        the time of the request (integer of 10^-6). A price in the plan needs no list price.
        """
        own_price = self._own_price(model, bucket)
        if own_price is not None:
            return price_of(own_price)
        if list_price is None:
            return None
        multiplier, lost = divmod(self.multiplier_for(model, bucket) * off_peak, ONE)
        if lost:
            raise InvariantBroken(f"plan {self.id!r}: multipliers of more than 6 decimals together")
        return list_price * multiplier

    def _own_price(self, model: str | None, bucket: str) -> str | None:
        override = self._override(model, bucket)
        if override is not None and override.price_per_million is not None:
            return override.price_per_million
        return self.total_token_price_per_million if bucket in TOKEN_BUCKETS else None

    def _override(self, model: str | None, bucket: str) -> Override | None:
        found = (override for override in self.overrides if override.covers(model, bucket))
        return max(found, key=lambda override: override.rank, default=None)

    def allows(self, model: str) -> bool:
        """Return whether a tenant on this plan may use a model."""
        return self.allowed_models is None or model in self.allowed_models

    def replaces(self, model: str | None, bucket: str) -> bool:
        """Return whether a tier or package replaces the amount of such usage."""
        terms: tuple[Tier | Package, ...] = (*self.tiers, *self.packages)
        return any(term.covers(model, bucket) for term in terms)


DEFAULT_PLAN = Plan(id="default")
"""List prices in USD: the plan of a tenant that has not been assigned one."""


def read_plan(source: str, content: object) -> Plan:
    """Return a plan from parsed YAML or JSON; ConfigurationError names the file and the field."""
    return validated(Plan, source, content)
