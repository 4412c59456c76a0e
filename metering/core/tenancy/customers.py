"""Customers: the details of a tenant on paper, and the people who receive its digest.

A decision about them holds at once and replaces the one before. Documents keep the details that
held when they were issued.
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.basics.validation import Strict
from metering.core.tenancy.record import Decision, Record

#: What fits on paper: a name of two lines, an address as postal services print it.
MAX_NAME: Final = 200
MAX_ADDRESS_LINES: Final = 8
MAX_ADDRESS_LINE: Final = 100
MAX_TAX_ID: Final = 40
#: A digest goes to a few people; a larger audience has a mailing list.
MAX_RECIPIENTS: Final = 20
#: RFC 5321 allows a path of 256 characters, with its brackets.
MAX_EMAIL: Final = 254
#: Of RFC 5322 the dot-atom form: no quotes, comments, spaces or line ends, which could add headers.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}")


def _line(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("is not one line of printable characters without spaces around it")
    return text


def checked_email(text: str) -> str:
    """Return a plain address, such as ada@example.com; ValueError for anything else."""
    if len(text) > MAX_EMAIL or not _EMAIL.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not a plain email address, such as ada@example.com")
    return text


type _Text = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(_line)]
type AddressLine = Annotated[
    str, Field(min_length=1, max_length=MAX_ADDRESS_LINE), AfterValidator(_line)
]
type TaxId = Annotated[str, Field(max_length=MAX_TAX_ID), AfterValidator(_line)]
type Email = Annotated[str, AfterValidator(checked_email)]


class Customer(Strict):
    """The details of a tenant. Empty fields are left out on paper."""

    name: _Text = ""
    """Empty: the tenant's id."""
    address: Annotated[tuple[AddressLine, ...], Field(max_length=MAX_ADDRESS_LINES)] = ()
    tax_id: TaxId = ""
    reverse_charge: bool = False
    """Whether the customer accounts for the tax itself: invoices charge none and say so."""
    recipients: Annotated[tuple[Email, ...], Field(max_length=MAX_RECIPIENTS)] = ()
    """The people who receive the weekly digest of the tenant."""


NO_DETAILS: Final = Customer()


class Customers:
    """The details in force, by tenant."""

    def __init__(self) -> None:
        self._of: dict[str, Customer] = {}

    def add(self, record: Record) -> None:
        """Take a further record into account."""
        self._of[record.key] = Customer.model_validate_json(record.value)

    def of(self, tenant: str) -> Customer:
        """Return the details of a tenant; empty ones if nothing was ever decided."""
        return self._of.get(tenant, NO_DETAILS)


def set_customer(
    customers: Customers, tenant: str, customer: Customer, now: Instant
) -> Decision[Instant]:
    """Give a tenant these details, from now on. They replace all earlier ones."""
    if customer.reverse_charge and not customer.tax_id:
        raise ConfigurationError(
            f"tenant {tenant!r}: a reverse charge needs the tax id of the customer: give --tax-id"
        )
    if customers.of(tenant) == customer:
        return Decision(now, None)
    return Decision(now, Record("customer", tenant, customer.model_dump_json(), now, now))
