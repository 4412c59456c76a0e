"""`metering replay`: publish files of events to a hub again."""

import asyncio
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
from metering.cli.output import AsJson, count, escape, print_counts, show, stderr
from metering.core.basics.errors import MeteringError
from metering.core.hubs.partition_key import partition_key
from metering.core.usage.event import MAX_BODY_BYTES
from metering.documents.hubs import PublishedDocument, PublishingPlan
from metering.ports import Outgoing

#: Skipped events that are named one by one.
_MAX_MESSAGES: Final = 10


def replay(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="JSON Lines, or - for standard input."),
    ] = None,
    capture: Annotated[
        str | None,
        typer.Option("--from", help="Event Hubs Capture files: a folder or a container URL."),
    ] = None,
    hub: HubName = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="The maximum number of events per second.")
    ] = None,
    skip: Annotated[int, typer.Option(min=0, help="Skip the first N events.")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be published.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish the events in FILE to a hub again. Each line is the unchanged body of one event.

    The partition key is the subject of the event, or the hash of a line without one. Events that
    were counted before are duplicates, so a replay never counts twice. A failed run reports the
    value of --skip that resumes it. Exit status 1 if it fails or an event is too large for a hub.

    With --from, ingest Event Hubs Capture files directly into the ledgers, in order of partition
    and sequence number. The hub is taken from the file names, or from --hub (usage or
    gateway-logs). A file that cannot be read is reported, and the others are ingested.

    Example:  metering replay events.jsonl --hub usage --rate 500

    Example:  metering replay --from https://stmetering.blob.core.windows.net/capture
    """
    if capture is not None:
        _only_with_files(files, rate, skip)
        replay_capture(capture, hub, dry_run=dry_run, as_json=as_json)
        return
    if not files:
        raise typer.BadParameter("give a FILE or --from", param_hint="FILE")
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

        def progressed(sent: Sent) -> None:
            # A line is its body and the newline.
            bar.update(task, completed=sent.bytes + sent.handled)

        publishing = Publishing(publisher=publisher, per_second=rate, on_progress=progressed)
        try:
            await publishing.run(islice(_events(files), skip, None))
        except (MeteringError, asyncio.CancelledError):
            bar.stop()
            # What was published before the fault stands, so report it first.
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
    found = PublishedDocument.of(publishing, skip, complete=complete)
    rows = [("published", found.published), ("bytes", found.bytes)]
    rows.append(("failed attempts", found.failed_attempts))
    rows += [(f"rejected: {code}", number) for code, number in found.rejected.items()]
    title = "Replayed" if complete else "Replayed so far"
    show(found, lambda: print_counts(title, rows), as_json=as_json)
    console = stderr()
    for one in publishing.rejected[:_MAX_MESSAGES]:
        number = skip + one.position + 1
        console.print(f"event {count(number)} was skipped: {escape(one.reason)}")
    if not complete:
        console.print(f"Publishing did not finish. Continue with --skip {found.skip}")


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
    found = PublishingPlan(events=events, bytes=size, keys=len(keys), too_large=rejected)
    rows = [("events", events), ("bytes", size), ("partition keys", len(keys))]
    rows.append(("too large", rejected))
    show(found, lambda: print_counts("Would be published", rows), as_json=as_json)
    if rejected:
        raise typer.Exit(1)
