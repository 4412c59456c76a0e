"""A YAML loader that reads nothing but what JSON has, too."""

from typing import Any, Final

import yaml

_INT: Final = "tag:yaml.org,2002:int"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


class PlainLoader(yaml.SafeLoader):
    """Reads times as text, and numbers that are none as text, for a validator to name the field."""


def _number_or_text(loader: yaml.SafeLoader, node: Any) -> int | str:
    try:
        return loader.construct_yaml_int(node)
    except ValueError:
        return str(loader.construct_scalar(node))


def _text(loader: yaml.SafeLoader, node: Any) -> str:
    return str(loader.construct_scalar(node))


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
PlainLoader.add_constructor(_INT, _number_or_text)
PlainLoader.add_constructor(_TIMESTAMP, _text)


def read_yaml(text: str) -> object:
    """Return the content of a YAML text; ValueError for any other text."""
    try:
        content: object = yaml.load(text, PlainLoader)  # noqa: S506, a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    return content
