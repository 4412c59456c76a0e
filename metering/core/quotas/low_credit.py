"""Low credit: whether a tenant's credit is at or below the threshold of its plan."""

from metering.core.credit.credit import CreditBalance
from metering.core.ledger.credit_mark import CreditMark
from metering.core.plans.low_credit import LowCredit


def credit_mark(terms: LowCredit, found: CreditBalance) -> CreditMark | None:
    """Return the mark of low credit; None if there is enough, or no grant has begun yet.

    The lower bound of the credit decides, as it does for admission.
    """
    has_begun = any(one.state != "coming" for one in found.grants)
    threshold = terms.threshold(found.granted)
    remaining = found.remaining.at_least
    if not has_begun or remaining > threshold:
        return None
    return CreditMark(found.currency, found.granted, remaining, threshold, found.runs_out)
