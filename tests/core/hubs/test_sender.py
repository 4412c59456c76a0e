"""Senders: what a body tells of its sender, however broken it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.hubs.sender import UNNAMED, Sender, sender_of


@pytest.mark.parametrize(
    ("body", "sender"),
    [
        (b'{"source": "/APIM/a", "subject": "sub-1", "x": 1}', Sender("/apim/a", "sub-1")),
        (b'{"source": "/apim/a", "data": {"cut o', Sender("/apim/a")),
        (b'{"records": [{"resourceId": "/SUB/x"}, {"resourceId": "/y"}]}', Sender("/sub/x")),
        (b'[{"_ResourceId": "/SUB/x"}]', Sender("/sub/x")),
        (b'{"source": 7, "subject": ["a"]}', UNNAMED),
        (b'{"records": []}', UNNAMED),
        (b"[1]", UNNAMED),
        (b"nonsense", UNNAMED),
        (b'{"source": "' + b"s" * 300 + b'"}', Sender("s" * 256)),
        (b'{"source": "a", "x": "' + b"x" * 1_048_576 + b'"}', UNNAMED),
    ],
)
def test_a_body_names_its_sender_as_far_as_it_can_be_read(body: bytes, sender: Sender) -> None:
    assert sender_of(body) == sender


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_body_stops_the_reader(body: bytes) -> None:
    assert isinstance(sender_of(body), Sender)
