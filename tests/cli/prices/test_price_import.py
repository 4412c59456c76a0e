"""`metering prices diff` and `import`: what published prices would change, and how that is said."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.builders import price_file

if TYPE_CHECKING:
    from tests.cli.conftest import Metering

#: gpt-4o, global: 2.50 in, 1.25 cached, 10 out per million since 2024-12-01 (committed).
SAME: Final = {"effective_from": "2026-02-01T00:00:00Z"}


def source(metering: "Metering", *rows: dict[str, Any]) -> Path:
    """Return a price file of rows, each gpt-4o global as committed but for what it says."""
    path = metering.folder / "new.json"
    path.write_bytes(price_file(*rows, version="contract-2026"))
    return path


def diff(metering: "Metering", what: str | Path, *options: str) -> dict[str, Any]:
    ran = metering.run("prices", "diff", what, *options, "--json")
    assert ran.code == 0, ran.stderr
    found: dict[str, Any] = ran.json
    return found


def test_the_snapshot_that_the_committed_prices_were_read_from_changes_nothing(
    metering: "Metering",
) -> None:
    found = diff(metering, "azure")

    assert found["counts"] == {"new": 0, "changed_later": 0, "conflict": 0, "same": 1575}
    assert found["changes"] == []
    reasons = {group["reason"]: group for group in found["skipped_by_reason"]}
    assert found["skipped"] == sum(group["count"] for group in reasons.values())
    training = reasons["training or the developer tier of a fine-tuned model"]
    assert training["count"] > 40
    assert len(training["examples"]) == 3


def test_genai_prices_has_nothing_on_claude_that_is_not_committed(metering: "Metering") -> None:
    counts = diff(metering, "genai-prices")["counts"]

    assert counts == {"new": 0, "changed_later": 0, "conflict": 0, "same": 47}


def test_another_provider_can_be_asked_for(metering: "Metering") -> None:
    found = diff(metering, "genai-prices", "--provider", "x-ai", "--limit", "2")

    assert found["counts"]["new"] > 5
    assert len(found["changes"]) == 2


def test_each_change_says_old_new_and_ratio_per_bucket(metering: "Metering") -> None:
    dearer = {"input": "5", "cached_read": "1.25", "output": "10"}
    path = source(
        metering,
        SAME,
        {"effective_from": "2026-12-01T00:00:00Z", "per_million_tokens": dearer},
        {"model": "house-7b", "per_million_tokens": {"output": "3"}},
    )

    found = diff(metering, path)

    assert found["counts"] == {"new": 1, "changed_later": 1, "conflict": 0, "same": 1}
    later, new = found["changes"]
    assert (later["kind"], later["row"]) == ("changed_later", "gpt-4o/global/any/standard")
    assert later["old_version"] == "azure-retail-2026-08-11"
    assert later["buckets"]["input"] == {"old": "2.5", "new": "5", "ratio": "2"}
    assert "output" not in later["buckets"]
    assert (new["kind"], new["old_version"]) == ("new", None)
    assert new["buckets"]["output"] == {"old": None, "new": "3", "ratio": None}


def test_for_people_it_is_two_tables(metering: "Metering") -> None:
    path = source(metering, {"model": "house-7b"})

    changes = metering.run("prices", "diff", path)
    left_out = metering.run("prices", "diff", "azure")

    assert changes.code == 0
    assert "contract-2026: 1 new, 0 changed_later, 0 conflict, 0 same" in changes.stdout
    assert "house-7b/global/any/standard" in changes.stdout
    assert "Skipped: 239, by reason" in left_out.stdout
    assert changes.stderr == left_out.stderr == ""


def test_a_price_a_thousand_times_too_high_is_pointed_at(metering: "Metering") -> None:
    wrong = {"input": "2500", "cached_read": "1250", "output": "10000"}
    path = source(metering, {"effective_from": "2026-12-01T00:00:00Z", "per_million_tokens": wrong})

    shown = metering.run("prices", "diff", path)
    refused = metering.run("prices", "import", path)

    assert diff(metering, path)["implausible"] == ["gpt-4o/global/any/standard"]
    assert "would be refused:" in shown.stderr
    assert "the price changed a hundredfold: check its unit" in shown.stderr
    assert diff(metering, path)["refused"][0].endswith("import with --accept-jumps")
    assert refused.code == 1
    assert "import with --accept-jumps" in refused.stderr


def test_a_price_that_would_rewrite_history_is_refused(metering: "Metering") -> None:
    # gpt-4o costs 2.50 from the first day of December 2024 on.
    path = source(
        metering,
        {
            "effective_from": "2024-12-01T00:00:00Z",
            "per_million_tokens": {"input": "2.6", "output": "10"},
        },
    )

    refused = metering.run("prices", "import", path)

    assert diff(metering, path)["counts"]["conflict"] == 1
    assert refused.code == 1
    assert "--supersede" in refused.stderr


def test_an_import_of_what_is_known_publishes_nothing(metering: "Metering") -> None:
    ran = metering.run("prices", "import", source(metering, SAME), "--json")

    assert ran.code == 0
    assert ran.json["counts"] == {"new": 0, "changed_later": 0, "conflict": 0, "same": 1}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("no-such-file", None, "unknown source or file; the sources are"),
        ("a.csv", "model,effective_from,input\nm,2026-01-01,0.4x\n", "a.csv:2: per_million_tokens"),
        ("a.json", json.dumps({"Items": [{"meterName": 3}]}), "items[0]: productName: is missing"),
        ("a.yaml", "prices: []\n", "currency: Field required"),
    ],
)
def test_what_cannot_be_read_is_one_line_that_names_the_place(
    metering: "Metering", name: str, text: str | None, why: str
) -> None:
    path = metering.folder / name
    if text is not None:
        path.write_text(text)

    ran = metering.run("prices", "diff", path)

    assert ran.code == 1
    assert why in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert ran.stdout == ""


def test_prices_in_another_currency_are_asked_for_by_name(metering: "Metering") -> None:
    path = metering.folder / "house.csv"
    path.write_text("model,effective_from,input,currency\nhouse-7b,2026-01-01,0.4,EUR\n")

    assert metering.run("prices", "diff", path).code == 1
    assert diff(metering, path, "--currency", "EUR")["counts"]["new"] == 1
