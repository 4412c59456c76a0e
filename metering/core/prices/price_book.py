"""The price book: dated list prices by model, deployment type, region, tier and bucket."""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from operator import attrgetter
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant

#: What the event leaves out. An Azure deployment is global standard unless it says otherwise.
DEFAULT_DEPLOYMENT_TYPE: Final = "global"
DEFAULT_SERVICE_TIER: Final = "standard"
#: The unit of every price that is not another meter's.
TOKEN: Final = "token"  # noqa: S105, a unit
#: In the place of the deployment type, for meters that belong to no deployment.
NO_DEPLOYMENT: Final = "meter"

#: A dated name, as services report it: `gpt-4o-2024-11-20`, `claude-sonnet-4-20250514`.
_DATED: Final = re.compile(r"(.+?)[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6})")

type UnitPrices = tuple[int | None, ...]
"""List price by bucket, integer of 10^-12 currency units a token; None where there is none.

Of another meter: of a millionth of its unit."""


class Place(NamedTuple):
    """Where a price stands, apart from the model's name and the size of the prompt."""

    deployment_type: str = DEFAULT_DEPLOYMENT_TYPE
    region: str | None = None
    service_tier: str = DEFAULT_SERVICE_TIER
    provider: str | None = None
    unit: str = TOKEN
    currency: str = "USD"


class PriceRow(NamedTuple):
    """One row of one version: what a token of each bucket costs from `effective_from` on."""

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
    def place(self) -> Place:
        """Where its price stands."""
        return Place(
            self.deployment_type,
            self.region,
            self.service_tier,
            self.provider,
            self.unit,
            self.currency,
        )


type NamedRow = tuple[str, PriceRow]
"""A row under one of the names that it goes by."""

type _Key = tuple[str, str, str, str, str]
type _Claim = tuple[_Key, Instant, str | None, str, bool]

_EFFECTIVE_FROM: Final = attrgetter("effective_from")


def _key(name: str, place: Place | PriceRow) -> _Key:
    return name, place.currency, place.unit, place.deployment_type, place.service_tier


class PriceBook:
    """All rows of all versions, found by name and dimension at an instant."""

    def __init__(self, named_rows: Iterable[NamedRow] = (), *published: Iterable[NamedRow]) -> None:
        """Index rows by name (model or alias), and the versions that were `published` after them.

        ConfigurationError where two rows of one version, or of the first rows, claim one place. Of
        two versions that do, the one published later is in force.
        """
        self._versions = (tuple(named_rows), *map(tuple, published))
        self._rows: defaultdict[_Key, list[PriceRow]] = defaultdict(list)
        self._claims: defaultdict[_Claim, list[str]] = defaultdict(list)
        """The versions that price the same requests from the same instant on."""
        self._models: dict[str, str] = {}
        self._resolved: dict[str, str | None] = {}
        self.rows: dict[str, PriceRow] = {}
        for number, rows in enumerate(self._versions):
            self._take(rows, supersede=number > 0)
        self.starts = tuple(sorted({row.effective_from for row in self.rows.values()}))
        self.currencies = frozenset(row.currency for row in self.rows.values())

    def with_version(self, named_rows: Iterable[NamedRow]) -> "PriceBook":
        """Return this book with one more version, published after all of its own."""
        return PriceBook(*self._versions, named_rows)

    def _take(self, named_rows: Iterable[NamedRow], *, supersede: bool) -> None:
        added: defaultdict[_Key, list[PriceRow]] = defaultdict(list)
        for name, row in named_rows:
            known = self._models.setdefault(name, row.model)
            if known != row.model:
                raise ConfigurationError(
                    f"price book: {name} is a name of {known} and, in {row.version}, of {row.model}"
                )
            self._models.setdefault(name.lower(), row.model)
            if name == row.model:
                key = _key(name, row)
                self._claim(key, row, supersede=supersede)
                added[key].append(row)
                self.rows[row.key] = row
        for key, rows in added.items():
            # The latest start first; of those that start together, the latest published.
            both = [*reversed(rows), *self._rows[key]]
            self._rows[key] = sorted(both, key=_EFFECTIVE_FROM, reverse=True)

    def _claim(self, key: _Key, row: PriceRow, *, supersede: bool) -> None:
        """Note the requests that a row prices; ConfigurationError where another row does."""
        size = row.above_tokens is None
        place = (key, row.effective_from, row.region, row.provider, size)
        for version in self._claims[place]:
            if not supersede or row.version == version:
                raise ConfigurationError(
                    f"price book: two prices for {row.id} from the same instant"
                    f" ({version}, {row.version})"
                )
        self._claims[place].append(row.version)

    def canonical(self, name: str) -> str | None:
        """Return the name under which entries of a model are kept; None if it is not known.

        Names are looked up as they are, in lower case, and without a date. A dated name stands for
        the undated one only where the book names no dated version of that model: where it names
        some, one that is not among them may have another price.
        """
        if name not in self._resolved:
            self._resolved[name] = self._resolve(name)
        return self._resolved[name]

    def _resolve(self, name: str) -> str | None:
        known = self._models.get(name) or self._models.get(name.lower())
        if known is not None:
            return known
        dated = _DATED.fullmatch(name.lower())
        if dated is None or dated[1] not in self._models:
            return None
        versions = (_DATED.fullmatch(known) for known in self._models)
        named = any(version is not None and version[1] == dated[1] for version in versions)
        return None if named else self._models[dated[1]]

    def knows(self, name: str) -> bool:
        """Say whether the book has a price for a model or meter of this name."""
        return self.canonical(name) is not None

    def provider_of(self, name: str) -> str | None:
        """Return who sells a model; None where it is not known, or where several do."""
        known = self.canonical(name)
        return None if known is None else self.providers.get(known)

    @cached_property
    def providers(self) -> dict[str, str]:
        """The seller of each model that only one sells."""
        sellers: defaultdict[str, set[str]] = defaultdict(set)
        for row in self.rows.values():
            sellers[row.model].add(row.provider)
        return {model: min(some) for model, some in sellers.items() if len(some) == 1}

    def find(
        self, name: str, at: Instant, place: Place, *, long_context: bool = False
    ) -> PriceRow | None:
        """Return the row in force at `at`, from the specific to the general.

        Currency, deployment type, service tier and unit must be as named, for another one has
        another price. A
        row of the provider named comes before the others (which must then agree on one provider),
        a row of the region before one of any region, the latest start before earlier ones. None
        means that the price is not known; it never means that it is zero.
        """
        known = self.canonical(name)
        if known is None:
            return None
        rows = self._of_one_provider(self._rows.get(_key(known, place), []), place.provider)
        anywhere: PriceRow | None = None
        for row in rows:
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
