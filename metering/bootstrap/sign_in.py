"""Wiring of sign-in: whose tokens are taken, by the settings and by where the app listens."""

import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from metering.adapters.clock import SystemClock
from metering.adapters.sign_in.app_service import identity_in
from metering.adapters.sign_in.browser_sessions import BrowserSessions
from metering.core.basics.errors import ConfigurationError
from metering.core.tenancy.access import Identity, Role
from metering.ports import Clock, TokenVerifier
from metering.settings.settings import Settings, SqliteStore

if TYPE_CHECKING:
    from metering.adapters.sign_in.development_issuer import DevelopmentIssuer

_KEY_FILE: Final = "development-issuer.pem"


class SignIn:
    """Takes the tokens of METERING_AUTH_ISSUER, or on this machine those of our own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_local = False
        self.clock: Clock = SystemClock()
        """The true time, whatever METERING_NOW says: what expires and how often one may ask."""

    def listens_on_loopback(self) -> None:
        """Take the development issuer's tokens from now on, unless another issuer is set.

        Only whoever has bound the app to this machine alone may say so. ConfigurationError in
        Azure: there everybody is outside.
        """
        if self._settings.http.in_azure:
            raise ConfigurationError(
                "WEBSITE_INSTANCE_ID: the development issuer is not accepted in Azure:"
                " set METERING_AUTH_ISSUER"
            )
        self._is_local = True

    @cached_property
    def tokens(self) -> TokenVerifier:
        """Verifies bearer tokens; ConfigurationError if no issuer is set."""
        auth = self._settings.http.auth
        if auth is None:
            if not self._is_local:
                raise ConfigurationError("METERING_AUTH_ISSUER: is not set, so sign-in is disabled")
            return self.development_issuer.verifier()
        # PyJWT and an HTTP client: a fifth of a second that only those who serve HTTP wait for.
        from metering.adapters.sign_in.jwks import IssuerKeys, KeyCache
        from metering.adapters.sign_in.tokens import BearerTokens

        keys = KeyCache(IssuerKeys(auth.issuer).fetch, time.monotonic)
        return BearerTokens(keys, issuer=auth.issuer, audience=auth.audience, tenant=auth.tenant)

    @cached_property
    def development_issuer(self) -> "DevelopmentIssuer":
        """The issuer of this machine, its key beside the store; refused in Azure."""
        if self._settings.http.in_azure:
            raise ConfigurationError("WEBSITE_INSTANCE_ID: Azure has no development issuer")
        from metering.adapters.sign_in.development_issuer import DevelopmentIssuer

        store = self._settings.store
        folder = store.path.parent if isinstance(store, SqliteStore) else Path(".metering")
        return DevelopmentIssuer(folder / _KEY_FILE, self.clock)

    @property
    def browser(self) -> Literal["app_service", "sessions"] | None:
        """The browser sign-in of this installation; None if it has none."""
        if self._settings.http.app_service_directory is not None:
            return "app_service"
        return "sessions" if self._is_local and self._settings.http.auth is None else None

    @cached_property
    def sessions(self) -> BrowserSessions:
        """The sessions of browsers; none is believed unless `browser` is "sessions"."""
        return BrowserSessions(self.clock)

    def gateway_token(self) -> str:
        """Return a development token for the simulated gateway."""
        return self.development_issuer.token(roles=frozenset({Role.GATEWAY}))

    def principal(self, header: str | None) -> Identity | None:
        """Return who App Service authentication names; None where it does not, or is not on."""
        directory = self._settings.http.app_service_directory
        return None if header is None or directory is None else identity_in(header, directory)
