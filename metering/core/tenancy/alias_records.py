"""Decisions on aliases: what may be declared, and from when on it holds."""

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import BEGINNING, FOREVER, refuse_the_past, soonest
from metering.core.deployments.alias import MAX_ALIASES, Alias
from metering.core.prices.price_book import PriceBook
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.naming import Naming
from metering.core.tenancy.record import Decision, Record


def set_alias(
    directory: Directory,
    prices: PriceBook,
    alias: Alias,
    now: Instant,
    effective: Instant | None = None,
    *,
    supersede: bool = False,
) -> Decision[Instant]:
    """Let a name be an alias of its targets, from the beginning if it is new.

    A change of a known alias begins in the past only if told to supersede what past usage was
    rated by. ConfigurationError names what is refused: chains, and names that mean two things.
    """
    known = directory.aliases
    is_new = not known.knows(alias.alias)
    start = effective
    if start is None:
        start = BEGINNING if is_new else soonest(now)
    versions = known.versions(alias.alias)
    found, since, end = versions.at(start)
    if found is not None and found.targets == alias.targets:
        return Decision(since, None)
    if not alias.targets and (found is None or not found.targets):
        raise ConfigurationError(f"alias {alias.alias!r}: give at least one target")
    if not is_new and not supersede:
        refuse_the_past(f"alias {alias.alias!r}", now, start)
    if alias.targets:
        _refuse_too_many(directory, alias, start)
        _refuse_chains(directory, prices, alias, start, end)
        _refuse_other_deployments(directory, prices, alias, start)
    return Decision(start, Record("alias", alias.key, alias.model_dump_json(), start, now))


def _refuse_too_many(directory: Directory, alias: Alias, start: Instant) -> None:
    others = {one.key for one in directory.aliases.spans(start, FOREVER)} - {alias.key}
    if len(others) >= MAX_ALIASES:
        raise ConfigurationError(
            f"alias {alias.alias!r}: there are {len(others)} aliases, at most {MAX_ALIASES}:"
            " retire one first"
        )


def _refuse_chains(
    directory: Directory, prices: PriceBook, alias: Alias, start: Instant, end: Instant
) -> None:
    """Raise ConfigurationError for an alias of an alias, in either direction, or of itself.

    A name may be its own target where it is a model or a deployment too: gateways publish models
    under their own names.
    """
    others = {one.key: one for one in directory.aliases.spans(start, end) if one.key != alias.key}
    for target in alias.targets:
        name = target.casefold()
        if name in others:
            through = ", ".join(others[name].targets)
            raise ConfigurationError(
                f"alias {alias.alias!r}: its target {target!r} is an alias itself: name the targets"
                f" of that one ({through})"
            )
        is_known = prices.knows(target) or directory.knows_deployment(target, None)
        if name == alias.key and not is_known:
            raise ConfigurationError(
                f"alias {alias.alias!r}: leads to itself: no model or deployment has this name"
            )
    for one in others.values():
        if alias.key in map(str.casefold, one.targets):
            raise ConfigurationError(
                f"alias {alias.alias!r}: is a target of the alias {one.alias!r}, and an alias leads"
                " to no other alias: change that one first"
            )


def _refuse_other_deployments(
    directory: Directory, prices: PriceBook, alias: Alias, start: Instant
) -> None:
    """Raise ConfigurationError for the name of a deployment whose model is no target.

    The deployment comes first where a price is looked for, so the alias would have no effect.
    """
    naming = Naming(directory, prices)
    models = {naming.folded(naming.target(one, start).model) for one in alias.targets}
    for deployment in directory.deployments(start):
        if (
            deployment.name.casefold() == alias.key
            and naming.folded(deployment.model) not in models
        ):
            raise ConfigurationError(
                f"alias {alias.alias!r}: is the name of deployment {deployment.key!r} of"
                f" {deployment.model!r}, which is none of its targets: one name, one meaning"
            )
