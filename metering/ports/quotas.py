"""The store of suspensions, and the gateway that applies them."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from metering.core.basics.instants import Instant
from metering.core.quotas.suspension import Desired, SubscriptionState, Suspension


class StoredSuspension(NamedTuple):
    """A suspension as read, with the tag that a replacement must name."""

    suspension: Suspension
    etag: str


class SuspensionStore(Protocol):
    """The suspensions of ours, one for each subscription.

    A tag is never used twice. RetryableError when the store is busy, locked or out of reach; what
    it was asked to do may have been done: look again.
    """

    async def list_suspensions(self) -> list[StoredSuspension]:
        """Return all of them, by subscription. The answer may lag behind recent changes."""
        ...

    async def put_suspension(self, suspension: Suspension, etag: str | None) -> str | None:
        """Write one and return its new tag; `etag` is that of the one it replaces, None for none.

        None, and nothing written, if there is another one (or none) by now.
        """
        ...

    async def remove_suspension(self, subscription: str, etag: str) -> bool:
        """Remove one; False, and nothing removed, if there is another one or none by now."""
        ...


class SubscriptionGate(Protocol):
    """The gateway's subscriptions, whose keys it lets in or does not.

    RetryableError when the gateway's management is busy or out of reach, ConfigurationError when
    signing in fails, a permission lacks or there is no such gateway.
    """

    async def read_state(self, subscription: str) -> SubscriptionState | None:
        """Return the state of one; None for one that the gateway does not have."""
        ...

    async def set_state(
        self,
        subscription: str,
        state: Literal[SubscriptionState.ACTIVE, SubscriptionState.SUSPENDED],
    ) -> None:
        """Set the state of one, whatever it was; one that is not there is no error.

        Safe to repeat. Two minutes after the call it has happened or never will, even if it
        raised RetryableError and so leaves open which.
        """
        ...


class DesiredStates(Protocol):
    """Which subscriptions should be suspended: quotas know."""

    async def desired_states(self, now: Instant) -> Mapping[str, Desired]:
        """Return what is wanted of each subscription as of `now`, from present facts alone.

        One that is left out is to be active, so an answer is whole, or it raises.
        """
        ...
