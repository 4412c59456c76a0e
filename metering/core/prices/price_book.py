"""The price book: dated list prices by model, deployment type, region, tier and bucket."""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from operator import attrgetter
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, format_instant

#: Stand in for what the event leaves out. An Azure deployment is global standard by default.
DEFAULT_DEPLOYMENT_TYPE: Final = "global"
DEFAULT_SERVICE_TIER: Final = "standard"
#: The unit of every price that is not another meter's.
TOKEN: Final = "token"  # noqa: S105, a unit
#: In the place of the deployment type, for meters that belong to no deployment.
NO_DEPLOYMENT: Final = "meter"

#: A dated name, as services report it: `gpt-4o-2024-11-20`, `claude-sonnet-4-20250514`.
_DATED: Final = re.compile(r"(.+?)[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6})")
#: A fine-tuned model: `gpt-4.1-2025-04-14.ft-0123abcd-house` on Azure, `ft:gpt-4.1:house::0123`.
_FINE_TUNED: Final = re.compile(r"ft:([^:]+):.*|(.+?)\.ft-.+")
#: The suffix of a base model's name under which the price of its fine-tuned models is listed.
FINE_TUNED: Final = ".ft"
#: Regions, tiers or types that a reason names; more are counted.
_MAX_NAMED: Final = 6

type UnitPrices = tuple[int | None, ...]
"""List price by bucket, integer of 10^-12 currency units a token; None for an unknown price.

Of another meter: of a millionth of its unit."""


class PriceKey(NamedTuple):
    """The dimensions of a price, apart from the model's name and the size of the prompt."""

    deployment_type: str = DEFAULT_DEPLOYMENT_TYPE
    region: str | None = None
    service_tier: str = DEFAULT_SERVICE_TIER
    provider: str | None = None
    unit: str = TOKEN
    currency: str = "USD"


class PriceSource(NamedTuple):
    """The origin of the rows of one version."""

    name: str = ""
    """The host that publishes the prices, or the name of a file."""
    retrieved: Instant | None = None
    """The day on which they were read from there."""
    is_reported: bool = False
    """Whether they come from public reports and not from whoever charges them."""


UNKNOWN_SOURCE: Final = PriceSource()


class PriceRow(NamedTuple):
    """One row of one version: the price of a token of each bucket from `effective_from` on."""

    version: str
    currency: str
    provider: str
    channel: str
    model: str
    """The model, or the name of another meter."""
    deployment_type: str
    region: str | None
    service_tier: str
    above_tokens: int | None
    """None, or the prompt size above which this row prices the whole request."""
    effective_from: Instant
    prices: UnitPrices
    unit: str = TOKEN
    billed_as: tuple[tuple[str, str], ...] = ()
    """Buckets that have no discount here, each with the bucket whose price they have."""
    source: PriceSource = UNKNOWN_SOURCE

    @property
    def id(self) -> str:
        """The name that entries carry, e.g. `gpt-4.1/data_zone/eastus2/standard`."""
        parts = [self.model, self.deployment_type, self.region or "any", self.service_tier]
        if self.unit != TOKEN:
            parts = [self.model, self.deployment_type, self.region or "any", f"per-{self.unit}"]
        if self.above_tokens is not None:
            parts.append(f"above-{self.above_tokens}")
        return "/".join(parts)

    @property
    def key(self) -> str:
        """The row's name among all versions and dates."""
        return f"{self.version}:{self.provider}/{self.id}@{self.effective_from}"

    @property
    def place(self) -> PriceKey:
        """The dimensions of its price."""
        return PriceKey(
            self.deployment_type,
            self.region,
            self.service_tier,
            self.provider,
            self.unit,
            self.currency,
        )


type NamedRow = tuple[str, PriceRow]
"""A row under one of its names."""

type _Key = tuple[str, str, str, str, str]
type _Claim = tuple[_Key, Instant, str | None, str, bool, str]

_EFFECTIVE_FROM: Final = attrgetter("effective_from")


def _key(name: str, place: PriceKey | PriceRow) -> _Key:
    return name, place.currency, place.unit, place.deployment_type, place.service_tier


