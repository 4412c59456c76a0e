"""Seeded draws: the same seed gives the same sequence in every process."""

from random import Random  # noqa: TID251, never without a seed


class Draws(Random):
    """A sequence of draws that its seed determines; not for secrets."""

    def __init__(self, seed: bytes) -> None:
        super().__init__(seed)
