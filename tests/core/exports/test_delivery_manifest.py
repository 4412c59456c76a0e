"""Manifests: read as they were written; what is not ours is refused."""

import json

import pytest

from metering.core.basics.errors import ConfigurationError, InvariantBroken
from metering.core.basics.instants import parse_instant
from metering.core.basics.money import parse_amount
from metering.core.exports.delivery_manifest import (
    DeliveredFile,
    Manifest,
    Window,
    checked_name,
    checked_prefix,
    manifest_bytes,
    manifest_json,
    read_manifest,
)

FILE = DeliveredFile("a.csv", 2, 30, "ab" * 32)
SPAN = parse_instant("2026-11-20T00:00:00Z"), parse_instant("2026-11-21T00:00:00Z")
MANIFEST = Manifest(
    "chargeback",
    Window("2026-11-20Z", SPAN),
    "acme",
    parse_instant("2026-11-21T00:10:00Z"),
    [FILE],
    {"USD": parse_amount("0.0035"), "EUR": parse_amount("-1")},
    {"b": "second", "a": "first"},
    "parquet",
)


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert read_manifest(manifest_bytes(MANIFEST)) == MANIFEST
    bare = Manifest("focus", Window("2026-11"), None, None, [], {})
    assert read_manifest(manifest_bytes(bare)) == bare
    # An earlier version wrote CSV alone, and did not say so.
    before = manifest_json(bare)
    del before["format"]
    assert read_manifest(json.dumps(before).encode()) == bare


def test_money_is_strings_and_times_are_rfc_3339() -> None:
    assert manifest_json(MANIFEST) == {
        "schema": 1,
        "kind": "chargeback",
        "format": "parquet",
        "provisional": False,
        "period": {
            "name": "2026-11-20Z",
            "start": "2026-11-20T00:00:00Z",
            "end": "2026-11-21T00:00:00Z",
        },
        "tenant": "acme",
        "as_of": "2026-11-21T00:10:00Z",
        "files": [{"name": "a.csv", "rows": 2, "bytes": 30, "sha256": "ab" * 32}],
        "totals": {"EUR": "-1", "USD": "0.0035"},
        "notes": {"a": "first", "b": "second"},
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        json.dumps({**manifest_json(MANIFEST), "files": [{"name": "a"}]}).encode(),
        json.dumps({**manifest_json(MANIFEST), "totals": {"USD": 1.5}}).encode(),
        json.dumps({**manifest_json(MANIFEST), "schema": 2}).encode(),
    ],
)
def test_what_is_no_manifest_of_ours_is_refused(content: bytes) -> None:
    with pytest.raises(InvariantBroken, match="a manifest "):
        read_manifest(content)


def test_names_stay_in_their_folder() -> None:
    assert checked_name("a/b-1_2.csv") == "a/b-1_2.csv"
    assert checked_prefix("") == ""
    assert checked_prefix("a/b/") == "a/b/"
    for wrong in ("..", "a/../b", "/a", "a/", "", ".a", "a\n", "a/" * 300 + "a"):
        with pytest.raises(ConfigurationError, match="export "):
            checked_name(wrong)
    with pytest.raises(ConfigurationError, match="export "):
        checked_prefix("../")
