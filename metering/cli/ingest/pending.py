"""`metering pending`: what waits for its other half."""

from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_json, print_table


def pending(as_json: AsJson = False) -> None:
    """Show how many requests wait for their other half, and how many counts nobody claimed.

    Example:  metering pending
    """
    found = with_app(lambda app: app.stores.pending.count_pending())
    if as_json:
        print_json(found._asdict())
        return
    rows = [
        ("streams waiting for their counts", found.waiting),
        ("streams given up, of the last week", found.missing),
        ("counts from logs that no stream claimed, of the last week", found.unclaimed),
        ("requests only logs know, to be recovered", found.recovering),
    ]
    print_table("Pending", ["what", "requests"], [(name, count(number)) for name, number in rows])
