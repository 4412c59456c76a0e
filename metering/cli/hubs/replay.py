"""`metering replay`: files of events to a hub, once more."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.app.hubs.publishing import Publishing, Sent
from metering.cli.hubs.capture_replay import replay_capture
from metering.cli.hubs.hubs import HubName, hub_to_publish_to
from metering.cli.ingest.event_lines import must_be_files, opened, progress_bar, read_lines, size_of
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, escape, print_json, print_table, stderr
from metering.core.basics.errors import MeteringError
from metering.core.hubs.partition_key import partition_key
from metering.core.usage.event import MAX_BODY_BYTES
from metering.ports import Outgoing

#: Events whose refusal is told one by one.
_MOST_TOLD: Final = 10


def replay(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="JSON Lines, or - for standard input."),
    ] = None,
    capture: Annotated[
        str | None,
        typer.Option(
            "--from", help="Event Hubs Capture's files: a folder, or the URL of a container."
        ),
    ] = None,
    hub: HubName = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="At most so many events a second.")
    ] = None,
    skip: Annotated[int, typer.Option(min=0, help="Leave out so many events.")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be published.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish the events in FILE to a hub again, each line the body of one event, untouched.

    The partition key is the subject of the event, or for a line without one the hash of the line.
    What is counted already is answered as a duplicate, so a replay never counts twice. If it
    fails it says with which --skip to go on; the exit status is then 1, as it is when an event is
    too large for a hub.

    With --from, ingest the files of Event Hubs Capture straight into the ledgers, without a hub, by
    partition and sequence number. The names of the files say of which hub they are, or --hub does
    (usage or gateway-logs). A file that cannot be read is named, and the others are read.

    Example:  metering replay events.jsonl --hub usage --rate 500

    Example:  metering replay --from https://stmetering.blob.core.windows.net/capture
    """
    if capture is not None:
        _only_with_files(files, rate, skip)
        replay_capture(capture, hub, dry_run=dry_run, as_json=as_json)
        return
    if not files:
        raise typer.BadParameter("name a FILE, or --from", param_hint="FILE")
    must_be_files(files)
    if dry_run:
        _plan(files, skip, as_json=as_json)
        return
    publishing = with_app(
        lambda app: _replay(app, files, hub=hub, rate=rate, skip=skip, as_json=as_json)
    )
    if publishing.rejected:
        raise typer.Exit(1)


def _only_with_files(files: Sequence[Path] | None, rate: float | None, skip: int) -> None:
    if files or rate is not None or skip:
        raise typer.BadParameter("takes no FILE, --rate or --skip", param_hint="--from")


async def _replay(
    app: bootstrap.App,
    files: Sequence[Path],
    *,
    hub: str | None,
    rate: float | None,
    skip: int,
    as_json: bool,
) -> Publishing:
    with hub_to_publish_to(app, hub) as publisher, progress_bar(files[0].name) as bar:
        task = bar.add_task("publishing", total=size_of(files))

        def show(sent: Sent) -> None:
            # A line is its body and the newline.
            bar.update(task, completed=sent.bytes + sent.handled)

        publishing = Publishing(publisher=publisher, per_second=rate, on_progress=show)
        try:
            await publishing.run(islice(_events(files), skip, None))
        except (MeteringError, asyncio.CancelledError):
            bar.stop()
            # What was published before the fault stands; say so before the error does.
            _report(publishing, skip, as_json=as_json, complete=False)
            raise
    _report(publishing, skip, as_json=as_json, complete=True)
    return publishing


def _events(files: Sequence[Path]) -> Iterator[Outgoing]:
    for file in files:
        with opened(file) as stream:
            for _, body in read_lines(stream):
                yield body, partition_key(body)


def _report(publishing: Publishing, skip: int, *, as_json: bool, complete: bool) -> None:
    sent = publishing.sent
    rejected = Counter(str(one.code) for one in publishing.rejected)
    if as_json:
        print_json(
            {
                "published": sent.events,
                "bytes": sent.bytes,
                "failed_attempts": sent.failures,
                "rejected": dict(sorted(rejected.items())),
                "complete": complete,
                "skip": skip + sent.handled,
            }
        )
    else:
        rows = [("published", sent.events), ("bytes", sent.bytes)]
        rows.append(("failed attempts", sent.failures))
        rows += [(f"rejected: {code}", number) for code, number in sorted(rejected.items())]
        _print_figures("Replayed" if complete else "Replayed so far", rows)
    console = stderr()
    for one in publishing.rejected[:_MOST_TOLD]:
        number = skip + one.position + 1
        console.print(f"event {count(number)} was left out: {escape(one.reason)}")
    if not complete:
        console.print(f"Not all was published. Go on with --skip {skip + sent.handled}")


def _plan(files: Sequence[Path], skip: int, *, as_json: bool) -> None:
    events = size = rejected = 0
    keys: set[str] = set()
    for body, key in islice(_events(files), skip, None):
        if len(body) > MAX_BODY_BYTES:
            rejected += 1
            continue
        events += 1
        size += len(body)
        keys.add(key)
    if as_json:
        print_json({"events": events, "bytes": size, "keys": len(keys), "too_large": rejected})
    else:
        rows = [("events", events), ("bytes", size), ("partition keys", len(keys))]
        _print_figures("Would be published", [*rows, ("too large", rejected)])
    if rejected:
        raise typer.Exit(1)


def _print_figures(title: str, rows: Sequence[tuple[str, int]]) -> None:
    print_table(title, ["what", "how many"], [(name, count(number)) for name, number in rows])
