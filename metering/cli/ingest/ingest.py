"""`metering ingest`: count a file of events."""

from collections.abc import Iterator
from itertools import batched
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from metering import bootstrap
from metering.app.hubs.batch import LOGS_HUB, USAGE_HUB, Message, Tally
from metering.cli.ingest.event_lines import must_be_files, opened, progress_bar, read_lines, size_of
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_table, show
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import FOREVER
from metering.documents.ingest import IngestDocument, LogIngestDocument, ingest_document

BATCH_LINES: Final = 1_000


def ingest(
    file: Annotated[Path, typer.Argument(help="JSON Lines, or - for standard input.")],
    hub: Annotated[str, typer.Option(help="The hub that the events are from.")] = USAGE_HUB,
    stop_rule: Annotated[
        bool,
        typer.Option(help="Stop at a batch that is mostly unreadable, and commit nothing of it."),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Count the usage in FILE. Each line is the body of one event.

    Events that were counted before are reported as duplicates. Events that cannot be counted become
    dead letters, and the exit status is 1. With --hub gateway-logs, "accepted" counts requests with
    new information and "ignored" counts records without usage.

    Example:  metering ingest events.jsonl
    """
    must_be_files([file])
    if hub not in {USAGE_HUB, LOGS_HUB}:
        known = f"{USAGE_HUB} or {LOGS_HUB}"
        raise typer.BadParameter(f"unknown hub {hub!r}: use {known}", param_hint="--hub")
    stop_for = FOREVER if stop_rule else 0
    tally = with_app(
        lambda app: _ingest(app, file, hub, as_json=as_json, stop_for=stop_for), creates=True
    )
    report(ingest_document(tally), as_json=as_json)
    if tally.rejected:
        raise typer.Exit(1)


async def _ingest(
    app: bootstrap.App, file: Path, hub: str, *, as_json: bool, stop_for: Instant
) -> Tally:
    tally = Tally()
    take_in = app.join_usage if hub == LOGS_HUB else app.ingest
    name = str(file)
    with opened(file) as stream, progress_bar(file.name) as progress:
        task = progress.add_task("ingesting", total=size_of([file]))
        try:
            for batch in batched(_messages(stream, name), BATCH_LINES, strict=False):
                done = await take_in.batch(batch, stop_for=stop_for)
                tally = tally.plus(done)
                progress.advance(task, sum(len(message.body) + 1 for message in batch))
        except MeteringError:
            # What was committed before the fault stands, so report it first.
            report(ingest_document(tally), as_json=as_json)
            raise
    return tally


def _messages(stream: BinaryIO, name: str) -> Iterator[Message]:
    for number, body in read_lines(stream):
        yield Message(body.strip(), name, number)


def report(found: IngestDocument, *, as_json: bool) -> None:
    """Print the number of events by result."""
    cells = [(name, count(number)) for name, number in rows(found)]
    show(found, lambda: print_table("Ingested", ["result", "events"], cells), as_json=as_json)


def rows(found: IngestDocument) -> list[tuple[str, int]]:
    """Return the number of events by result."""
    counts = [("accepted", found.accepted), ("duplicates", found.duplicates)]
    if isinstance(found, LogIngestDocument):
        counts.append(("ignored", found.ignored))
    return counts + [(f"rejected: {code}", number) for code, number in found.rejected.items()]
