"""A clock that stands still until a test moves it."""


class StandingClock:
    """Seconds since the epoch, moved only by hand."""

    def __init__(self, seconds: int = 1_796_040_000) -> None:
        self.seconds = seconds

    def __call__(self) -> int:
        """Return the present second."""
        return self.seconds

    def advance(self, seconds: int) -> None:
        """Let so many seconds pass."""
        self.seconds += seconds
