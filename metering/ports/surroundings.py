"""The clock, computations, notifications, and the cloud around an installation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from metering.core.basics.instants import Instant
from metering.core.deployments.deployment_import import FoundDeployment
from metering.core.installation.metrics import Fault
from metering.core.installation.smoke import Answered
from metering.core.ledger.effect import Effect


class Clock(Protocol):
    """The time of day, injected."""

    def now(self) -> Instant:
        """Return the present instant."""
        ...


class Executor(Protocol):
    """Runs computations of more than some milliseconds without holding the event loop."""

    async def run[T](self, work: Callable[[], T]) -> T:
        """Return the result of `work`, or raise its exception; calls are done in turn.

        `work` runs in another thread and must own what it changes: a caller that is cancelled
        leaves it running.
        """
        ...


class Alerts(Protocol):
    """Faults that need a person."""

    def alert(self, message: str, fault: Fault = "other") -> None:
        """Report a fault under its kind, so that one that repeats mutes no other; never raises."""
        ...


class Notifier(Protocol):
    """The receiver of effects."""

    async def notify(self, effect: Effect) -> None:
        """Tell it; return once the receiver has it. May be asked again with the same effect.

        A receiver goes by the effect's key. RetryableError for whatever stopped it, refusals
        included: it is tried again later, and given up in the end.
        """
        ...


class Mail(NamedTuple):
    """A mail: HTML with a plain-text alternative."""

    subject: str
    html: str
    text: str


class Mailer(Protocol):
    """The sender of mails."""

    async def send(self, mail: Mail, recipients: Sequence[str], key: str) -> None:
        """Hand over a mail to recipients who do not see each other. May be asked again.

        A service goes by the key, so that a repeated call sends nothing twice. RetryableError for
        whatever stopped it, refusals included.
        """
        ...


class CloudReading(Protocol):
    """Reads of the cloud's resource manager by path; every one names the version of its API.

    All raise RetryableError when it is busy or out of reach, and ConfigurationError when signing in
    fails, a permission lacks or the path does not exist.
    """

    async def get(self, path: str, version: str) -> Mapping[str, Any]:
        """Return a resource."""
        ...

    async def find(self, path: str, version: str) -> Mapping[str, Any] | None:
        """Return a resource; None if it does not exist or may not be read."""
        ...

    async def list(self, path: str, version: str) -> Sequence[Mapping[str, Any]]:
        """Return the items of a collection, all pages."""
        ...

    async def ask(self, path: str, version: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer to a question that is asked by POST and changes nothing."""
        ...


class ModelCaller(Protocol):
    """Sends small requests to one model through a gateway."""

    async def call(self, mark: str, *, streamed: bool) -> Answered:
        """Send a request under a use case, and read the answer to its end."""
        ...


class DeploymentSource(Protocol):
    """The cloud's own list of deployments."""

    async def list_deployments(self) -> list[FoundDeployment]:
        """Return all of them, by account and name.

        Reads only, so it is safe to repeat. RetryableError when the cloud is busy or out of reach,
        ConfigurationError when signing in fails, a permission lacks or what was asked for is not
        there.
        """
        ...
