"""The mark of low credit: that a tenant's credit was found low, and is not above again yet.

Credit is known outside of the ledger. So the timer that finds it low writes the mark in a page of
its own, and what follows from the pages stays all that effects tell.
"""

import json
from typing import NamedTuple

from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.money import Amount, format_amount


class CreditMark(NamedTuple):
    """A tenant's credit when it was found to be low; amounts in 10^-18 currency units."""

    currency: str
    granted: Amount
    remaining: Amount
    """The lower bound."""
    threshold: Amount
    runs_out: Instant | None
    """When it is used up at the tenant's rate; None if that is years away."""


def low_credit_detail(mark: CreditMark) -> str:
    """Return what an effect tells of low credit, as JSON."""
    found = {
        "currency": mark.currency,
        "granted": format_amount(mark.granted),
        "remaining": format_amount(mark.remaining),
        "runs_out": None if mark.runs_out is None else format_instant(mark.runs_out),
        "threshold": format_amount(mark.threshold),
    }
    return json.dumps(found, sort_keys=True)


def describe_low_credit(detail: str) -> str:
    """Return the text of such an effect."""
    found = json.loads(detail)
    is_forecast = found["runs_out"] is not None and found["remaining"] != "0"
    ends = f", used up by {found['runs_out']} at this rate" if is_forecast else ""
    return (
        f"credit is low: {found['remaining']} of {found['granted']} {found['currency']} left, at"
        f" most {found['threshold']} is low{ends}"
    )
