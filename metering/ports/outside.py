"""What is outside: the clock, and whoever is told."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from metering.core.basics.instants import Instant
from metering.core.deployments.deployment_import import FoundDeployment
from metering.core.ledger.effect import Effect
from metering.core.quotas.suspension import Desired, SubscriptionState
from metering.core.tenancy.access import Identity


class Clock(Protocol):
    """The time of day, injected."""

    def now(self) -> Instant:
        """Return the present instant."""
        ...


class Alerts(Protocol):
    """Where faults that a person must see are told."""

    def alert(self, message: str) -> None:
        """Tell it; never raises."""
        ...


class Notifier(Protocol):
    """Whoever is told of effects."""

    async def notify(self, effect: Effect) -> None:
        """Tell it; return once the receiver has it. May be asked again with the same effect.

        A receiver goes by the effect's key. RetryableError for whatever stopped it, refusals
        included: it is tried again later, and given up in the end.
        """
        ...


class DeploymentSource(Protocol):
    """Where deployments are made: the cloud's own list of them."""

    async def list_deployments(self) -> list[FoundDeployment]:
        """Return all of them, by account and name.

        Reads only, so it is safe to repeat. RetryableError when the cloud is busy or out of reach,
        ConfigurationError when signing in fails, a permission lacks or what was asked for is not
        there.
        """
        ...


type Outgoing = tuple[bytes, str]
"""An event to publish: its body and its partition key."""


class UsagePublisher(Protocol):
    """Where events are published: one hub."""

    async def publish(self, events: Sequence[Outgoing]) -> None:
        """Publish events; those of one key keep the order of the call.

        Returns once all are in the hub. RetryableError: some may be, and the same call may be made
        again, since who reads knows an event by its id. RejectedEvent, with nothing published: a
        body or key is longer than the hub takes. ConfigurationError: there is no such hub, or the
        identity may not send.
        """
        ...

    async def close(self) -> None:
        """Let the connection go; the next call opens it again."""
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


class TokenVerifier(Protocol):
    """Whoever can tell that a bearer token is genuine."""

    async def verify(self, token: str) -> Identity:
        """Return who a token names.

        NotSignedIn, with a reason that may be told, unless its signature, issuer, audience and
        times all hold. RetryableError where that cannot be known now.
        """
        ...


class HubProgress(Protocol):
    """How far what was published has been counted."""

    async def counted_until(self) -> Instant:
        """Return an instant: what was published before it has been counted.

        BEGINNING while nobody knows. RetryableError when the hubs are out of reach.
        """
        ...
