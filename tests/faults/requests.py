"""The requests that the state machine sends: whose, when, of which model, as event bodies."""

from typing import NamedTuple

from hypothesis import strategies as st

from metering.core.basics.instants import DAY, MINUTE, format_instant
from metering.core.calendars.periods import SLOT, month_of
from tests.builders import AT, body

TENANTS = ("sub-1", "sub-2")
KINDS = ("pending", "absent", "totals", "full")
#: The edge of November, where ids may return from the ledger before.
EDGE = month_of(AT).start
TIMES = (AT, AT + 7 * MINUTE, AT - 3 * DAY, EDGE - MINUTE, EDGE + MINUTE)
#: Where an id comes back with another time: the slot beside its own, in the same ledger.
MOVED = (AT + SLOT, AT + 7 * MINUTE - SLOT, AT - 3 * DAY + SLOT, EDGE - 11 * MINUTE, EDGE + SLOT)
PRICED = "gpt-4o-2024-11-20"
UNPRICED = ("gpt-98", "gpt-99")
#: Number, kind, tokens, times.
REQUESTS = st.tuples(
    st.integers(0, 30),
    st.sampled_from(KINDS),
    st.integers(0, 5000),
    st.sampled_from([TIMES, TIMES, MOVED]),
)


class Sent(NamedTuple):
    """One request as the test remembers it: its best counts so far."""

    tenant: str
    rank: int
    time: int
    prompt: int
    output: int
    priced: bool


def model_of(number: int, kind: str) -> str:
    """Return what the producer says served a request: it may know better with better counts."""
    unpriced = UNPRICED[number % 4 // 2]
    totals, full = ((PRICED, PRICED), (unpriced, unpriced), (unpriced, PRICED), (PRICED, unpriced))[
        number % 7 % 4
    ]
    return full if kind == "full" else totals


def body_of(number: int, kind: str, time: int, counts: tuple[int, int]) -> bytes:
    """Return the event of a request: its prompt and output tokens, as well as `kind` knows them."""
    usage = {"prompt_tokens": counts[0], "completion_tokens": counts[1]}
    final = kind in {"totals", "full"}
    return body(
        id=f"r-{number}",
        time=format_instant(time),
        subject=TENANTS[number % 2],
        data__model=model_of(number, kind),
        data__tokens="final" if final else kind,
        data__evidence=kind if final else "full",
        data__usage=usage if final else None,
    )
