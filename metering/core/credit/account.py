"""The account of a tenant: the credit that each closed period took from each grant, finally."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from metering.core.basics.documents import UNREADABLE_DOCUMENT, Document, check_schema
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.money import Amount
from metering.core.calendars.periods import LedgerId
from metering.core.credit.grant import Burnt

SCHEMA: Final = 1
ACCOUNT_ID: Final = "account"


@dataclass(frozen=True, slots=True)
class Account:
    """The credit each settled ledger took, by grant, in the order of settlement."""

    tenant: str
    burnt: Mapping[LedgerId, Mapping[str, Amount]] = field(default_factory=dict)

    @property
    def settled(self) -> dict[str, Amount]:
        """The credit that all settled ledgers took from each grant."""
        total: dict[str, Amount] = {}
        for spent in self.burnt.values():
            for grant, amount in spent.items():
                total[grant] = total.get(grant, 0) + amount
        return total

    def has_settled(self, ledger: LedgerId) -> bool:
        """Return whether a ledger's credit is settled."""
        return ledger in self.burnt


def settle(account: Account, ledger: LedgerId, burnt: Burnt) -> Account:
    """Return the account after the close of a ledger's period. Safe to repeat.

    A settled ledger stays as it was settled, whatever `burnt` is now. Periods are settled in order,
    since each uses the credit that the previous one left: InvariantBroken for an earlier one.
    """
    if ledger.tenant != account.tenant:
        raise InvariantBroken(f"ledger {ledger}: is not one of {account.tenant}")
    if account.has_settled(ledger):
        return account
    last = max((settled.start for settled in account.burnt), default=ledger.start)
    if ledger.start < last:
        raise InvariantBroken(f"ledger {ledger}: a later one of the tenant is settled already")
    return Account(account.tenant, {**account.burnt, ledger: dict(burnt.spent)})


def write_account(account: Account) -> Document:
    """Return an account as the document to store; amounts are integer strings of 10^-18."""
    return {
        "schema": SCHEMA,
        "id": ACCOUNT_ID,
        "tenant": account.tenant,
        "burnt": {
            str(ledger): {grant: str(amount) for grant, amount in spent.items()}
            for ledger, spent in account.burnt.items()
        },
    }


def read_account(document: Document, tenant: str) -> Account:
    """Return the account of `tenant` in a document; InvariantBroken if it is malformed."""
    try:
        check_schema(document, SCHEMA, f"account {tenant}")
    except ValueError as fault:
        raise InvariantBroken(f"account {tenant}: {fault}") from None
    if document.get("tenant") != tenant:
        raise InvariantBroken(f"account {tenant}: is that of {document.get('tenant')}")
    try:
        ledgers = sorted(
            (LedgerId.parse(name), _amounts(spent)) for name, spent in document["burnt"].items()
        )
    except UNREADABLE_DOCUMENT as error:
        raise InvariantBroken(f"account {tenant}: cannot be read: {error!r}") from None
    return Account(tenant, dict(ledgers))


def _amounts(spent: dict[str, Any]) -> dict[str, Amount]:
    if not all(isinstance(amount, str) for amount in spent.values()):
        raise TypeError("an amount is not text")
    return {grant: int(amount) for grant, amount in spent.items()}
