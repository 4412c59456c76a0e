"""Deployments in verdicts: plans name models, clients and gateways name deployments."""

from collections.abc import Iterable, Mapping
from typing import Final

from metering.core.quotas.decision import Verdict
from metering.core.quotas.facts import Facts
from metering.core.quotas.verdict import ModelVerdict, ScopedVerdict

_STRICTNESS: Final = {verdict: rank for rank, verdict in enumerate(Verdict)}


def led(rule: ScopedVerdict, facts: Facts) -> ScopedVerdict:
    """Return a rule with a downgrade to a deployment, if one is known."""
    return rule._replace(verdict=to_deployment(rule.verdict, facts))


def serves(rules: Iterable[ScopedVerdict], deployments: Mapping[str, str]) -> dict[str, str]:
    """Return the deployments that serve a model which a rule names, or leads to."""
    named = {rule.when.get("model") for rule in rules} | {rule.verdict.to for rule in rules}
    return {name: model for name, model in deployments.items() if model in named}


def named_aliases(
    rules: Iterable[ScopedVerdict], aliases: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return the aliases of a model that a rule names, or leads to, with all of their models."""
    named = {rule.when.get("model") for rule in rules} | {rule.verdict.to for rule in rules}
    return {name: models for name, models in aliases.items() if named & {*models}}


def with_aliases(
    models: Mapping[str, ModelVerdict],
    overall: ModelVerdict,
    aliases: Mapping[str, tuple[str, ...]],
) -> dict[str, ModelVerdict]:
    """Return the verdicts by name with those of aliases: of all models behind one, the strictest.

    A model or deployment of the same name is one of them, in whatever case it is written.
    """
    found = dict(models)
    spelled: dict[str, list[str]] = {}
    for name in models:
        spelled.setdefault(name.casefold(), []).append(name)
    for alias, behind in aliases.items():
        same = spelled.get(alias.casefold(), [])
        verdicts = [models.get(name, overall) for name in (*behind, *same)]
        strictest = max(verdicts, key=lambda one: (_STRICTNESS[one.verdict], one.resets_at or 0))
        found |= dict.fromkeys(same or [alias], strictest)
    return found


def closed(
    rules: Iterable[ScopedVerdict], facts: Facts, dearer: frozenset[str]
) -> dict[str, tuple[str, ...]]:
    """Return whose requests cannot take a scoped downgrade, by the name that it leads to."""
    found: dict[str, tuple[str, ...]] = {}
    for one in {rule.verdict.to: rule.verdict for rule in rules}.values():
        if one.to is None:
            continue
        refused_of = {
            model
            for model in facts.ladder.models - {one.to}
            if facts.ladder.refusal(model, one.to, may_be_dearer=one.to in dearer) is not None
        }
        deployed = {**facts.learnt, **facts.deployments}
        names = refused_of | {name for name, model in deployed.items() if model in refused_of}
        names |= {name for name, models in facts.aliases.items() if refused_of & {*models}}
        found[to_deployment(one, facts).to or one.to] = tuple(sorted(names))
    return found


def to_deployment(one: ModelVerdict, facts: Facts) -> ModelVerdict:
    """Return a verdict with a downgrade to a deployment, registered before learnt, if known."""
    for deployments in (facts.deployments, facts.learnt):
        if one.to is None or one.to in deployments:
            return one
        names = sorted(name for name, model in deployments.items() if model == one.to)
        if names:
            return one._replace(to=names[0])
    return one
