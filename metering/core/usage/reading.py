"""A reading: all that a usage object says that may cost something."""

from typing import NamedTuple

from metering.core.usage.buckets import Buckets


class Reading(NamedTuple):
    """All that a usage object says that may cost something."""

    buckets: Buckets
    unit: str | None = None
    """The unit of `quantity` where the request is charged by something else than tokens."""
    meters: tuple[tuple[str, int], ...] = ()
    """Counts of what is charged beside the tokens, by the meter's name, in 10^-6 of its unit."""
    not_understood: str | None = None
    """The field that may cost something and that no rule understands: no price may be given."""
    surplus: int = 0
    """Cached tokens beyond the prompt: Azure's hidden prefix, which is in no bucket."""
