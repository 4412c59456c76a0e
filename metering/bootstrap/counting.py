"""The use cases that count usage: ingestion, streams and dead letters."""

from collections.abc import Callable
from functools import cached_property

from metering.app.aggregates.publish_spans import PublishSpans
from metering.app.aggregates.take_points import TakePoints
from metering.app.hubs.batch import LOGS_HUB, USAGE_HUB
from metering.app.hubs.replay_capture import ReplayCapture, TakesBatches
from metering.app.ingest.dead_letters import DeadLetters
from metering.app.ingest.direct_publisher import DirectPublisher
from metering.app.ingest.ingest import Ingest
from metering.app.ingest.take_events import TakeEvents
from metering.app.streams.complete_streams import CompleteStreams
from metering.app.streams.count_streams import CountStreams
from metering.app.streams.expire_pending import ExpirePending
from metering.app.streams.join_usage import JoinUsage
from metering.app.streams.open_holds import OpenHolds
from metering.app.streams.recover_usage import RecoverUsage
from metering.app.streams.take_over_pending import TakeOverPending
from metering.app.streams.timer_marks import TimerMarks
from metering.bootstrap.base import Base
from metering.core.basics.instants import DAY
from metering.ports import CaptureSource, UsagePublisher


class Counting:
    """Count usage: events, streams, logs and what was set aside."""

    def __init__(self, base: Base) -> None:
        self._base = base

    @cached_property
    def ingest(self) -> Ingest:
        """Ingest usage events."""
        return Ingest(
            tenancy=self._base.tenancy,
            committer=self._base.committer,
            dead_letters=self._base.dead_letter_store,
            register=self._base.register,
            streams=self._streams,
            clock=self._base.clock,
            alerts=self._base.alerts,
        )

    @cached_property
    def _marks(self) -> TimerMarks:
        return TimerMarks(store=self._base.stores.register, clock=self._base.clock)

    @cached_property
    def stream_publisher(self) -> UsagePublisher:
        """Publishes complete events of streams; without a hub, counts them directly."""
        if self._base.settings.hubs is None and not self._base.has_own_hubs:
            return DirectPublisher(ingest=lambda: self.ingest)
        return self._base.usage_publisher

    @cached_property
    def _streams(self) -> CompleteStreams:
        return CompleteStreams(
            register=self._base.register,
            publisher=self.stream_publisher,
            clock=self._base.clock,
        )

    @cached_property
    def join_usage(self) -> JoinUsage:
        """Join the counts in gateway logs to streams."""
        return JoinUsage(
            register=self._base.register,
            streams=self._streams,
            publisher=self.stream_publisher,
            dead_letters=self._base.dead_letter_store,
            clock=self._base.clock,
            alerts=self._base.alerts,
            recovery_delay=self._base.settings.recovery_delay,
        )

    @cached_property
    def recover_usage(self) -> RecoverUsage:
        """Recover unreported usage from logs."""
        return RecoverUsage(
            register=self._base.register,
            streams=self._streams,
            marks=self._marks,
            ledgers=self._base.ledgers,
            tenancy=self._base.tenancy,
            publisher=self.stream_publisher,
            dead_letters=self._base.dead_letter_store,
            clock=self._base.clock,
            recovery_delay=self._base.settings.recovery_delay,
        )

    @cached_property
    def expire_pending(self) -> ExpirePending:
        """Give up waiting for counts."""
        return ExpirePending(
            register=self._base.register,
            streams=self._streams,
            marks=self._marks,
            old=self.take_over_pending,
            open_holds=OpenHolds(
                ledgers=self._base.ledgers,
                tenancy=self._base.tenancy,
                committer=self._base.committer,
                clock=self._base.clock,
            ),
            tenancy=self._base.tenancy,
            committer=self._base.committer,
            dead_letters=self._base.dead_letter_store,
            clock=self._base.clock,
            alerts=self._base.alerts,
        )

    @cached_property
    def take_over_pending(self) -> TakeOverPending:
        """Take over what versions before the register left."""
        return TakeOverPending(
            pending=self._base.stores.pending,
            register=self._base.register,
            streams=self._streams,
            recover=self.recover_usage,
            dead_letters=self._base.dead_letter_store,
            clock=self._base.clock,
        )

    @cached_property
    def count_streams(self) -> CountStreams:
        """Count the streams and log rows that wait."""
        return CountStreams(
            ledgers=self._base.ledgers,
            register=self._base.stores.register,
            marks=self._marks,
            clock=self._base.clock,
        )

    @cached_property
    def take_events(self) -> TakeEvents:
        """Take events from producers other than the gateway."""
        return TakeEvents(
            publisher=self.stream_publisher,
            clock=self._base.clock,
            tenancy=self._base.tenancy,
            accepts_unbound=self._base.settings.http.accepts_unbound,
        )

    @cached_property
    def publish_aggregates(self) -> PublishSpans:
        """Publish what counters of platforms add up to."""
        return PublishSpans(
            store=self._base.stores.aggregates,
            publisher=self.stream_publisher,
            dead_letters=self._base.dead_letter_store,
            clock=self._base.clock,
        )

    @cached_property
    def take_points(self) -> TakePoints:
        """Take points of platforms' counters."""
        return TakePoints(
            store=self._base.stores.aggregates,
            publish=self.publish_aggregates,
            clock=self._base.clock,
        )

    @cached_property
    def dead_letters(self) -> DeadLetters:
        """List, replay or delete dead letters."""
        return DeadLetters(
            store=self._base.dead_letter_store,
            ingest=self.ingest,
            join=self.join_usage,
            clock=self._base.clock,
            keep_for=self._base.settings.dead_letter_days * DAY,
        )

    def replay_capture(
        self, source: CaptureSource, hub: str | None, on_progress: Callable[[int, int], None]
    ) -> ReplayCapture:
        """Return one run over the files of Capture; the hubs have the names of the settings too."""
        usage, logs = self.ingest, self.join_usage
        hubs: dict[str, TakesBatches] = {USAGE_HUB: usage, LOGS_HUB: logs}
        hubs[self._base.settings.usage_hub] = usage
        return ReplayCapture(source=source, hubs=hubs, hub=hub, on_progress=on_progress)
