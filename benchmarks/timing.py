"""Timing: contenders take turns in one process, and the best pass of each counts."""

import gc
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

REPEATS: Final = 7

type Pass = Callable[[], float]
"""Does one pass over its events from the same start each time; returns the seconds it took."""
type Progress = Callable[[str], None]
"""Told what is about to be measured."""


class Contender(NamedTuple):
    """Something to measure."""

    name: str
    batch: str
    """The grouping of its events, for people."""
    events: int
    run: Pass


class Measured(NamedTuple):
    """The best pass of a contender."""

    name: str
    batch: str
    events: int
    seconds: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def microseconds(self) -> float:
        """Microseconds an event."""
        return self.seconds / self.events * 1_000_000


def race(contenders: Mapping[str, Contender], progress: Progress) -> dict[str, Measured]:
    """Return the best of REPEATS passes of each; a slow moment of the machine hits all alike."""
    best: dict[str, float] = {}
    for _ in range(REPEATS):
        for key, contender in contenders.items():
            progress(contender.name)
            gc.collect()
            seconds = contender.run()
            best[key] = min(seconds, best.get(key, seconds))
    return {
        key: Measured(contender.name, contender.batch, contender.events, best[key])
        for key, contender in contenders.items()
    }
