"""Wires weekly digests."""

from typing import TYPE_CHECKING

from metering.app.digests.send_digests import SendDigests
from metering.core.digests.digest import Digest
from metering.ports import Mail, Mailer

if TYPE_CHECKING:
    from metering.bootstrap.app import App


def send_digests(app: "App") -> SendDigests:
    """Return what makes digests and sends them as set."""
    settings = app.settings

    def render(digest: Digest) -> Mail:
        # The template engine takes a while to import: only those who use it wait for it.
        from metering.adapters.mail.digest_mail import digest_mail

        return digest_mail(digest, settings.issuer)

    return SendDigests(
        read=app.read,
        overview=app.overview,
        tenancy=app.tenancy,
        register=app.stores.register,
        notifier=app.notifier,
        mailer=_mailer(app),
        render=render,
        operators=settings.digests.recipients,
        clock=app.clock,
        alerts=app.alerts,
    )


def _mailer(app: "App") -> Mailer | None:
    given = app.settings.digests
    if not given.mail_endpoint:
        return None
    # The SDK takes a while to import: only those who use it wait for it.
    from metering.adapters.mail.azure_mail import AzureMailer

    mailer = AzureMailer(given.mail_endpoint, given.mail_sender)
    app.closing.append(mailer.close)
    return mailer
