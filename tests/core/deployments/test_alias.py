"""Aliases as files and backend contracts state them."""

from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.deployments.alias import Alias, DatedAlias, read_alias, read_aliases
from metering.core.deployments.backend_contract import aliases_in, is_contract

ADVANCED = {"name": "adv-gpt", "models": ["gpt-5", "gpt-4.1", "gpt-4o"], "strategy": "priority"}


def test_a_file_names_aliases_with_targets_and_starts() -> None:
    listed = [
        {"alias": "smart", "targets": ["gpt-4o", "eu-ai/chat"]},
        {"alias": "fast", "targets": ["gpt-4o-mini"], "from": "2026-12-01"},
    ]
    assert read_aliases("a.yaml", {"aliases": listed}) == [
        DatedAlias(Alias(alias="smart", targets=("gpt-4o", "eu-ai/chat"))),
        DatedAlias(Alias(alias="fast", targets=("gpt-4o-mini",)), "2026-12-01"),
    ]
    assert read_alias("a", {"alias": "Smart", "targets": ["x"]}).key == "smart"


@pytest.mark.parametrize(
    ("aliases", "complaint"),
    [
        ([{"alias": "a b", "targets": ["x"]}], "a.yaml: aliases.0: alias: "),
        ([{"alias": "ä", "targets": ["x"]}], "a.yaml: aliases.0: alias: "),
        ([{"alias": "a"}], "a.yaml: aliases.0: targets: Field required"),
        ([{"alias": "a", "targets": ["x", "X"]}], "targets.1: is the same target as targets.0"),
        ([{"alias": "a", "targets": [f"m{n}" for n in range(21)]}], "at most 20 items"),
        ([{"alias": "a", "targets": ["x"], "from": 5}], "aliases.0.from: is not a quoted time"),
        ([{"alias": "a", "targets": ["x"], "weight": 1}], "Extra inputs are not permitted"),
        ([{"alias": "a", "targets": ["x"]}] * 2, "alias 'a' is described twice"),
        (
            [{"alias": "a", "targets": ["B"]}, {"alias": "b", "targets": ["x"]}],
            "alias 'a': its target 'B' is an alias itself",
        ),
        (
            [{"alias": "b", "targets": ["x"]}, {"alias": "a", "targets": ["B"]}],
            "alias 'a': its target 'B' is an alias itself",
        ),
    ],
)
def test_a_faulty_file_is_refused_with_its_place(aliases: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_aliases("a.yaml", {"aliases": aliases})
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    "contract",
    [
        {"modelAliases": [ADVANCED]},
        {"parameters": {"modelAliases": {"value": [ADVANCED]}, "apim": {"value": {}}}},
        {"modelAliasConfig": [{"alias": "adv-gpt", "targets": ADVANCED["models"]}]},
        {
            "modelAliases": [
                {
                    "aliasName": "adv-gpt",
                    "models": [
                        {"model": "gpt-5", "weight": 70},
                        {"name": "gpt-4.1", "weight": 20},
                        {"model": "gpt-4o", "weight": 5},
                        {"model": "GPT-5", "weight": 5},
                    ],
                    "strategy": "weighted",
                }
            ]
        },
    ],
)
def test_a_backend_contract_has_aliases_in_the_order_of_its_models(contract: Any) -> None:
    assert is_contract(contract)
    (found,) = aliases_in("c.json", contract)
    assert found == Alias(alias="adv-gpt", targets=("gpt-5", "gpt-4.1", "gpt-4o"))


@pytest.mark.parametrize(
    ("contract", "complaint"),
    [
        ({"parameters": {}}, "c.json: has no list of aliases: modelAliases is expected"),
        ({"parameters": []}, "has no list of aliases"),
        ([], "has no list of aliases"),
        ({"modelAliases": ["adv-gpt"]}, "modelAliases.0: is not an alias with its models"),
        ({"modelAliases": [{"name": "a", "models": []}]}, "modelAliases.0: names no models"),
        ({"modelAliases": [{"models": ["x"]}]}, "modelAliases.0: alias: "),
        ({"modelAliases": [{"name": "a", "models": [{}]}]}, "modelAliases.0: targets.0: "),
        ({"modelAliases": [ADVANCED, ADVANCED]}, "alias 'adv-gpt' is described twice"),
    ],
)
def test_a_faulty_contract_is_refused_with_its_place(contract: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        aliases_in("c.json", contract)
    assert complaint in str(refused.value)


def test_a_file_of_aliases_is_no_contract() -> None:
    assert not is_contract({"aliases": []})
    assert not is_contract([])
