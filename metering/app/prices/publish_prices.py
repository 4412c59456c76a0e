"""Publish a version of prices: say what it changes, and change no past price without a word."""

from collections.abc import Sequence
from typing import NamedTuple

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.calendars.dated import soonest
from metering.core.prices.price_changes import Change, price_changes
from metering.core.prices.price_file import read_price_file, version_of
from metering.ports import Clock

#: Named in a refusal; the rest is counted.
_MAX_NAMED = 3


class Published(NamedTuple):
    """What a version changes."""

    version: str
    changes: tuple[Change, ...]


class PublishPrices:
    """The use case behind `metering prices import` and `metering prices diff`."""

    def __init__(self, tenancy: Tenancy, clock: Clock) -> None:
        self._tenancy = tenancy
        self._clock = clock

    async def changes(self, source: str, content: bytes) -> Published:
        """Return what a price file would change, without publishing it."""
        await self._tenancy.refresh()
        rows = read_price_file(source, content)
        changes = price_changes(self._tenancy.prices, rows)
        return Published(version_of(source, content), tuple(changes))

    async def publish(self, source: str, content: bytes, *, supersede: bool) -> Published:
        """Put a price file in force for every process of the store, and return what it changes.

        A price that somebody may have been charged already is another from now on at the earliest
        (see `soonest`), unless `supersede` says that it was wrong: then late events are charged the
        new one, and `metering prices rerate` corrects the others. A price for what had none may
        begin at any time. Safe to repeat. ConfigurationError names what is refused.
        """
        published = await self.changes(source, content)
        if not supersede and not self._tenancy.has_published(published.version, content):
            _refuse_superseding(source, published.changes, soonest(self._clock.now()))
        await self._tenancy.publish_prices(published.version, content)
        return published


def _refuse_superseding(source: str, changes: Sequence[Change], earliest: int) -> None:
    wrong = [change.row.id for change in changes if _supersedes(change, earliest)]
    if wrong:
        named = ", ".join(wrong[:_MAX_NAMED])
        more = f" and {len(wrong) - _MAX_NAMED} more" if len(wrong) > _MAX_NAMED else ""
        raise ConfigurationError(
            f"{source}: would change the price of past usage: {named}{more}: let it begin later, or"
            " say that the old price was wrong with --supersede"
        )


def _supersedes(change: Change, earliest: int) -> bool:
    """Say whether usage that may have been priced already would have had another price."""
    if change.kind in {"new", "same"} or change.row.effective_from >= earliest:
        return False
    return any(bucket.old is not None for bucket in change.buckets)
