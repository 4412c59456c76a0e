"""`metering replay --from`: what Event Hubs Capture kept, into the ledgers once more."""

from pathlib import Path
from typing import Final

import typer

from metering import bootstrap
from metering.app.hubs.replay_capture import ReplayCapture
from metering.cli.ingest.event_lines import progress_bar
from metering.cli.ingest.ingest import figures, rows
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, escape, print_json, print_table, stderr
from metering.core.basics.errors import MeteringError
from metering.ports import CaptureSource

#: Damaged files that are told one by one.
_MOST_TOLD: Final = 20


def replay_capture(source: str, hub: str | None, *, dry_run: bool, as_json: AsJson) -> None:
    """Ingest the files of Capture; exit status 1 for a damaged file or a rejected event."""
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

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        replayed = app.replay_capture(source, hub, show)
        try:
            await replayed.run(dry=dry_run)
        except MeteringError:
            bar.stop()
            # What was committed before the fault stands; say so before the error does.
            _report(replayed, dry_run=dry_run, as_json=as_json)
            raise
        finally:
            await source.close()
    _report(replayed, dry_run=dry_run, as_json=as_json)
    return replayed


def _source(place: str) -> CaptureSource:
    if "://" in place:
        # The SDK takes a third of a second to import: only those who use it wait for it.
        from metering.adapters.hubs.capture_container import CaptureContainer  # noqa: PLC0415

        return CaptureContainer(place)
    from metering.adapters.hubs.capture_folder import CaptureFolder  # noqa: PLC0415, the same

    return CaptureFolder(Path(place))


def _report(replayed: ReplayCapture, *, dry_run: bool, as_json: bool) -> None:
    done = [("files", replayed.files), ("events", replayed.events)]
    if as_json:
        answers = {} if dry_run else figures(replayed.tally)
        damaged = [one._asdict() for one in replayed.damaged]
        gaps = [one._asdict() for one in replayed.gaps]
        print_json({**dict(done), **answers, "damaged": damaged, "gaps": gaps})
    else:
        done += [] if dry_run else rows(replayed.tally)
        title = "Would be replayed" if dry_run else "Replayed"
        print_table(title, ["what", "how many"], [(name, count(number)) for name, number in done])
    console = stderr()
    for one in replayed.damaged[:_MOST_TOLD]:
        console.print(f"{escape(one.name)}: {escape(one.why)}, after {count(one.events)} events")
    for gap in replayed.gaps[:_MOST_TOLD]:
        place = escape(f"{gap.hub}/{gap.partition}")
        console.print(f"{place}: no file has what is between {gap.after} and {gap.before}")
    untold = len(replayed.damaged[_MOST_TOLD:]) + len(replayed.gaps[_MOST_TOLD:])
    if untold:
        console.print(f"and {count(untold)} more")
