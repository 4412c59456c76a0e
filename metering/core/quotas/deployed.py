"""Deployments in verdicts: plans name models, clients and gateways name deployments."""

from collections.abc import Iterable, Mapping

from metering.core.quotas.facts import Facts
from metering.core.quotas.verdict import ModelVerdict, ScopedVerdict


def led(rule: ScopedVerdict, facts: Facts) -> ScopedVerdict:
    """Return a rule with a downgrade to a deployment, if one is known."""
    return rule._replace(verdict=to_deployment(rule.verdict, facts))


def serves(rules: Iterable[ScopedVerdict], deployments: Mapping[str, str]) -> dict[str, str]:
    """Return the deployments that serve a model which a rule names, or leads to."""
    named = {rule.when.get("model") for rule in rules} | {rule.verdict.to for rule in rules}
    return {name: model for name, model in deployments.items() if model in named}


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
