"""`metering replay --from`: ingest Event Hubs Capture files."""

from pathlib import Path
from typing import Final

import typer

from metering import bootstrap
from metering.app.hubs.replay_capture import ReplayCapture
from metering.cli.ingest.event_lines import progress_bar
from metering.cli.ingest.ingest import rows
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, escape, print_counts, show, stderr
from metering.core.basics.errors import MeteringError
from metering.core.basics.wording import plural
from metering.documents.hubs import CapturePlan, CaptureReplay
from metering.ports import CaptureSource

#: Damaged files and gaps that are named one by one.
_MAX_MESSAGES: Final = 20


def replay_capture(source: str, hub: str | None, *, dry_run: bool, as_json: AsJson) -> None:
    """Ingest Capture files; exit status 1 for a damaged file or a rejected event."""
    replayed = with_app(lambda app: _replay(app, source, hub, dry_run=dry_run, as_json=as_json))
    if replayed.damaged or replayed.tally.rejected:
        raise typer.Exit(1)


async def _replay(
    app: bootstrap.App,
    place: str,
    hub: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> ReplayCapture:
    source = _source(place)
    with progress_bar("Capture") as bar:
        task = bar.add_task("replaying", total=None)

        def progressed(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        replayed = app.replay_capture(source, hub, progressed)
        try:
            await replayed.run(dry=dry_run)
        except MeteringError:
            bar.stop()
            # What was committed before the fault stands, so report it first.
            _report(replayed, dry_run=dry_run, as_json=as_json)
            raise
        finally:
            await source.close()
    _report(replayed, dry_run=dry_run, as_json=as_json)
    return replayed


def _source(place: str) -> CaptureSource:
    if "://" in place:
        # The SDK takes a third of a second to import.
        from metering.adapters.hubs.capture_container import CaptureContainer  # noqa: PLC0415

        return CaptureContainer(place)
    from metering.adapters.hubs.capture_folder import CaptureFolder  # noqa: PLC0415, the same

    return CaptureFolder(Path(place))


def _report(replayed: ReplayCapture, *, dry_run: bool, as_json: bool) -> None:
    found = CapturePlan.model_validate(replayed) if dry_run else CaptureReplay.of_replay(replayed)
    done = [("files", found.files), ("events", found.events)]
    done += rows(found) if isinstance(found, CaptureReplay) else []
    title = "Would be replayed" if dry_run else "Replayed"
    show(found, lambda: print_counts(title, done), as_json=as_json)
    console = stderr()
    for one in replayed.damaged[:_MAX_MESSAGES]:
        console.print(f"{escape(one.name)}: {escape(one.why)}, after {plural(one.events, 'event')}")
    for gap in replayed.gaps[:_MAX_MESSAGES]:
        place = escape(f"{gap.hub}/{gap.partition}")
        console.print(f"{place}: no file contains the events between {gap.after} and {gap.before}")
    others = len(replayed.damaged[_MAX_MESSAGES:]) + len(replayed.gaps[_MAX_MESSAGES:])
    if others:
        console.print(f"and {count(others)} more")
