"""Verdicts by attributes that only the request has: product, use case, end user, agent, session.

The admission document of a subscription lists what is not allowed of them, as long as that is
short. Beyond, it tells the gateway to ask again with the values of the request.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from metering.core.plans.quota import Downgrade, Quota
from metering.core.plans.scope import EACH, Attributes, Scope
from metering.core.quotas.decision import QuotaState, applied, decides
from metering.core.quotas.verdict import ScopedVerdict, told

#: Most rules of a document: the gateway reads it for every request.
MAX_RULES: Final = 100
#: Attributes that the document's other verdicts are about.
_KNOWN: Final = frozenset({"model", "subscription"})


class Scoped(NamedTuple):
    """A limit that applies to some requests of a subscription only."""

    rules: tuple[ScopedVerdict, ...] = ()
    ask: tuple[str, ...] = ()
    """Attributes to ask again with; the rules are left out then."""


def unknown_of(scope: Scope, about: Attributes) -> list[str]:
    """Return the attributes that a scope names and `about` does not tell, the model aside."""
    told_of = about._asdict()
    return [name for name in scope.named if name != "model" and told_of[name] is None]


def scoped_verdicts(
    quotas: Iterable[Quota],
    states: Iterable[QuotaState],
    about: Attributes,
    providers: Mapping[str, str],
) -> Scoped:
    """Return the verdicts of quotas on further attributes than model and subscription.

    Of those that `about` tells, only the verdicts that apply; a rule does not repeat them.
    """
    names: set[str] = set()
    must_ask = False
    for quota in quotas:
        unknown = unknown_of(quota.scope, about)
        if unknown and decides(quota) and _may_cover(quota.scope.named, about):
            names |= set(unknown)
            # Nobody may have a counter yet: the value that a request names decides.
            must_ask |= quota.limit_of(()) == 0 and bool(quota.scope.split_by)
    rules = [
        _rule(state, about, providers)
        for state in states
        if state.is_reached
        and decides(state.quota)
        and set(state.named) - _KNOWN
        and _may_cover(state.named, about)
    ]
    if must_ask or len(rules) > MAX_RULES:
        return Scoped(ask=tuple(name for name in Attributes._fields if name in names))
    return Scoped(tuple(rules))


def _may_cover(named: Mapping[str, str], about: Attributes) -> bool:
    """Return whether the known attributes, the model aside, do not rule out named values."""
    told_of = about._asdict()
    return all(
        name == "model" or told_of[name] in {None, value} or (value == EACH and told_of[name])
        for name, value in named.items()
    )


def _rule(state: QuotaState, about: Attributes, providers: Mapping[str, str]) -> ScopedVerdict:
    action, unknown = state.quota.action, unknown_of(state.quota.scope, about)
    to = action.downgrade if isinstance(action, Downgrade) else ""
    named = [*unknown, "model"] if "model" in state.named else unknown
    when = {name: state.named[name] for name in named}
    return ScopedVerdict(when, told(applied(state), ())._replace(to_provider=providers.get(to)))
