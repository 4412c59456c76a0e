"""Customers: details on paper, and addresses of mail that add no header and no second recipient."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.validation import validated
from metering.core.tenancy.customers import Customer, Customers, set_customer


@pytest.mark.parametrize(
    "email",
    [
        *("", "ada", "ada@", "@example.com", "ada@example", "ada@.com", "a b@example.com"),
        *("ada@example.com\nBcc: x@example.com", "ada@example.com,eve@example.com", "a@b..com"),
        *("Ada <ada@example.com>", "ада@example.com", "a@" + "x" * 250 + ".com", "a..b@c.com"),
    ],
)
def test_an_address_is_one_plain_recipient(email: str) -> None:
    with pytest.raises(ConfigurationError, match=r"tenant acme: recipients.0: .*plain email"):
        validated(Customer, "tenant acme", {"recipients": (email,)})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x" * 201),
        ("name", "two\nlines"),
        ("name", " spaces "),
        ("address", ("",)),
        ("address", ("x",) * 9),
        ("tax_id", "x" * 41),
        ("recipients", tuple(f"a{n}@example.com" for n in range(21))),
        ("colour", "red"),
    ],
)
def test_details_are_bounded(field: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"tenant acme: {field}"):
        validated(Customer, "tenant acme", {field: value})


def test_details_replace_all_earlier_ones_and_hold_at_once() -> None:
    customers = Customers()
    assert customers.of("acme") == Customer()
    ada = Customer(name="Acme", recipients=("ada+meter@mail.example.com",))
    record = set_customer(customers, "acme", ada, 7).record
    assert record is not None
    assert (record.effective, record.key) == (7, "acme")
    customers.add(record)
    assert customers.of("acme") == ada
    assert set_customer(customers, "acme", ada, 8).record is None


def test_a_reverse_charge_needs_the_tax_id_of_the_customer() -> None:
    with pytest.raises(ConfigurationError, match="needs the tax id of the customer"):
        set_customer(Customers(), "acme", Customer(reverse_charge=True), 0)
