"""Aliases in a backend contract of the Citadel Governance Hub.

The contract is a file of parameters. Its `modelAliases` list names each alias with its models, in
the order of fail-over or with weights (the hub's resiliency guide, 2026-10). The shape is a
sample's, so what is not an alias is ignored, and further names are accepted for the same fields.
"""

from collections.abc import Mapping
from typing import Final

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.validation import validated
from metering.core.deployments.alias import Alias, refuse_inconsistent

_LISTS: Final = ("modelAliases", "modelAliasConfig", "aliases")
_NAMES: Final = ("name", "alias", "aliasName")
_MODELS: Final = ("models", "targets", "backendModels")
_MODEL: Final = ("model", "name", "modelName", "deployment")


def is_contract(content: object) -> bool:
    """Say whether parsed content is a file of parameters, and no file of aliases."""
    return isinstance(content, Mapping) and (
        "parameters" in content or any(name in content for name in _LISTS[:2])
    )


def aliases_in(source: str, content: object) -> list[Alias]:
    """Return the aliases of a contract; ConfigurationError names the file and the field."""
    name, listed = _listed(content)
    if not isinstance(listed, list):
        raise ConfigurationError(f"{source}: has no list of aliases: {_LISTS[0]} is expected")
    found = [_alias(source, f"{name}.{place}", one) for place, one in enumerate(listed)]
    refuse_inconsistent(source, found)
    return found


def _listed(content: object) -> tuple[str, object]:
    """Return the list of aliases with its name; a file of ARM parameters wraps each value."""
    parameters = content.get("parameters", content) if isinstance(content, Mapping) else {}
    if isinstance(parameters, Mapping):
        for name in _LISTS:
            value = parameters.get(name)
            if isinstance(value, Mapping):
                value = value.get("value")
            if value is not None:
                return name, value
    return _LISTS[0], None


def _alias(source: str, place: str, said: object) -> Alias:
    if not isinstance(said, Mapping):
        raise ConfigurationError(f"{source}: {place}: is not an alias with its models")
    models = _first(said, _MODELS)
    if not isinstance(models, list) or not models:
        raise ConfigurationError(f"{source}: {place}: names no models")
    # One model may stand there several times, with a weight for each of its back ends.
    targets: dict[str, object] = {}
    for one in map(_target, models):
        targets.setdefault(str(one).casefold(), one)
    content = {"alias": _first(said, _NAMES), "targets": [*targets.values()]}
    return validated(Alias, f"{source}: {place}", content)


def _target(said: object) -> object:
    return _first(said, _MODEL) if isinstance(said, Mapping) else said


def _first(said: Mapping[str, object], names: tuple[str, ...]) -> object:
    """Return the value under the first of these names that is there."""
    return next((said[name] for name in names if name in said), None)
