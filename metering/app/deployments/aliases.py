"""Declare aliases, and list what each leads to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.deployments.alias import MAX_ALIASES, Alias
from metering.core.tenancy.alias_records import set_alias
from metering.core.tenancy.known_aliases import ListedAlias
from metering.core.tenancy.naming import Goal, Naming
from metering.ports import Clock


class ShownAlias(NamedTuple):
    """An alias with what its targets stand for."""

    listed: ListedAlias
    goals: tuple[Goal, ...]
    unknown: tuple[str, ...]
    """Targets that are no deployment on record and no model with a price."""
    is_model: bool
    """Whether a model with a price has the same name: limits on that model hold for it too."""


class DeclaredAlias(NamedTuple):
    """An alias to record, or one that was recorded."""

    alias: Alias
    effective: Instant | None
    is_news: bool
    holds_from: Instant | None = None
    """Once it is recorded."""


@dataclass(slots=True)
class Aliases:
    """The use cases behind `metering aliases`."""

    tenancy: Tenancy
    clock: Clock

    async def listed(self) -> list[ShownAlias]:
        """Return the aliases in force as of now, and those to come."""
        await self.tenancy.refresh()
        now = self.clock.now()
        return [self._shown(one, now) for one in self.tenancy.directory.aliases.listed(now)]

    async def one(self, name: str) -> ShownAlias | None:
        """Return an alias as of now, or the first version to come; None for any other name."""
        key = name.casefold()
        return next((one for one in await self.listed() if one.listed.alias.key == key), None)

    def _shown(self, one: ListedAlias, now: Instant) -> ShownAlias:
        prices = self.tenancy.prices
        naming = Naming(self.tenancy.directory, prices)
        goals = tuple(naming.target(target, now) for target in one.alias.targets)
        unknown = (
            one.target for one in goals if not one.registered and not prices.knows(one.model)
        )
        return ShownAlias(one, goals, tuple(unknown), prices.knows(one.alias.alias))

    async def compare(
        self, aliases: Sequence[tuple[Alias, Instant | None]], *, supersede: bool = False
    ) -> list[DeclaredAlias]:
        """Return which of these would be recorded, without recording any.

        Raises ConfigurationError for the first that is refused.
        """
        await self.tenancy.refresh()
        directory, now = self.tenancy.directory, self.clock.now()
        found = []
        for alias, effective in aliases:
            decision = set_alias(
                directory, self.tenancy.prices, alias, now, effective, supersede=supersede
            )
            found.append(DeclaredAlias(alias, effective, decision.record is not None))
        keys = {one.key for one in directory.aliases.in_force(now)}
        keys |= {one.alias.key for one in found if one.is_news}
        if len(keys) > MAX_ALIASES:
            raise ConfigurationError(f"{len(keys)} aliases: at most {MAX_ALIASES} can be declared")
        return found

    async def record(
        self, declared: Sequence[DeclaredAlias], *, supersede: bool = False
    ) -> list[DeclaredAlias]:
        """Record those that are news; return all with the start of each. Safe to repeat."""
        done = []
        for one in declared:
            start = None
            if one.is_news:
                decision = await self.tenancy.set_alias(
                    one.alias, one.effective, supersede=supersede
                )
                start = decision.outcome
            done.append(one._replace(holds_from=start))
        return done
