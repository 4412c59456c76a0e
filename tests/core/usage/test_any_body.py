"""Any body is read or refused with a code: the reader never fails in another way."""

import json
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.core.basics.errors import RejectedEvent
from metering.core.usage.usage_reader import UsageReader
from tests.builders import NOW, event, meter_event, outcome_event
from tests.soak import EXAMPLES

FUZZED: Final = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
READER: Final = UsageReader()
ODD: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=10)
    | st.sampled_from(["", "0001-01-01T00:00:00+23:59", "9" * 300, "\ud800", 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def read(body: bytes) -> None:
    reason = ""
    try:
        usage = READER.read_all(body, NOW).usage
        json.dumps(usage, ensure_ascii=False).encode()
    except RejectedEvent as why:
        reason = why.reason
    assert "\n" not in reason
    reason.encode()


@given(st.binary(max_size=200))
@FUZZED
def test_any_bytes(body: bytes) -> None:
    read(body)


def _places(value: Any, place: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [place]
    inner = [one for name, part in value.items() for one in _places(part, (*place, name))]
    return [place, *inner] if place else inner


EVENTS: Final = [event(), meter_event(), outcome_event()]


@given(st.data())
@FUZZED
def test_any_value_in_any_field(data: st.DataObject) -> None:
    changed = json.loads(json.dumps(data.draw(st.sampled_from(EVENTS))))
    *path, last = data.draw(st.sampled_from(_places(changed)))
    inner = changed
    for name in path:
        inner = inner[name]
    inner[last] = data.draw(ODD)
    read(json.dumps(changed).encode())
