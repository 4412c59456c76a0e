"""Wires weekly digests."""

from typing import TYPE_CHECKING

from metering.app.digests.send_digests import SendDigests
from metering.core.digests.digest import Digest
from metering.ports import Mail, Mailer

if TYPE_CHECKING:
    from metering.bootstrap.base import Base
    from metering.bootstrap.reports import Reading


def send_digests(base: "Base", reports: "Reading") -> SendDigests:
    """Return what makes digests and sends them as set."""
    settings = base.settings

    def render(digest: Digest) -> Mail:
        # The template engine takes a while to import: only those who use it wait for it.
        from metering.adapters.mail.digest_mail import digest_mail

        return digest_mail(digest, settings.issuer)

    return SendDigests(
        read=reports.read,
        overview=reports.overview,
        tenancy=base.tenancy,
        register=base.stores.register,
        notifier=base.notifier,
        mailer=_mailer(base),
        render=render,
        operators=settings.digests.recipients,
        clock=base.clock,
        alerts=base.alerts,
    )


def _mailer(base: "Base") -> Mailer | None:
    given = base.settings.digests
    if not given.mail_endpoint:
        return None
    # The SDK takes a while to import: only those who use it wait for it.
    from metering.adapters.mail.azure_mail import AzureMailer

    mailer = AzureMailer(given.mail_endpoint, given.mail_sender)
    base.closing.append(mailer.close)
    return mailer
