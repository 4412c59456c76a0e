"""Exporters: their keys, and how they are rotated, revoked and compared."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR
from metering.core.tenancy.exporters import (
    MAX_KEYS,
    MAX_OVERLAP,
    Exporters,
    add_key,
    hash_of_key,
    revoke_keys,
    set_exporter,
)
from metering.core.tenancy.record import Decision
from tests.builders import NOW

APP = "app:00000000-0000-0000-0000-000000000001"


def key(letter: str) -> str:
    return letter * 43


def decided(exporters: Exporters, decision: Decision[int]) -> None:
    assert decision.record is not None
    exporters.add(decision.record)


@pytest.fixture
def exporters() -> Exporters:
    made = Exporters()
    decided(made, set_exporter(made, "gateway", NOW, reports=None, identity=None))
    return made


def name(exporters: Exporters, letter: str, at: int = NOW) -> str | None:
    found = exporters.by_key(key(letter), at)
    return None if found is None else found.name


def test_a_key_is_kept_as_a_hash_and_known_by_it(exporters: Exporters) -> None:
    decision = add_key(exporters, "gateway", key("a"), 0, NOW)
    assert decision.record is not None
    assert key("a") not in decision.record.value
    assert hash_of_key(key("a")) in decision.record.value
    decided(exporters, decision)
    assert (name(exporters, "a"), name(exporters, "b")) == ("gateway", None)
    assert add_key(exporters, "gateway", key("a"), 0, NOW).record is None


def test_a_former_key_is_valid_for_its_overlap_and_no_longer(exporters: Exporters) -> None:
    decided(exporters, add_key(exporters, "gateway", key("a"), 0, NOW))
    decided(exporters, add_key(exporters, "gateway", key("b"), HOUR, NOW))
    assert name(exporters, "a", NOW + HOUR - 1) == "gateway"
    assert name(exporters, "a", NOW + HOUR) is None
    assert name(exporters, "b", NOW + DAY) == "gateway"
    decided(exporters, add_key(exporters, "gateway", key("c"), 0, NOW + 1))
    assert [name(exporters, one) for one in "abc"] == ["gateway", None, "gateway"]
    decided(exporters, add_key(exporters, "gateway", key("d"), 0, NOW + DAY))
    found = exporters.of("gateway")
    assert found is not None
    assert len(found.keys) == 1


def test_the_number_of_valid_keys_is_bounded(exporters: Exporters) -> None:
    for letter in "abcd"[:MAX_KEYS]:
        decided(exporters, add_key(exporters, "gateway", key(letter), DAY, NOW))
    with pytest.raises(ConfigurationError, match="has 4 valid keys"):
        add_key(exporters, "gateway", key("e"), DAY, NOW)
    decided(exporters, revoke_keys(exporters, "gateway", NOW))
    assert name(exporters, "d") is None
    assert revoke_keys(exporters, "gateway", NOW).record is None


def test_an_identity_belongs_to_one_exporter(exporters: Exporters) -> None:
    decided(exporters, set_exporter(exporters, "gateway", NOW, reports=None, identity=APP))
    assert exporters.by_identity(APP) is not None
    assert exporters.by_identity("app:other") is None
    again = set_exporter(exporters, "gateway", NOW, reports=None, identity=APP)
    assert again.record is None
    with pytest.raises(ConfigurationError, match="is the exporter gateway"):
        set_exporter(exporters, "other", NOW, reports=None, identity=APP)
    assert list(exporters.all()) == ["gateway"]


def test_the_same_traffic_is_never_counted_both_ways(exporters: Exporters) -> None:
    decided(exporters, set_exporter(exporters, "gateway", NOW, reports="requests", identity=None))
    decided(exporters, add_key(exporters, "gateway", key("a"), 0, NOW))
    with pytest.raises(ConfigurationError, match="reports requests"):
        set_exporter(exporters, "gateway", NOW, reports="aggregates", identity=None)


def test_what_cannot_be_is_refused_with_its_reason(exporters: Exporters) -> None:
    for bad in ("", "UP", "a b", "x" * 65):
        with pytest.raises(ConfigurationError, match="1 to 64"):
            set_exporter(exporters, bad, NOW, reports=None, identity=None)
    with pytest.raises(ConfigurationError, match="app:<client id>"):
        set_exporter(exporters, "gateway", NOW, reports=None, identity="me")
    with pytest.raises(ConfigurationError, match="0 to 30 days"):
        add_key(exporters, "gateway", key("a"), MAX_OVERLAP + 1, NOW)
    with pytest.raises(ConfigurationError, match="at least 40"):
        add_key(exporters, "gateway", "short", 0, NOW)
    with pytest.raises(ConfigurationError, match="does not exist"):
        add_key(exporters, "none", key("a"), 0, NOW)
    with pytest.raises(ConfigurationError, match="does not exist"):
        revoke_keys(exporters, "none", NOW)
