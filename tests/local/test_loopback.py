"""Listening on this machine."""

from socket import IPPROTO_TCP, TCP_NODELAY, create_connection

from metering.local.loopback import HOST, listener_on


def test_an_answer_is_sent_without_waiting_for_acknowledgements() -> None:
    with (
        listener_on(0, 0) as listener,
        create_connection((HOST, listener.getsockname()[1])),
        listener.accept()[0] as connection,
    ):
        assert connection.getsockopt(IPPROTO_TCP, TCP_NODELAY)