class PriceBook:
    """All rows of all versions, found by name and dimension at an instant."""

    def __init__(self, named_rows: Iterable[NamedRow] = (), *published: Iterable[NamedRow]) -> None:
        """Index rows by name (model or alias), and the versions that were `published` after them.

        Of two versions that price one place from one instant, the later one is in force.
        ConfigurationError where two rows of one version do.
        """
        self._versions = (tuple(named_rows), *map(tuple, published))
        self._rows: defaultdict[_Key, list[PriceRow]] = defaultdict(list)
        self._by_model: defaultdict[str, list[PriceRow]] = defaultdict(list)
        self._claims: set[_Claim] = set()
        """The requests that each version prices from an instant on."""
        self._models: dict[str, str] = {}
        self._resolved: dict[str, str | None] = {}
        self.rows: dict[str, PriceRow] = {}
        for rows in self._versions:
            self._take(rows)
        self.starts = tuple(sorted({row.effective_from for row in self.rows.values()}))
        self.currencies = frozenset(row.currency for row in self.rows.values())

    def with_version(self, named_rows: Iterable[NamedRow]) -> "PriceBook":
        """Return this book with one more version, published after all of its own."""
        return PriceBook(*self._versions, named_rows)

    def _take(self, named_rows: Iterable[NamedRow]) -> None:
        added: defaultdict[_Key, list[PriceRow]] = defaultdict(list)
        for name, row in named_rows:
            known = self._models.setdefault(name.lower(), row.model)
            if known.lower() != row.model.lower():
                raise ConfigurationError(
                    f"price book: {name} is a name of {known} and, in {row.version}, of {row.model}"
                )
            if name == row.model:
                key = _key(known, row)
                self._claim(key, row)
                added[key].append(row)
                self.rows[row.key] = row
                self._by_model[known].append(row)
        for key, rows in added.items():
            # The latest start first; of those that start together, the latest published.
            both = [*reversed(rows), *self._rows[key]]
            self._rows[key] = sorted(both, key=_EFFECTIVE_FROM, reverse=True)

    def _claim(self, key: _Key, row: PriceRow) -> None:
        """Note the requests that a row prices; ConfigurationError where its version does twice."""
        size = row.above_tokens is None
        claim = (key, row.effective_from, row.region, row.provider, size, row.version)
        if claim in self._claims:
            raise ConfigurationError(
                f"price book: two prices for {row.id} from the same instant"
                f" ({row.version}, {row.version})"
            )
        self._claims.add(claim)

    def canonical(self, name: str) -> str | None:
        """Return the name under which entries of a model are kept; None for an unknown model.

        Names are looked up without regard to case, then as fine-tuned from a base model, then
        without a date. A dated name stands for the undated one only where the book names no dated
        version of that model: where it names some, another dated version may have another price.
        """
        if name not in self._resolved:
            self._resolved[name] = self._resolve(name)
        return self._resolved[name]

    def _resolve(self, name: str) -> str | None:
        lowered = name.lower()
        known = self._models.get(lowered)
        if known is not None:
            return known
        tuned = _FINE_TUNED.fullmatch(lowered)
        if tuned is not None:
            return self._resolve(f"{tuned[1] or tuned[2]}{FINE_TUNED}")
        dated = _DATED.fullmatch(lowered)
        if dated is None or dated[1] not in self._models:
            return None
        versions = (_DATED.fullmatch(known) for known in self._models)
        named = any(version is not None and version[1] == dated[1] for version in versions)
        return None if named else self._models[dated[1]]

    def knows(self, name: str) -> bool:
        """Say whether the book has a price for a model or meter of this name."""
        return self.canonical(name) is not None

    def models(self) -> list[str]:
        """Return the name of every model and meter that has a price, as entries name them."""
        return list(self._models.values())

    def provider_of(self, name: str) -> str | None:
        """Return the seller of a model; None for an unknown model, or one with several sellers."""
        known = self.canonical(name)
        return None if known is None else self.providers.get(known)

    @cached_property
    def rows_named(self) -> dict[tuple[str, str], list[PriceRow]]:
        """The rows by version and id, as entries name them, the earliest start first.

        Rows of the same name differ in start, channel and provider.
        """
        named: defaultdict[tuple[str, str], list[PriceRow]] = defaultdict(list)
        for row in sorted(self.rows.values(), key=_EFFECTIVE_FROM):
            named[row.version, row.id].append(row)
        return dict(named)

    @cached_property
    def providers(self) -> dict[str, str]:
        """The seller of each model that only one sells."""
        sellers: defaultdict[str, set[str]] = defaultdict(set)
        for row in self.rows.values():
            sellers[row.model].add(row.provider)
        return {model: min(some) for model, some in sellers.items() if len(some) == 1}

    def find(
        self, name: str, at: Instant, place: PriceKey, *, long_context: bool = False
    ) -> PriceRow | None:
        """Return the row in force at `at`; None where the price is not known, which is never zero.

        Currency, deployment type, tier and unit must match exactly. Among the matches, prefer a row
        of the named provider, then of the region, then the latest start. A row without a region
        holds in every region that has no row of its own.

        A meter's row may be for any deployment type; one of the named type comes first.
        """
        known = self.canonical(name)
        if known is None:
            return None
        matching = self._rows.get(_key(known, place), [])
        found = self._in_force(matching, at, place, long_context=long_context)
        if found is None and place.unit != TOKEN and place.deployment_type != NO_DEPLOYMENT:
            anywhere = place._replace(deployment_type=NO_DEPLOYMENT)
            return self.find(name, at, anywhere, long_context=long_context)
        return found

    def _in_force(
        self, matching: list[PriceRow], at: Instant, place: PriceKey, *, long_context: bool
    ) -> PriceRow | None:
        anywhere: PriceRow | None = None
        for row in self._of_one_provider(matching, place.provider):
            if row.effective_from > at or (row.above_tokens is not None) is not long_context:
                continue
            if row.region is None:
                anywhere = anywhere or row
            elif row.region == place.region:
                return row
        return anywhere

    @staticmethod
    def _of_one_provider(rows: list[PriceRow], provider: str | None) -> list[PriceRow]:
        providers = {row.provider for row in rows}
        if provider in providers:
            return [row for row in rows if row.provider == provider]
        return rows if len(providers) == 1 else []

    def why_unknown(self, name: str | None, at: Instant, place: PriceKey) -> str:
        """Return in words why `find` has no row: the first dimension for which no price exists."""
        if name is None:
            return "the request names no model"
        known = self.canonical(name)
        if known is None:
            return f"no price is known for {name}"
        rows = self._by_model[known]
        for dimension in ("unit", "currency", "deployment_type", "service_tier"):
            value, wanted = attrgetter(dimension), getattr(place, dimension)
            left = [row for row in rows if value(row) in {wanted, NO_DEPLOYMENT}]
            if not left:
                others = _named({value(row) for row in rows})
                named = dimension.replace("_", " ")
                return f"no price is known for {known} in {named} {wanted}: {others}"
            rows = left
        return _why_not_these(known, rows, at, place)


def _why_not_these(model: str, rows: list[PriceRow], at: Instant, place: PriceKey) -> str:
    providers = {row.provider for row in rows}
    if place.provider not in providers and len(providers) > 1:
        return f"several providers sell {model}, and none is named: {_named(providers)}"
    started = [row for row in rows if row.effective_from <= at]
    if not started:
        first = format_instant(min(row.effective_from for row in rows))[:10]
        return f"the first known price of {model} is of {first}"
    regions = _named({row.region or "any" for row in started})
    if place.region is None:
        return f"the price of {model} depends on the region, and the request names none: {regions}"
    return f"no price is known for {model} in region {place.region}: {regions}"


def _named(values: set[str]) -> str:
    """Return what prices exist for, the first few by name."""
    ordered = sorted(values)
    more = f" and {len(ordered) - _MAX_NAMED} more" if len(ordered) > _MAX_NAMED else ""
    return f"prices exist for {', '.join(ordered[:_MAX_NAMED])}{more}"
