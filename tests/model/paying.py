"""Grants in exact fractions, as docs/credits.md describes them: who pays what, and when."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from fractions import Fraction

from tests.model.charging import Line
from tests.model.scenario import Give

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
CHANNELS = ("microsoft", "marketplace", None)
OWN = ("usage", "allowance", "tier", "package", "request_fee", "base_fee", "minimum")

type ByChannel = dict[str | None, Fraction]
type Spend = tuple[datetime, str | None, Fraction]


def rank(grant: Give) -> tuple[int, datetime, datetime, str]:
    return grant.priority, grant.expiry or NEVER, grant.start, grant.id


def burn(
    left: Mapping[str, Fraction],
    grants: Iterable[Give],
    lines: Iterable[Line],
    spends: Iterable[Spend],
    last: datetime,
) -> dict[str, Fraction]:
    """Return what each grant pays of a period: usage at its times, the rest in the last instant."""
    lines, grants = list(lines), sorted(grants, key=rank)
    left, paid = dict(left), dict[str, Fraction]()
    total = _net(lines)
    own = _net(line for line in lines if line.kind in OWN)
    usage = {channel: min(own[channel], total[channel]) for channel in CHANNELS}
    beyond = {channel: total[channel] - usage[channel] for channel in CHANNELS}

    def pay(some: Iterable[Give], time: datetime, channel: str | None, due: Fraction) -> Fraction:
        for grant in some:
            is_valid = grant.start <= time < (grant.expiry or NEVER)
            if is_valid and grant.channel in (None, channel):
                part = min(due, left[grant.id])
                left[grant.id] -= part
                due -= part
                if part:
                    paid[grant.id] = paid.get(grant.id, Fraction(0)) + part
        return due

    for time, channel, amount in sorted(spends, key=lambda spend: spend[0]):
        part = min(amount, usage[channel])
        usage[channel] -= part
        pay(grants, time, channel, part)
    rest = {channel: beyond[channel] + usage[channel] for channel in CHANNELS}
    for is_narrow in (True, False):
        some = [grant for grant in grants if (grant.channel is not None) is is_narrow]
        for channel in CHANNELS:
            rest[channel] = pay(some, last, channel, rest[channel])
    return paid


def _net(lines: Iterable[Line]) -> ByChannel:
    """Sum lines by channel. Less than nothing in one is taken from the others, in their order."""
    found: ByChannel = dict.fromkeys(CHANNELS, Fraction(0))
    for line in lines:
        found[line.channel] += line.amount
    over = -sum((amount for amount in found.values() if amount < 0), Fraction(0))
    for channel in CHANNELS:
        due = max(found[channel], Fraction(0))
        found[channel] = due - min(due, over)
        over -= min(due, over)
    return found
