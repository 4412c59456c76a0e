"""The store of sharings: how the cost of provisioned capacity was divided."""

from typing import Protocol

from metering.core.allocation.allocation import Sharing
from metering.core.basics.instants import Instant


class SharingStore(Protocol):
    """Sharings: one for each deployment and month, written once and never changed.

    Deployments are the same in upper and lower case, as Azure's names are.

    Every method raises RetryableError when the store is busy, locked or out of reach, and
    InvariantBroken for a document that cannot be read, does not add up or is of a newer schema.
    """

    async def put_sharing(self, sharing: Sharing) -> bool:
        """Keep a sharing. False, and nothing written, if its deployment and month have one.

        ConfigurationError for one that is larger than the store takes. Any RetryableError leaves
        open whether it was written. Safe to repeat: then read which one it is.
        """
        ...

    async def read_sharing(self, deployment: str, month_start: Instant) -> Sharing | None:
        """Return a sharing: a point read, never behind a `put_sharing` that answered."""
        ...
