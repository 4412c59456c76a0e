"""Exports of each shape, and what is said of one that cannot be read."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from metering.adapters.reconciliation.cost_export import cost_rows
from metering.core.basics.errors import ConfigurationError
from metering.core.reconciliation.cost_row import CostRow, TokenMeter, format_exact
from tests.exports import EA, FOCUS, MCA, RESOURCE, line, write_export


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "export.csv"


def read(path: Path, *lines: Sequence[str], header: Sequence[str] = EA) -> list[CostRow]:
    return list(cost_rows(write_export(path, *lines, header=header), "USD"))


@pytest.mark.parametrize(
    ("header", "day", "counts_blocks"),
    [
        (EA, "11/20/2026", True),
        (EA, "11/20/2026 00:00:00", True),
        (EA, "2026-11-20", True),
        (MCA, "11/20/2026", True),
        (FOCUS, "2026-11-20T00:00Z", False),
        (FOCUS, "2026-11-20T00:00:00Z", False),
    ],
)
def test_each_shape_says_the_same(
    path: Path, header: Sequence[str], day: str, *, counts_blocks: bool
) -> None:
    (row,) = read(path, line(day=day), header=header)
    assert row[:5] == ("tokens", "2026-11-20", "contoso", None, "gpt 4o 1120 Inp glbl Tokens")
    assert (format_exact(row.quantity.value), format_exact(row.cost.value)) == ("1", "0.0025")
    assert row.meter == TokenMeter(
        "gpt-4o", "global", "standard", long_context=False, buckets=("input",)
    )
    assert (row.region, row.block, row.counts_blocks) == ("useast2", 1000, counts_blocks)


def test_an_export_may_be_packed_and_begin_with_a_mark(tmp_path: Path) -> None:
    path = write_export(tmp_path / "part_0.csv.gz", line(), bom=True)
    seen: list[int] = []
    assert len(list(cost_rows(path, "USD", seen.append))) == 1
    assert seen[-1] == path.stat().st_size


def test_numbers_keep_every_digit(path: Path) -> None:
    (row,) = read(path, line("1.2E-05", "3.0000000000000004E-08"))
    assert format_exact(row.quantity.value) == "0.000012"
    assert format_exact(row.cost.value) == "0.000000030000000000000004"


@pytest.mark.parametrize(
    ("unit", "block"),
    [("1K", 1000), ("1k Tokens", 1000), ("1,000", 1000), ("1M", 1_000_000), ("1000000", 1_000_000)],
)
def test_the_unit_says_how_many_tokens_a_price_is_for(path: Path, unit: str, block: int) -> None:
    (row,) = read(path, line(unit=unit))
    assert (row.sort, row.block) == ("tokens", block)


def test_focus_may_give_the_unit_as_a_number_of_tokens(path: Path) -> None:
    header = [*FOCUS, "x_PricingBlockSize"]
    (row,) = read(path, [*line(unit="Units"), "1000.0"], header=header)
    assert (row.sort, row.block) == ("tokens", 1000)


@pytest.mark.parametrize(
    ("changed", "sort"),
    [
        ({"meter": "Provisioned Managed Global Unit", "unit": "1/Hour"}, "provisioned"),
        ({"meter": "gpt 9 Inp glbl Tokens"}, "unmapped"),
        ({"meter": "Speech To Text", "family": "Speech", "unit": "1 Hour"}, "unmapped"),
        ({"meter": "Claude Sonnet 4.5 Usage", "publisher": "Marketplace"}, "marketplace"),
        ({"account": None, "publisher": "Marketplace", "category": "SaaS"}, "other"),
        ({"account": None, "category": "Storage", "family": "Disks"}, "other"),
        ({"account": None, "category": ""}, "tokens"),
        ({"family": "Unassigned", "meter": "x"}, "unmapped"),
    ],
)
def test_every_row_is_of_some_sort(path: Path, changed: dict[str, str], sort: str) -> None:
    (row,) = read(path, line(**changed))
    assert row.sort == sort


def test_a_row_that_names_no_product_is_of_the_one_that_reads_its_meter(path: Path) -> None:
    (row,) = read(path, line(meter="Grok 4 Inp glbl Tokens", family=""))
    assert row.meter is not None
    assert row.meter.model == "grok-4"


def test_images_are_billed_and_counted_apart(path: Path) -> None:
    (row,) = read(path, line(meter="Image 2 img Batch opt Gl 1M Tokens", unit="1M"))
    assert row.meter is not None
    assert row.meter.buckets == ("output_image",)


def test_a_resource_or_a_tag_may_name_the_deployment(path: Path) -> None:
    rows = read(
        path,
        line(account="contoso/deployments/Chat"),
        line(tags='{"env": "prod", "Deployment": "Batch"}'),
        line(tags='"env": "prod"'),
    )
    assert [row.deployment for row in rows] == ["chat", "batch", None]
    assert {row.account for row in rows} == {"contoso"}


def test_refunds_are_marked_and_need_no_quantity(path: Path) -> None:
    rows = read(path, line("", "-0.5", charge="Refund"), line("-1", "-0.5", charge="Credit"))
    assert [row.is_credit for row in rows] == [True, True]
    assert rows[0].quantity.value == 0


def test_a_row_of_a_product_without_a_meter_is_named_by_what_it_has(path: Path) -> None:
    header = [*EA, "ProductName"]
    assert read(path, [*line(meter=""), "Reservation"], header=header)[0].name == "Reservation"
    assert read(path, line(meter=""))[0].name == "(no meter)"


def test_a_cost_in_another_currency_is_taken_where_it_stands_in_dollars(path: Path) -> None:
    header = [*EA, "CostInUsd"]
    (row,) = read(path, [*line(cost="0.0023", currency="EUR"), "0.0025"], header=header)
    assert format_exact(row.cost.value) == "0.0025"
    with pytest.raises(ConfigurationError, match=r"line 2: currency: the cost is in EUR"):
        read(path, [*line(currency="EUR"), ""], header=header)
    with pytest.raises(ConfigurationError, match=r"export.csv: line 2: currency: .* in EUR"):
        read(path, line(currency="EUR"))
    # Of other services the currency does not matter.
    assert read(path, line(currency="EUR", account=None, category="", family=""))[0].sort == "other"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"quantity": "1,5"}, "line 3: quantity: '1,5' is not a decimal number"),
        ({"cost": "free"}, "line 3: cost: 'free' is not a decimal number"),
        ({"day": "20th"}, "line 3: day: "),
        ({"day": "13/20/2026"}, "line 3: day: "),
    ],
)
def test_a_bad_row_is_named(path: Path, changed: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigurationError, match=f"export.csv: {why}"):
        read(path, line(), line(**changed))


def test_a_file_of_another_shape_is_refused_with_what_it_lacks(path: Path) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"it has the columns day, tokens; .* exports also need Date or Usage",
    ):
        read(path, header=("day", "tokens"))
    with pytest.raises(ConfigurationError, match=r"FOCUS exports also need x_SkuMeterName or SkuM"):
        read(path, header=[name for name in FOCUS if name != "x_SkuMeterName"])
    with pytest.raises(ConfigurationError, match=r"exports also need CostInBillingCurrency or C"):
        read(path, header=[name for name in EA if name != "CostInBillingCurrency"])
    path.write_text("")
    with pytest.raises(ConfigurationError, match="it has"):
        list(cost_rows(path, "USD"))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    packed = write_export(tmp_path / "cut.csv.gz", *(line(str(n)) for n in range(1000)))
    packed.write_bytes(packed.read_bytes()[:100])
    plain = tmp_path / "plain.csv.gz"
    plain.write_text("Date")
    garbled = tmp_path / "garbled.csv"
    garbled.write_bytes(b"Date,\xff\xfe")
    quoted = tmp_path / "quoted.csv"
    quoted.write_text(",".join(EA) + '\n"a')
    wrong = tmp_path / "wrong.csv.gz"
    content = bytearray(gzip.compress(b"Date," * 10_000))
    content[20] ^= 0xFF
    wrong.write_bytes(content)
    for path in (packed, plain, garbled, quoted, wrong, tmp_path / "none"):
        with pytest.raises(ConfigurationError, match=f"{path}: cannot be read"):
            list(cost_rows(path, "USD"))


def test_a_short_row_lacks_what_it_lacks(path: Path) -> None:
    short = line()[:9]
    (row,) = read(path, short, [])
    assert (row.region, row.is_credit) == (None, False)
    assert RESOURCE not in row.name


def test_a_row_that_ends_before_its_cost_is_named(path: Path) -> None:
    for cells in (1, 3, 5):
        with pytest.raises(ConfigurationError, match=f"export.csv: line 2: .*has {cells} cells"):
            read(path, line()[:cells])
