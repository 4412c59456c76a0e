"""The stop rule: more than half of a batch and at least twenty unreadable events stop it."""

import pytest

from metering.core.basics.errors import UNREADABLE, Code
from metering.core.hubs.stop_rule import is_bad_deploy


@pytest.mark.parametrize(
    ("unreadable", "size", "stops"),
    [(19, 19, False), (20, 20, True), (20, 39, True), (20, 40, False), (21, 40, True)],
)
def test_a_batch_stops_from_twenty_unreadable_events_that_are_more_than_half(
    unreadable: int,
    size: int,
    stops: bool,  # noqa: FBT001
) -> None:
    assert is_bad_deploy([Code.NOT_JSON] * unreadable, size) is stops


def test_events_that_can_be_read_never_stop_a_batch() -> None:
    for code in set(Code) - UNREADABLE:
        assert not is_bad_deploy([code] * 100, 100)
    for code in UNREADABLE:
        assert is_bad_deploy([code] * 100, 100)
