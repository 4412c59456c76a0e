"""The app of one process: every use case, each built and imported when it is first used."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from metering.bootstrap.base import Base
from metering.core.basics.errors import ConfigurationError
from metering.settings.settings import DEFAULT_STORE, Settings, SqliteStore, read_settings

if TYPE_CHECKING:
    from metering.app.digests.send_digests import SendDigests
    from metering.bootstrap.billing import Billing
    from metering.bootstrap.counting import Counting
    from metering.bootstrap.installation import Installation
    from metering.bootstrap.prices import Prices
    from metering.bootstrap.proofs import Proofs
    from metering.bootstrap.quotas import Quotas
    from metering.bootstrap.reports import Reading
    from metering.bootstrap.sign_in import SignIn


class Part[T](cached_property[T]):
    """A use case of a wing, under the same name in the app."""

    def __init__(self, build: Callable[["App"], T]) -> None:
        super().__init__(build)


class App(Base):
    """The use cases over the adapters that the settings call for.

    A wing is imported with its first use case, so that a command loads only what it uses.
    """

    ingest = Part(lambda self: self._counting.ingest)
    stream_publisher = Part(lambda self: self._counting.stream_publisher)
    join_usage = Part(lambda self: self._counting.join_usage)
    recover_usage = Part(lambda self: self._counting.recover_usage)
    expire_pending = Part(lambda self: self._counting.expire_pending)
    take_over_pending = Part(lambda self: self._counting.take_over_pending)
    count_streams = Part(lambda self: self._counting.count_streams)
    take_events = Part(lambda self: self._counting.take_events)
    take_points = Part(lambda self: self._counting.take_points)
    publish_aggregates = Part(lambda self: self._counting.publish_aggregates)
    dead_letters = Part(lambda self: self._counting.dead_letters)
    replay_capture = Part(lambda self: self._counting.replay_capture)

    subscription_gate = Part(lambda self: self._quotas.subscription_gate)
    reconcile_suspensions = Part(lambda self: self._quotas.reconcile_suspensions)
    enforce_quotas = Part(lambda self: self._quotas.enforce_quotas)
    admission = Part(lambda self: self._quotas.admission)
    tenant_alerts = Part(lambda self: self._quotas.tenant_alerts)
    forecasts = Part(lambda self: self._quotas.forecasts)

    read = Part(lambda self: self._reports.read)
    compare = Part(lambda self: self._reports.compare)
    requests = Part(lambda self: self._reports.requests)
    unit_economics = Part(lambda self: self._reports.unit_economics)
    overview = Part(lambda self: self._reports.overview)
    tenant_board = Part(lambda self: self._reports.tenant_board)
    roll_up = Part(lambda self: self._reports.roll_up)

    verify = Part(lambda self: self._proofs.verify)
    verify_store = Part(lambda self: self._proofs.verify_store)
    evidence = Part(lambda self: self._proofs.evidence)
    withdraw = Part(lambda self: self._proofs.withdraw)
    repair = Part(lambda self: self._proofs.repair)

    publish_prices = Part(lambda self: self._prices.publish_prices)
    propose_prices = Part(lambda self: self._prices.propose_prices)
    explain_unpriced = Part(lambda self: self._prices.explain_unpriced)
    rerate = Part(lambda self: self._prices.rerate)
    price_unpriced = Part(lambda self: self._prices.price_unpriced)

    deliver_effects = Part(lambda self: self._installation.deliver_effects)
    collect_gauges = Part(lambda self: self._installation.collect_gauges)
    watch_hubs = Part(lambda self: self._installation.watch_hubs)
    readiness = Part(lambda self: self._installation.readiness)
    smoke_test = Part(lambda self: self._installation.smoke_test)
    status = Part(lambda self: self._installation.status(self.billing.close_periods))
    glance = Part(
        lambda self: self._installation.glance(self.billing.close_periods, self.tenant_board)
    )
    callers = Part(lambda self: self._installation.callers)
    audited = Part(lambda self: self._installation.audited)
    deployments = Part(lambda self: self._installation.deployments)
    aliases = Part(lambda self: self._installation.aliases)
    azure_deployments = Part(lambda self: self._installation.azure_deployments)

    tokens = Part(lambda self: self.sign_in.tokens)

    @cached_property
    def billing(self) -> "Billing":
        """Closing, statements, exports and reconciliation."""
        from metering.bootstrap.billing import Billing

        return Billing(self)

    @cached_property
    def digests(self) -> "SendDigests":
        """Weekly digests."""
        from metering.bootstrap.digests import send_digests

        return send_digests(self, self._reports)

    @cached_property
    def sign_in(self) -> "SignIn":
        """Sign-in of callers: bearer tokens, App Service and the development issuer."""
        from metering.bootstrap.sign_in import SignIn

        return SignIn(self.settings)

    @cached_property
    def _counting(self) -> "Counting":
        from metering.bootstrap.counting import Counting

        return Counting(self)

    @cached_property
    def _quotas(self) -> "Quotas":
        from metering.bootstrap.quotas import Quotas

        return Quotas(self, lambda: self._reports)

    @cached_property
    def _reports(self) -> "Reading":
        from metering.bootstrap.reports import Reading

        return Reading(self)

    @cached_property
    def _proofs(self) -> "Proofs":
        from metering.bootstrap.proofs import Proofs

        return Proofs(self)

    @cached_property
    def _prices(self) -> "Prices":
        from metering.bootstrap.prices import Prices

        return Prices(self)

    @cached_property
    def _installation(self) -> "Installation":
        from metering.bootstrap.installation import Installation

        return Installation(self)


_current: list[App] = []


def use(app: App) -> None:
    """Make `app` the one that triggers use: for a host that lives in the same process."""
    _current[:] = [app]


def current(*, creates: bool = False) -> App:
    """Return the app of this process, built from the environment on first use.

    Raises ConfigurationError if METERING_STORE names a SQLite file that does not exist, unless the
    caller may make it: a mistyped path would be another, empty store.
    """
    if not _current:
        settings = read_settings()
        if not creates:
            must_exist(settings)
        use(App(settings))
    return _current[0]


def must_exist(settings: Settings) -> None:
    """Raise ConfigurationError for a SQLite store that is an empty file or, if named, not there."""
    store = settings.store
    if not isinstance(store, SqliteStore):
        return
    if not store.path.exists():
        if store != DEFAULT_STORE:
            raise ConfigurationError(
                f"store {store.path}: does not exist: correct METERING_STORE, or run"
                " `metering init`"
            )
    elif store.path.is_file() and not store.path.stat().st_size:
        raise ConfigurationError(
            f"store {store.path}: is an empty file: restore it from a copy, or run `metering init`"
            " to begin anew"
        )
