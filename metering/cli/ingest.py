"""`metering ingest`: a file of events into the ledgers."""

from collections.abc import Iterator
from itertools import batched
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from metering import bootstrap
from metering.app.ingest import USAGE_HUB, Message, Tally
from metering.cli.event_lines import must_be_files, opened, progress_bar, read_lines, size_of
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_json, print_table
from metering.core.directory import FOREVER
from metering.core.errors import MeteringError

BATCH_LINES: Final = 1_000


def ingest(
    file: Annotated[Path, typer.Argument(help="JSON Lines, or - for standard input.")],
    hub: Annotated[str, typer.Option(help="Which hub the bodies are from.")] = USAGE_HUB,
    stop_rule: Annotated[
        bool, typer.Option(help="Stop, with nothing of it committed, at a mostly unreadable batch.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Count the usage events in FILE, each line the body of one event.

    Sending the same events again, in any order, changes nothing: they are answered as duplicates.
    What cannot be counted is set aside with a code; the exit status is then 1.

    Example:  metering ingest events.jsonl
    """
    must_be_files([file])
    if hub != USAGE_HUB:
        raise typer.BadParameter(f"{hub!r} is not a hub: use {USAGE_HUB}", param_hint="--hub")
    tally = with_app(lambda app: _ingest(app, file, as_json=as_json, stop_rule=stop_rule))
    report(tally, as_json=as_json)
    if tally.rejected:
        raise typer.Exit(1)


async def _ingest(app: bootstrap.App, file: Path, *, as_json: bool, stop_rule: bool) -> Tally:
    tally = Tally()
    name = str(file)
    with opened(file) as stream, progress_bar(file.name) as progress:
        task = progress.add_task("ingesting", total=size_of([file]))
        try:
            for batch in batched(_messages(stream, name), BATCH_LINES, strict=False):
                done = await app.ingest.batch(batch, stop_for=FOREVER if stop_rule else 0)
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
    rejected = {str(code): number for code, number in sorted(tally.rejected.items())}
    if as_json:
        print_json(
            {"accepted": tally.accepted, "duplicates": tally.duplicates, "rejected": rejected}
        )
        return
    rows = [("accepted", tally.accepted), ("duplicates", tally.duplicates)]
    rows += [(f"rejected: {code}", number) for code, number in rejected.items()]
    print_table("Ingested", ["answer", "events"], [(name, count(number)) for name, number in rows])
