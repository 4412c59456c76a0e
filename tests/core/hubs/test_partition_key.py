"""The key an event is published under."""

import hashlib
import json

import pytest

from metering.core.basics.errors import RejectedEvent
from metering.core.hubs.partition_key import check_key, partition_key


def test_an_event_is_keyed_by_its_subject() -> None:
    assert partition_key(b'{"subject": "acme", "data": {"subject": "other"}}') == "acme"


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[]", b"{}", b'{"subject": ""}', b'{"subject": 7}', b"\xff", b"[" * 9999],
)
def test_what_has_no_subject_is_keyed_by_its_own_hash(body: bytes) -> None:
    assert partition_key(body) == hashlib.sha256(body).hexdigest()


def test_a_subject_longer_than_a_key_may_be_is_hashed_so_its_events_stay_together() -> None:
    longest, longer = "s" * 128, "s" * 129
    assert partition_key(json.dumps({"subject": longest}).encode()) == longest
    one = partition_key(json.dumps({"subject": longer, "id": "1"}).encode())
    other = partition_key(json.dumps({"subject": longer, "id": "2"}).encode())
    assert one == other == hashlib.sha256(longer.encode()).hexdigest()


def test_a_key_has_one_to_128_characters() -> None:
    check_key("k")
    check_key("k" * 128)
    for key in ("", "k" * 129):
        with pytest.raises(RejectedEvent, match="invalid_field: a partition key of"):
            check_key(key)
