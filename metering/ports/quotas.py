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
    """Stores our suspensions, one for each subscription.

    A tag is never used twice. RetryableError if the store is busy, locked or unreachable: the
    write may have succeeded, so read again.
    """

    async def list_suspensions(self) -> list[StoredSuspension]:
        """Return all suspensions by subscription. The answer may lag behind recent changes."""
        ...

    async def put_suspension(self, suspension: Suspension, etag: str | None) -> str | None:
        """Write a suspension and return its new tag; `etag` is the tag of the one it replaces.

        `etag` is None for a new one. Returns None, with nothing written, if the tag has changed.
        """
        ...

    async def remove_suspension(self, subscription: str, etag: str) -> bool:
        """Remove a suspension; False, with nothing removed, if its tag has changed."""
        ...


class SubscriptionGate(Protocol):
    """The subscriptions of the gateway, which accepts the keys of active ones only.

    RetryableError if the management API is busy or unreachable. ConfigurationError if sign-in
    fails, a permission is missing or the gateway does not exist.
    """

    async def read_state(self, subscription: str) -> SubscriptionState | None:
        """Return the state of a subscription; None if the gateway does not have it."""
        ...

    async def set_state(
        self,
        subscription: str,
        state: Literal[SubscriptionState.ACTIVE, SubscriptionState.SUSPENDED],
    ) -> None:
        """Set the state of a subscription; one that does not exist is ignored.

        Safe to repeat. After RetryableError the outcome is unknown for two minutes at most: by
        then the change has been applied, or never will be.
        """
        ...


class DesiredStates(Protocol):
    """The subscriptions that quotas require to be suspended."""

    async def desired_states(self, now: Instant) -> Mapping[str, Desired]:
        """Return the desired state of each subscription as of `now`, from current data alone.

        A subscription left out is to be active, so the answer is complete, or the call raises.
        """
        ...
