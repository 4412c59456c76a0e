"""The parameters of a deployment: a .bicepparam file with the environment that it reads."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from metering.core.basics.errors import ConfigurationError

_PARAMETER: Final = re.compile(r"^param\s+(\w+)\s*=\s*(.*)$", re.MULTILINE)
_WORD: Final = re.compile(r"\s*('(?:[^'\\]|\\.)*'|\w+|[()\[\],?:])")

#: Defaults of bicep/main.bicep for what a parameter file leaves out.
DEFAULTS: Final[Mapping[str, Any]] = {
    "apiManagementId": "",
    "gatewayReachesNetwork": False,
    "openAiModels": [],
    "anthropicModels": [],
    "openAiPath": "openai",
    "anthropicPath": "anthropic",
    "balancePath": "metering",
    "suspendSubscriptions": False,
    "suspendingRoleId": "",
    "cosmosSecondLocation": "",
    "locks": False,
    "privateNetwork": False,
}


class Model(NamedTuple):
    """A model back end of the gateway."""

    url: str
    account_id: str
    """The resource id of the account, in any subscription; empty if none is named."""


class Planned(NamedTuple):
    """The resources a deployment creates, as far as a preflight looks at them."""

    location: str
    second_location: str
    """A second region of the store; empty: none."""
    gateway_id: str
    """The existing gateway; empty: a new one."""
    paths: Mapping[str, str]
    """The paths of the APIs at the gateway, by parameter."""
    models: tuple[Model, ...]
    private_network: bool
    gateway_reaches_network: bool
    locks: bool
    makes_role: bool
    """Whether a custom role is made, for suspensions."""


class _Unknown(Exception):
    """An expression that this reader does not know."""


def read_parameters(text: str, environment: Mapping[str, str]) -> Planned:
    """Return what a .bicepparam file plans in an environment.

    It knows the expressions of the files in bicep/; other values of parameters that it needs, and
    variables that must be set and are not, raise ConfigurationError by the parameter's name.
    """
    values = dict(DEFAULTS)
    for name, expression in _PARAMETER.findall(text):
        if name in values or name == "location":
            values[name] = _value(name, expression, environment)
    if "location" not in values:
        raise ConfigurationError("parameter location: is not in the file")
    models = [*_models(values, "openAiModels"), *_models(values, "anthropicModels")]
    return Planned(
        str(values["location"]),
        str(values["cosmosSecondLocation"]),
        str(values["apiManagementId"]),
        {name: str(values[name]) for name in ("openAiPath", "anthropicPath", "balancePath")},
        tuple(models),
        bool(values["privateNetwork"]),
        bool(values["gatewayReachesNetwork"]),
        bool(values["locks"]),
        bool(values["suspendSubscriptions"]) and not values["suspendingRoleId"],
    )


def _models(values: Mapping[str, Any], name: str) -> Iterator[Model]:
    given = values[name]
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ConfigurationError(f"parameter {name}: is not a list of back ends")
    for one in given:
        if not isinstance(one.get("url"), str) or not isinstance(one.get("accountId", ""), str):
            raise ConfigurationError(f"parameter {name}: a back end has no url as text")
        yield Model(one["url"], one.get("accountId", ""))


def _value(name: str, expression: str, environment: Mapping[str, str]) -> Any:
    words = _WORD.findall(expression.partition("//")[0] if "'" not in expression else expression)
    try:
        found = _Reader(words, environment).expression()
    except KeyError as missing:
        raise ConfigurationError(f"parameter {name}: {missing.args[0]} is not set") from None
    except ValueError:
        raise ConfigurationError(f"parameter {name}: its value is not JSON") from None
    except (_Unknown, IndexError):
        raise ConfigurationError(f"parameter {name}: {expression!r} cannot be read here") from None
    if isinstance(found, _Missing):
        raise ConfigurationError(f"parameter {name}: {found.name} is not set")
    return found


class _Missing(NamedTuple):
    """A variable that is not set: an error as the value, none in a branch that is not taken."""

    name: str


class _Reader:
    """Evaluates one expression, word by word."""

    def __init__(self, words: list[str], environment: Mapping[str, str]) -> None:
        self._words = words[::-1]
        self._environment = environment

    def expression(self) -> Any:
        """Return the value of an expression, `condition ? a : b` included."""
        value = self._operand()
        if self._words and self._words[-1] == "?":
            self._expect("?")
            yes = self.expression()
            self._expect(":")
            no = self.expression()
            return yes if value else no
        return value

    def _operand(self) -> Any:
        word = self._words.pop()
        if word.startswith("'"):
            return word[1:-1]
        if word in {"true", "false"}:
            return word == "true"
        if word == "[":
            return self._items("]")
        if self._words and self._words[-1] == "(":
            self._expect("(")
            return self._called(word, self._items(")"))
        raise _Unknown(word)

    def _items(self, end: str) -> list[Any]:
        found = []
        while self._words[-1] != end:
            found.append(self.expression())
            if self._words[-1] == ",":
                self._words.pop()
        self._expect(end)
        return found

    def _called(self, function: str, given: list[Any]) -> Any:
        for missing in (value for value in given if isinstance(value, _Missing)):
            raise KeyError(missing.name)
        match function, given:
            case "readEnvironmentVariable", [name]:
                return self._environment.get(name, _Missing(name))
            case "readEnvironmentVariable", [name, default]:
                return self._environment.get(name, default)
            case "bool", [text]:
                return str(text).casefold() == "true"
            case "json", [text]:
                return json.loads(text)
            case "empty", [value]:
                return not value
        raise _Unknown(function)

    def _expect(self, word: str) -> None:
        if self._words.pop() != word:
            raise _Unknown(word)
