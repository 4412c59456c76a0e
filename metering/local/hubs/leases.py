"""Leases: only one of the hosts on a hub file reads a partition or runs a timer."""

from dataclasses import dataclass

from metering.core.basics.instants import Instant
from metering.local.hubs.hub import EmbeddedHub

#: A held lease is written again after this share of its life, so that a slow host keeps it.
_RENEWALS_PER_LIFE = 3

_TIMERS = "@timers"


@dataclass(frozen=True, slots=True)
class LeaseKey:
    """A leased partition of a hub for one consumer group."""

    hub: str
    group: str
    partition: int


def timer_lease(name: str) -> LeaseKey:
    """Return the lease of a timer. `@` cannot be part of a hub's name."""
    return LeaseKey(_TIMERS, name, 0)


class HostLeases:
    """The leases of one host. `life_us` is their duration without renewal, in microseconds."""

    def __init__(self, hub: EmbeddedHub, owner: str, life_us: int) -> None:
        self.owner = owner
        self._hub = hub
        self._life_us = life_us
        self._renewed: dict[LeaseKey, Instant] = {}

    def hold(self, key: LeaseKey) -> bool:
        """Take or renew a lease where it is free, ours or expired; say whether it is ours.

        Between renewals this answers from memory: a lease lives longer than that.
        """
        now = self._hub.clock()
        renewed = self._renewed.get(key)
        if renewed is not None and 0 <= now - renewed < self._life_us // _RENEWALS_PER_LIFE:
            return True
        if self._take(key, now):
            self._renewed[key] = now
            return True
        self.forget(key)
        return False

    def forget(self, key: LeaseKey) -> None:
        """Read the lease from the file next time: it may be lost."""
        self._renewed.pop(key, None)

    def renew(self) -> None:
        """Renew every lease held, and drop those taken by another host."""
        for key in list(self._renewed):
            self.hold(key)

    def release(self) -> None:
        """Release every lease, so that another host does not wait for the expiry."""
        self._renewed.clear()
        with self._hub.file.writing() as db:
            db.execute("DELETE FROM leases WHERE owner = ?", (self.owner,))

    def _take(self, key: LeaseKey, now: Instant) -> bool:
        place = (key.hub, key.group, key.partition)
        found = self._hub.file.rows(
            "SELECT owner, expires_us FROM leases"
            " WHERE hub = ? AND consumer_group = ? AND partition = ?",
            place,
        )
        if found and found[0][0] != self.owner and found[0][1] > now:
            return False
        with self._hub.file.writing() as db:
            taken = db.execute(
                "INSERT INTO leases VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET owner = excluded.owner, expires_us = excluded.expires_us"
                " WHERE owner = excluded.owner OR expires_us <= ?",
                (*place, self.owner, now + self._life_us, now),
            )
            return taken.rowcount == 1
