"""Files of operators, however wrong: one line that names the file and the field."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.adapters.files import read_structured
from metering.adapters.prices.operator_file import file_prices
from metering.adapters.reconciliation.cost_export import cost_rows
from metering.core.basics.errors import ConfigurationError
from metering.core.deployments.deployment import read_deployments
from metering.core.plans.plan import read_plan
from metering.core.tenancy.tenants_file import read_tenants_file
from tests.soak import EXAMPLES

PRICES: Final = """currency: USD
prices:
  - model: own
    effective_from: {day}
    per_million_tokens: {{input: {price}}}
"""


def refused(path: Path, read: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(path)
    said = str(raised.value)
    assert said.startswith(str(path)), said
    assert "\n" not in said
    return said.removeprefix(str(path))


def prices(path: Path) -> object:
    return file_prices(path, "USD")


def plan(path: Path) -> object:
    return read_plan(str(path), read_structured(path))


def tenants(path: Path) -> object:
    return read_tenants_file(str(path), read_structured(path))


def deployments(path: Path) -> object:
    return read_deployments(str(path), read_structured(path))


LOADERS: Final = [prices, plan, tenants, deployments]


@pytest.mark.parametrize(
    ("day", "price", "named"),
    [
        ("2026-13-01", '"1"', "effective_from"),
        ("2026-02-30", '"1"', "effective_from"),
        ("0000-01-01", '"1"', "effective_from"),
        ("2026-01-01T25:00:00Z", '"1"', "effective_from"),
        ("5", '"1"', "effective_from"),
        ("[]", '"1"', "effective_from"),
        ("2026-01-01", "9" * 5_000, "per_million_tokens.input"),
        ("2026-01-01", "1e400", "per_million_tokens.input"),
        ("2026-01-01", ".inf", "per_million_tokens.input"),
    ],
)
def test_a_wrong_date_or_number_is_named_by_its_field(
    tmp_path: Path, day: str, price: str, named: str
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(PRICES.format(day=day, price=price))
    assert named in refused(path, prices)


def test_a_day_in_yaml_needs_no_quotes(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(PRICES.format(day="2026-01-01", price='"1"'))
    prices(path)
    path.write_text("valid: 2026-11-20\ntime: 2026-11-20T10:00:00Z\ncount: 5\n")
    assert read_structured(path) == {
        "valid": "2026-11-20",
        "time": "2026-11-20T10:00:00Z",
        "count": 5,
    }


@pytest.mark.parametrize("read", LOADERS)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deep.json", "[" * 100_000 + "]" * 100_000),
        ("deep.yaml", "[" * 5_000 + "]" * 5_000),
        ("less-deep.yaml", "[" * 150 + "]" * 150),
        ("huge.json", '{"id": ' + "9" * 5_000 + "}"),
        ("half.json", '{"id": "\\ud800"}'),
        ("half.yaml", 'id: "\\ud800"'),
        ("nan.json", '{"id": NaN}'),
        ("self.yaml", "&a [*a]"),
        (
            "bomb.yaml",
            "a: &a [1,2,3,4,5,6,7,8,9]\n"
            + "".join(
                f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
                for before, name in zip("abcdefgh", "bcdefghi", strict=True)
            ),
        ),
        ("tab.yaml", "a:\n\t- b\n  c: ["),
        ("key.yaml", "? [a]\n: b"),
        ("tag.yaml", "!!python/object/apply:os.system [true]"),
        ("set.yaml", "!!set {a, b}"),
        ("binary.yaml", "!!binary aGFsbG8="),
        ("two.yaml", "a: 1\n---\nb: 2"),
        ("empty.yaml", ""),
        ("number.yaml", "5"),
        ("list.json", "[5]"),
        ("text.json", '"text"'),
    ],
)
def test_a_file_that_no_loader_can_read_is_one_line(
    tmp_path: Path, read: Any, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    refused(path, read)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("model,effective_from,input\nown", ":2: has 1 cells, the header has 3"),
        ("model,effective_from,input\nown,2026-01-01,1,2", ":2: has 4 cells, the header has 3"),
        ("model,effective_from,input\nown,2026-13-01,1", ":2: effective_from: "),
        (
            "model,effective_from,input\nown,2026-01-01," + "9" * 5_000,
            ":2: per_million_tokens.input",
        ),
        ("model,model\n", ":1: duplicate column"),
        ("modell\n", ":1: modell: unknown column"),
        ('model\n"own', ": not CSV: "),
        ("model,effective_from,input\n" + "x" * 200_000 + ",2026-01-01,1", ""),
    ],
)
def test_a_wrong_row_of_a_csv_is_named(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text(content)
    assert named in refused(path, prices)


#: Documents of any form under names that the loaders know.
NAMES: Final = st.sampled_from(
    [
        "id",
        "version",
        "currency",
        "prices",
        "tenants",
        "plans",
        "quotas",
        "model",
        "aliases",
        "effective_from",
        "per_million_tokens",
        "input",
        "other_meters",
        "origin",
        "items",
        "value",
        "name",
        "sku",
        "properties",
        "subscriptions",
        "calendar",
        "off_peak",
        "Items",
        "tiers",
    ]
)
VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["USD", "gpt-4o", "2026-01-01T00:00:00Z", "1.5"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)
FUZZED: Final = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("read", LOADERS)
@given(VALUES)
@FUZZED
def test_any_document_is_read_or_refused(tmp_path: Path, read: Any, document: Any) -> None:
    path = tmp_path / "any.json"
    path.write_text(json.dumps(document))
    read_or_refused(path, read)


@pytest.mark.parametrize("read", LOADERS)
@given(st.text(st.sampled_from("abi:[]{}&*!-? \n\"'#|>1.%@,"), max_size=40))
@FUZZED
def test_any_yaml_is_read_or_refused(tmp_path: Path, read: Any, text: str) -> None:
    path = tmp_path / "any.yaml"
    path.write_text(text)
    read_or_refused(path, read)


@given(st.binary(max_size=60))
@FUZZED
def test_any_table_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(b"model,effective_from,input\n" + content)
    read_or_refused(path, prices)
    header = b"Date,Meter,Quantity,UnitOfMeasure,Cost,BillingCurrency,ResourceId,MeterName\n"
    path.write_bytes(header + content)
    read_or_refused(path, lambda path: list(cost_rows(path, "USD")))


def read_or_refused(path: Path, read: Any) -> None:
    said = ""
    try:
        read(path)
    except ConfigurationError as error:
        said = str(error)
    assert not said or (str(path) in said and "\n" not in said), said
