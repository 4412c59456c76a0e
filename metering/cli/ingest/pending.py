"""`metering pending`: partial records that wait for their counterpart."""

from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_table, show
from metering.documents.ingest import PendingDocument


def pending(as_json: AsJson = False) -> None:
    """Show how many streams wait for their token counts, and how many counts match no stream.

    Example:  metering pending
    """
    found = with_app(lambda app: app.stores.pending.count_pending())
    rows = [
        ("streams waiting for their token counts", found.waiting),
        ("streams given up in the last week", found.missing),
        ("counts from logs that match no stream, last week", found.unclaimed),
        ("requests known only from logs, to be recovered", found.recovering),
    ]
    cells = [(name, count(number)) for name, number in rows]
    document = PendingDocument.model_validate(found)
    show(document, lambda: print_table("Pending", ["state", "requests"], cells), as_json=as_json)
