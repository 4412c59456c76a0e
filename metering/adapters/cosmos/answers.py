"""The charge, status and time that the service reports with every answer."""

import re
import socket
from collections.abc import Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from metering.adapters.clock import SystemClock
from metering.core.basics.errors import ClockAheadError
from metering.core.basics.instants import SECOND, instant_of
from metering.ports import Clock, Telemetry

_CONTAINER: Final = re.compile(r"/colls/([A-Za-z0-9_-]{1,255})")
_THROTTLED: Final = 429


class Answer(NamedTuple):
    """One answer; each retry of the SDK has its own."""

    status: int
    container: str
    """Empty for requests about the account or a database."""
    request_units: float
    date: str
    """The Date header; empty if the answer has none."""


type OnAnswer = Callable[[Answer], None]


def ignore_answer(_answer: Answer) -> None:
    """Do nothing."""


def charge_to(telemetry: Telemetry) -> OnAnswer:
    """Return a callback that counts request units and throttled requests by container."""

    def charge(answer: Answer) -> None:
        labels = {"container": answer.container or "none"}
        telemetry.add("metering.store.request_units", answer.request_units, labels)
        if answer.status == _THROTTLED:
            telemetry.add("metering.store.throttled", 1, labels)

    return charge


#: How far the clock of this machine may be ahead of the service's. Events may be as far ahead.
MAX_AHEAD_S: Final = 300


class ClockWatch:
    """Compares the clock of this machine with the Date of the service's answers."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._date = ""
        self.ahead_s = 0.0
        """Seconds that this machine was ahead at the last answer; negative if it is behind."""

    def note(self, answer: Answer) -> None:
        """Note one answer. A malformed date says nothing."""
        if answer.date != self._date:
            self._date = answer.date
            with suppress(ValueError):
                told = instant_of(parsedate_to_datetime(answer.date))
                self.ahead_s = (self._clock.now() - told) / SECOND

    def must_be_right(self) -> None:
        """Raise ClockAheadError if this machine is too far ahead to date a commit."""
        if self.ahead_s > MAX_AHEAD_S:
            raise ClockAheadError(
                f"the clock of this machine ({socket.gethostname()}) is {self.ahead_s:.0f} s ahead"
                f" of the store's, {self._date}: set it; nothing was committed"
            )


def read_answer(answer: Any) -> Answer:
    """Return the answer in an azure-core PipelineResponse."""
    response = answer.http_response
    found = _CONTAINER.search(answer.http_request.url)
    headers = response.headers
    return Answer(
        response.status_code,
        found[1] if found else "",
        float(headers.get("x-ms-request-charge") or 0),
        headers.get("date", ""),
    )
