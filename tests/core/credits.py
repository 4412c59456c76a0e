"""Grants and spends in small whole units, so that many of them meet."""

from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import strategies as st

from metering.core.basics.money import Amount, format_amount
from metering.core.credit.grant import NOTHING_SETTLED, Burning, Burnt, Grant, Spend

CHANNELS = ("microsoft", "marketplace", None)
LAST = 20


def grant(id_: str = "g", units: int = 10, **changes: Any) -> Grant:
    """Return a grant of so many units of 10^-18 USD, valid from 0 on without end."""
    start = changes.pop("start", 0)
    made = Grant(
        id=id_, tenant="acme", amount=format_amount(units), currency="USD", start=max(0, start)
    )
    # A start before the epoch is for tests of order only: no check of a model stands in its way.
    return made.model_copy(update={"start": start, **changes})


@st.composite
def _grants(draw: st.DrawFn) -> list[Grant]:
    made = []
    for name in "abcd"[: draw(st.integers(0, 4))]:
        start = draw(st.integers(0, LAST))
        expiry = draw(st.none() | st.integers(start + 1, LAST + 1))
        revoked = draw(st.none() | st.none() | st.integers(start, LAST))
        made.append(
            grant(
                name,
                draw(st.integers(1, 12)),
                start=start,
                expiry=expiry,
                revoked=revoked,
                priority=draw(st.integers(0, 1)),
                channel=draw(st.sampled_from((None, *CHANNELS))),
            )
        )
    return made


@st.composite
def _spends(draw: st.DrawFn) -> list[Spend]:
    times = sorted(draw(st.lists(st.integers(0, LAST), max_size=8)))
    return [Spend(time, draw(st.sampled_from(CHANNELS)), draw(st.integers(0, 9))) for time in times]


#: Amounts that are due at once, by channel.
SETTLEMENTS = st.fixed_dictionaries({channel: st.integers(0, 9) for channel in CHANNELS})
GRANTS = _grants()
SPENDS = _spends()


def burn(
    grants: Iterable[Grant],
    spends: Iterable[Spend],
    settled: Mapping[str, Amount] = NOTHING_SETTLED,
    *,
    at_last: Mapping[str | None, Amount] | None = None,
) -> Burnt:
    """Pay `spends`, in order of their time, after `settled` was taken from the grants."""
    burning = Burning(grants, settled)
    burning.pay(spends)
    burning.settle(LAST, at_last or {})
    return burning.burnt
