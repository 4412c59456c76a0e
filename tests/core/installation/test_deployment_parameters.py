"""The parameters of a deployment: what a parameter file says in an environment."""

import json
import re
from pathlib import Path

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.installation.deployment_parameters import DEFAULTS, Model, read_parameters

BICEP = Path(__file__).parents[3] / "bicep"
PROD = (BICEP / "main.prod.bicepparam").read_text(encoding="utf-8")
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"
SET = {
    "METERING_OPERATORS_GROUP": "g",
    "METERING_APIM_ID": "",
    "METERING_PUBLISHER_EMAIL": "a@b.c",
    "METERING_OPENAI_MODELS": json.dumps(
        [{"url": "https://a.openai.azure.com", "accountId": ACCOUNT}]
    ),
    "METERING_ANTHROPIC_MODELS": '[{"url": "https://b.services.ai.azure.com"}]',
    "METERING_API_CLIENT_ID": "",
    "METERING_SECOND_LOCATION": "francecentral",
    "METERING_ALERT_EMAIL": "a@b.c",
    "METERING_BUDGET_START": "",
}


def test_the_files_that_ship_are_read() -> None:
    planned = read_parameters(PROD, SET)
    assert (planned.location, planned.second_location) == ("swedencentral", "francecentral")
    assert planned.models == (
        Model("https://a.openai.azure.com", ACCOUNT),
        Model("https://b.services.ai.azure.com", ""),
    )
    assert (planned.private_network, planned.gateway_reaches_network, planned.locks) == (
        *(True, False, True),
    )
    assert planned.paths["openAiPath"] == "openai"
    dev = read_parameters((BICEP / "main.dev.bicepparam").read_text(encoding="utf-8"), {})
    assert (dev.private_network, dev.gateway_id, dev.models) == (False, "", ())


def test_the_defaults_are_those_of_the_template() -> None:
    text = (BICEP / "main.bicep").read_text(encoding="utf-8")
    for name, default in DEFAULTS.items():
        (given,) = re.findall(rf"^param {name} [^=\n]*= (.*)$", text, re.MULTILINE)
        shown = f"'{default}'" if isinstance(default, str) else str(default).lower()
        assert given == shown, name


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        (PROD, SET | {"METERING_OPENAI_MODELS": "["}, "openAiModels: its value is not JSON"),
        (PROD, SET | {"METERING_OPENAI_MODELS": "{}"}, "openAiModels: is not a list"),
        (PROD, SET | {"METERING_OPENAI_MODELS": "[{}]"}, "openAiModels: a back end has no url"),
        (PROD, {}, "apiManagementId: METERING_APIM_ID is not set"),
        ("param locks = true", {}, "location: is not in the file"),
        ("param location = az.region()", {}, "location: 'az.region()' cannot be read"),
        ("param location = concat('a', 'b')", {}, "location: \"concat('a', 'b')\" cannot be read"),
        ("param location = empty('') ? 'a', 'b'", {}, "location: "),
        ("param location = bool(", {}, "location: "),
        ("param location = 3", {}, "location: '3' cannot be read"),
        ("param location = json(readEnvironmentVariable('L'))", {}, "location: L is not set"),
        ("param location = other", {}, "location: 'other' cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_parameters(text, environment)
    assert f"parameter {message}" in str(caught.value)


def test_expressions_of_parameter_files_have_their_values() -> None:
    text = """
param location = empty(readEnvironmentVariable('L', '')) ? 'here' : readEnvironmentVariable('L')
param locks = bool(readEnvironmentVariable('LOCKS', 'false'))
param suspendSubscriptions = true
param openAiModels = [] // none
param tags = 3
"""
    planned = read_parameters(text, {"LOCKS": "True"})
    assert (planned.location, planned.locks, planned.makes_role) == ("here", True, True)
    assert read_parameters(text, {"L": "there"}).location == "there"
    with_role = f"{text}\nparam suspendingRoleId = 'role'\n"
    assert not read_parameters(with_role, {}).makes_role
