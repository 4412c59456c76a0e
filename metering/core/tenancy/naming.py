"""Naming: the model that a request is rated by, from the names that its event gives.

In this order: the model that served it; that of the deployment, as registered; that of the one
target of the alias that was asked for. Else the name is not resolved, and the request has no price.
"""

from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.core.deployments.alias import Alias
from metering.core.deployments.resource_names import account_name
from metering.core.prices.price_book import PriceBook
from metering.core.prices.priced import PricingKey, Registered, completed
from metering.core.tenancy.directory import Directory
from metering.core.usage.usage import Dimensions

type _Span = tuple[Instant, Instant]


class Named(NamedTuple):
    """The models behind the names of a request in `[start, end)`."""

    model: str | None
    """The model to rate; None where neither the response nor an alias says."""
    registered: Registered | None
    """The deployment that served it, or the one that its alias leads to."""
    start: Instant
    end: Instant
    first: str | None = None
    """The model of an alias's first target, for estimates before anything has served."""

    @property
    def rated(self) -> str | None:
        """The model that is rated, that of the deployment included."""
        known = self.registered
        return self.model or (None if known is None else known.deployment.model)


class Goal(NamedTuple):
    """One target of an alias: the deployment, if one of that name is registered, and its model."""

    target: str
    model: str
    registered: Registered | None


class Naming:
    """Finds the model and the deployment behind the names of requests."""

    def __init__(self, directory: Directory, prices: PriceBook) -> None:
        self.directory = directory
        self._prices = prices

    def of(self, of: Dimensions, at: Instant) -> Named:
        """Return what the names of a request lead to at an instant."""
        alias, span = self._alias(of, at)
        return self._by(of, at, alias, span)

    def ever(self, of: Dimensions, at: Instant) -> list[Named]:
        """Return what they lead to by each version of its alias, corrected ones included."""
        versions = (self.directory.aliases.ever(name) for name in _alias_names(of))
        always = BEGINNING, FOREVER
        return [self._by(of, at, one, always) for some in versions for one in some]

    def goals(self, of: Dimensions, at: Instant) -> list[Goal]:
        """Return the targets that may have served a request; none without an alias."""
        alias, span = self._alias(of, at)
        return [] if alias is None else self._goals(of, alias, at, span)[0]

    def target(self, target: str, at: Instant) -> Goal:
        """Return what a target of an alias stands for at an instant."""
        return self._goal(target, None, at)[0]

    def _by(self, of: Dimensions, at: Instant, alias: Alias | None, span: _Span) -> Named:
        """Return what the names of a request lead to, by a version of its alias."""
        served, span = self._served(of, at, span)
        name = of.deployment or (of.requested_model if served is None else None)
        if name is not None:
            known, start, end = self.directory.deployment(name, of.backend, at)
            span = _within(span, start, end)
            if known is not None:
                return Named(served, Registered(known, start), *span)
        if alias is None:
            return Named(served, None, *span)
        goals, span = self._goals(of, alias, at, span)
        if served is not None:
            if of.unit is None:
                goals = [one for one in goals if self._is(one.model, served)]
            return Named(served, _one_place(goals), *span)
        if not goals:
            return Named(None, None, *span)
        place, first = _one_place(goals), goals[0].model
        is_one = all(self._is(one.model, first) for one in goals)
        if is_one and (place is not None or all(one.registered is None for one in goals)):
            return Named(first, place, *span, first)
        return Named(None, None, *span, first)

    def _served(self, of: Dimensions, at: Instant, span: _Span) -> tuple[str | None, _Span]:
        """Return the model that the response named; a gateway may repeat the alias there."""
        if of.model is None or of.unit is not None or self._prices.knows(of.model):
            return of.model, span
        alias, start, end = self.directory.aliases.at(of.model, at)
        return None if alias is not None else of.model, _within(span, start, end)

    def _alias(self, of: Dimensions, at: Instant) -> tuple[Alias | None, _Span]:
        """Return the alias that was asked for: the deployment's name if it is one, or the name."""
        span = BEGINNING, FOREVER
        for name in _alias_names(of):
            alias, start, end = self.directory.aliases.at(name, at)
            span = _within(span, start, end)
            if alias is not None:
                return alias, span
        return None, span

    def _goals(
        self, of: Dimensions, alias: Alias, at: Instant, span: _Span
    ) -> tuple[list[Goal], _Span]:
        """Return the targets that may have served a request.

        None where a deployment is named that is a model of its own, and no target: it is the one
        that a downgrade led to, and the alias says nothing about it.
        """
        goals: list[Goal] = []
        for target in alias.targets:
            goal, start, end = self._goal(target, of.backend, at)
            span = _within(span, start, end)
            goals.append(goal)
        name = of.deployment
        if name is not None and name.casefold() != alias.key and self._prices.knows(name):
            goals = [one for one in goals if self._is(one.model, name)]
        return _behind(_of_name(goals, name), of.backend), span

    def _goal(self, target: str, backend: str | None, at: Instant) -> tuple[Goal, Instant, Instant]:
        account, _, name = target.rpartition("/")
        known, start, end = self.directory.deployment(name, account or backend, at)
        if known is None:
            return Goal(target, target, None), start, end
        return Goal(target, known.model, Registered(known, start)), start, end

    def _is(self, model: str, other: str) -> bool:
        return self.folded(model) == self.folded(other)

    def folded(self, model: str) -> str:
        """Return the name under which a model is kept, without regard to case."""
        return (self._prices.canonical(model) or model).casefold()


def _alias_names(of: Dimensions) -> list[str]:
    """Return the names of a request that may be aliases, the most telling first."""
    model = of.model if of.unit is None else None
    names = dict.fromkeys((of.deployment, of.requested_model, model))
    return [name for name in names if name is not None]


def _within(span: _Span, start: Instant, end: Instant) -> _Span:
    return max(span[0], start), min(span[1], end)


def _of_name(goals: list[Goal], deployment: str | None) -> list[Goal]:
    """Return the targets of that name; all of them where there is none."""
    name = (deployment or "").casefold()
    return [one for one in goals if one.target.rpartition("/")[2].casefold() == name] or goals


def _behind(goals: list[Goal], backend: str | None) -> list[Goal]:
    """Return the targets in the account of that back end; all of them where there is none."""
    if backend is None:
        return goals
    account = account_name(backend)
    return [one for one in goals if _account(one) == account] or goals


def _account(goal: Goal) -> str | None:
    known = goal.registered
    account = None if known is None else known.deployment.account
    return None if account is None else account.casefold()


def _one_place(goals: list[Goal]) -> Registered | None:
    """Return the deployment of all of these targets; None where they differ in their price."""
    found = {None if one.registered is None else one.registered.deployment.key for one in goals}
    if None in found or not goals:
        return None
    places = [one.registered for one in goals if one.registered is not None]
    first = min(places, key=lambda one: one.deployment.key)
    if len(found) == 1:
        return first
    keys = {_price_of(one) for one in places}
    paid_by_hour = any(one.deployment.provisioned or one.deployment.hosting for one in places)
    return first if len(keys) == 1 and not paid_by_hour else None


def _price_of(place: Registered) -> PricingKey:
    return completed(PricingKey(None), place)._replace(model=None, registered=None)
