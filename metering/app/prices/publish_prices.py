"""Publish a version of prices: report its changes, and change no past price without consent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.calendars.dated import soonest
from metering.core.prices.price_changes import Change, price_changes
from metering.core.prices.price_file import read_price_file, version_of
from metering.ports import Clock

#: Rows that a refusal names; the rest is counted.
_MAX_NAMED = 3


class Published(NamedTuple):
    """A version and its changes."""

    version: str
    changes: tuple[Change, ...]


class Consent(NamedTuple):
    """The dangerous changes that an operator agrees to."""

    supersede: bool = False
    """Prices of past usage: late events get the new one, and `prices rerate` corrects the rest."""
    jumps: bool = True
    """Prices that moved a hundredfold."""


@dataclass(slots=True)
class PublishPrices:
    """The use case behind `metering prices import` and `metering prices diff`."""

    tenancy: Tenancy
    clock: Clock

    async def changes(self, source: str, content: bytes) -> Published:
        """Return what a price file would change, without publishing it."""
        await self.tenancy.refresh()
        rows = read_price_file(source, content)
        changes = price_changes(self.tenancy.prices, rows)
        return Published(version_of(source, content), tuple(changes))

    async def refusals(self, source: str, content: bytes, consent: Consent) -> list[str]:
        """Return the reasons for which `publish` would refuse a price file, all of them."""
        published = await self.changes(source, content)
        reasons = []
        if not consent.jumps:
            reasons += _implausible(source, published.changes)
        if self.tenancy.has_published(published.version, content):
            return reasons
        if not consent.supersede:
            reasons += _superseding(source, published.changes, soonest(self.clock.now()))
        taken = self.tenancy.taken_version(published.version)
        if taken is not None:
            reasons.append(taken)
            return reasons
        try:
            self.tenancy.prices.with_version(read_price_file(source, content))
        except ConfigurationError as error:
            reasons.append(str(error))
        return reasons

    async def publish(self, source: str, content: bytes, *, supersede: bool) -> Published:
        """Put a price file in force for every process of the store, and return its changes.

        A price that may have been charged already changes from now on at the earliest (see
        `soonest`), unless `supersede` says that it was wrong: then late events are charged the
        new one, and `metering prices rerate` corrects the others. A first price may begin at any
        time. Safe to repeat. ConfigurationError names the refused rows.
        """
        published = await self.changes(source, content)
        refused = await self.refusals(source, content, Consent(supersede=supersede))
        if refused:
            raise ConfigurationError(refused[0])
        await self.tenancy.publish_prices(published.version, content)
        return published


def _implausible(source: str, changes: Sequence[Change]) -> list[str]:
    moved = [
        change.row.id
        for change in changes
        if any(bucket.is_implausible for bucket in change.buckets)
    ]
    if not moved:
        return []
    reason = "the price changed a hundredfold: check its unit, or import with --accept-jumps"
    return [f"{source}: {_few(moved)}: {reason}"]


def _superseding(source: str, changes: Sequence[Change], earliest: int) -> list[str]:
    wrong = [change.row.id for change in changes if _supersedes(change, earliest)]
    if not wrong:
        return []
    remedy = "use a later effective_from, or pass --supersede if the old price was wrong"
    return [f"{source}: would change the price of past usage: {_few(wrong)}: {remedy}"]


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"{', '.join(names[:_MAX_NAMED])}{more}"


def _supersedes(change: Change, earliest: int) -> bool:
    """Say whether usage that may have been priced already would have had another price."""
    if change.kind in {"new", "same"} or change.row.effective_from >= earliest:
        return False
    return any(bucket.old is not None for bucket in change.buckets)
