"""The proof of a sharing: what was recorded against what its pages give again."""

from collections.abc import Iterator

from metering.core.money import MULTIPLIER_DECIMALS, format_amount, format_fixed
from metering.core.proof import MAX_FAULTS
from metering.core.sharing import Share, Sharing


def differences(recorded: Sharing, derived: Sharing) -> list[str]:
    """Return in what a recorded sharing differs from one derived anew; nothing: it is proven."""
    found = [
        f"its {name} is not what the registry and the pages give"
        for name in ("currency", "spans", "idle_hours", "unallocated")
        if getattr(recorded, name) != getattr(derived, name)
    ]
    found.extend(_of_shares(recorded, derived))
    return found[:MAX_FAULTS]


def _of_shares(recorded: Sharing, derived: Sharing) -> Iterator[str]:
    tenants = {share.tenant for share in (*recorded.shares, *derived.shares)}
    for tenant in sorted(tenants):
        ours, theirs = recorded.share_of(tenant), derived.share_of(tenant)
        if ours != theirs:
            yield f"the share of {tenant} is {_told(ours)}, its pages give {_told(theirs)}"


def _told(share: Share | None) -> str:
    if share is None:
        return "nothing"
    billed = "" if share.is_billable else ", not billed"
    amounts = f"{format_amount(share.used)} + {format_amount(share.idle)}"
    tokens = format_fixed(share.tokens, MULTIPLIER_DECIMALS)
    return f"{amounts} for {tokens} weighted tokens, hours: {share.hours}{billed}"
