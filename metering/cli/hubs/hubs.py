"""The hub that a command publishes to."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import typer

from metering import bootstrap
from metering.adapters.clock import SystemClock
from metering.core.basics.errors import ConfigurationError
from metering.local.hubs.hub import EmbeddedHub
from metering.local.hubs.publisher import EmbeddedPublisher
from metering.local.system import hub_path
from metering.ports import UsagePublisher

HubName = Annotated[
    str | None,
    typer.Option("--hub", help="The hub to publish to. Default: USAGE_HUB, or usage."),
]


@contextmanager
def hub_to_publish_to(app: bootstrap.App, hub: str | None) -> Iterator[UsagePublisher]:
    """Yield a publisher to the configured hub, or to that of `metering run` on this machine."""
    name = hub or app.settings.usage_hub
    if app.settings.hubs is not None:
        yield app.publisher(name)
        return
    path = hub_path(app.settings, "run")
    if not path.exists():
        raise ConfigurationError(
            f"UsageHub__fullyQualifiedNamespace is not set, and there is no local hub at {path}:"
            " set it, or start `metering run`"
        )
    embedded = EmbeddedHub(path, SystemClock().now)
    try:
        app.publish_through(partial(EmbeddedPublisher, embedded))
        yield app.publisher(name)
    finally:
        embedded.close()
