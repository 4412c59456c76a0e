"""A clock that stands still until a test moves it."""


class StandingClock:
    """Seconds since the epoch, which only `advance` moves."""

    def __init__(self, seconds: int = 1_796_040_000) -> None:
        self.seconds = seconds

    def __call__(self) -> int:
        """Return the current second."""
        return self.seconds

    def advance(self, seconds: int) -> None:
        """Move forward by `seconds`."""
        self.seconds += seconds
