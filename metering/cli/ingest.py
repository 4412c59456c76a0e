"""`metering ingest`: a file of events into the ledgers."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import batched
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from metering import bootstrap
from metering.app.batch import LOGS_HUB, USAGE_HUB, Message, Tally
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_json, print_table, stderr
from metering.core.directory import FOREVER
from metering.core.errors import MeteringError
from metering.core.event import MAX_BODY_BYTES
from metering.core.instants import Instant

BATCH_LINES: Final = 1_000
_STDIN: Final = "-"


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
    if str(file) != _STDIN and (file.is_dir() or not file.exists()):
        raise typer.BadParameter(f"there is no file {str(file)!r}", param_hint="FILE")
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
    with _opened(file) as stream, _progress(file) as progress:
        task = progress.add_task("ingesting", total=_size(file))
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
    """Yield the lines; of one longer than any event can be, its beginning."""
    number = 0
    while line := stream.readline(MAX_BODY_BYTES + 2):
        number += 1
        body = line
        while not line.endswith(b"\n") and (line := stream.readline(MAX_BODY_BYTES)):
            pass
        body = body.strip()
        if body:
            yield Message(body, name, number)


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == _STDIN:
        yield sys.stdin.buffer
        return
    with file.open("rb") as stream:
        yield stream


def _size(file: Path) -> int | None:
    return None if str(file) == _STDIN else file.stat().st_size


def _progress(file: Path) -> Progress:
    console = stderr()
    return Progress(
        TextColumn("{task.description} " + file.name.replace("[", "\\[")),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def report(tally: Tally, *, as_json: bool) -> None:
    """Print how events were answered."""
    rejected = {str(code): number for code, number in sorted(tally.rejected.items())}
    if as_json:
        answer: dict[str, object] = {
            "accepted": tally.accepted,
            "duplicates": tally.duplicates,
            "rejected": rejected,
        }
        print_json(answer | ({"ignored": tally.ignored} if tally.ignored else {}))
        return
    rows = [("accepted", tally.accepted), ("duplicates", tally.duplicates)]
    rows += [("ignored", tally.ignored)] if tally.ignored else []
    rows += [(f"rejected: {code}", number) for code, number in rejected.items()]
    print_table("Ingested", ["answer", "events"], [(name, count(number)) for name, number in rows])
