"""`metering pending`: streams and log rows that wait for each other."""

from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_table, show
from metering.documents.ingest import PendingDocument


def pending(as_json: AsJson = False) -> None:
    """Show how many streams wait for their token counts, and how many counts match no stream.

    Example:  metering pending
    """
    found = with_app(lambda app: app.count_streams.run())
    rows = [
        ("streams waiting for their token counts", found.waiting),
        ("streams given up in the last week", found.missing),
        ("requests in logs that nobody reported, last week", found.unclaimed),
        ("requests in logs that wait for their report", found.recovering),
    ]
    cells = [(name, count(number)) for name, number in rows]
    document = PendingDocument.model_validate(found)
    show(document, lambda: print_table("Pending", ["state", "requests"], cells), as_json=as_json)
