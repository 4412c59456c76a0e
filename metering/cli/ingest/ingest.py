"""`metering ingest`: a file of events into the ledgers."""

from collections.abc import Iterator
from itertools import batched
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from metering import bootstrap
from metering.app.hubs.batch import LOGS_HUB, USAGE_HUB, Message, Tally
from metering.cli.ingest.event_lines import must_be_files, opened, progress_bar, read_lines, size_of
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_json, print_table
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import FOREVER

BATCH_LINES: Final = 1_000


def ingest(
    file: Annotated[Path, typer.Argument(help="JSON Lines, or - for standard input.")],
    hub: Annotated[str, typer.Option(help="Which hub the bodies are from.")] = USAGE_HUB,
    stop_rule: Annotated[
        bool, typer.Option(help="Stop, with nothing of it committed, at a mostly unreadable batch.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Count the usage in FILE, each line the body of one event of a hub.

    Sending the same events again, in any order, changes nothing: they are answered as duplicates.
    What cannot be counted is set aside with a code; the exit status is then 1. Of `gateway-logs`,
    accepted are the requests of which something new was learnt, ignored the records without usage.

    Example:  metering ingest events.jsonl
    """
    must_be_files([file])
    if hub not in {USAGE_HUB, LOGS_HUB}:
        known = f"{USAGE_HUB} or {LOGS_HUB}"
        raise typer.BadParameter(f"{hub!r} is not a hub: use {known}", param_hint="--hub")
    stop_for = FOREVER if stop_rule else 0
    tally = with_app(lambda app: _ingest(app, file, hub, as_json=as_json, stop_for=stop_for))
    report(tally, as_json=as_json)
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
            # What was committed before the fault stands; say so before the error does.
            report(tally, as_json=as_json)
            raise
    return tally


def _messages(stream: BinaryIO, name: str) -> Iterator[Message]:
    for number, body in read_lines(stream):
        yield Message(body.strip(), name, number)


def report(tally: Tally, *, as_json: bool) -> None:
    """Print how events were answered."""
    if as_json:
        print_json(figures(tally))
        return
    print_table(
        "Ingested", ["answer", "events"], [(name, count(number)) for name, number in rows(tally)]
    )


def figures(tally: Tally) -> dict[str, object]:
    """Return how events were answered as JSON values."""
    rejected = {str(code): number for code, number in sorted(tally.rejected.items())}
    answer: dict[str, object] = {
        "accepted": tally.accepted,
        "duplicates": tally.duplicates,
        "rejected": rejected,
    }
    return answer | ({"ignored": tally.ignored} if tally.ignored else {})


def rows(tally: Tally) -> list[tuple[str, int]]:
    """Return how events were answered, for people."""
    found = [("accepted", tally.accepted), ("duplicates", tally.duplicates)]
    found += [("ignored", tally.ignored)] if tally.ignored else []
    return found + [
        (f"rejected: {code}", number) for code, number in sorted(tally.rejected.items())
    ]
