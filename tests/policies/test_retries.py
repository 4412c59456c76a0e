"""Further attempts at the backends of a pool: after 429 and 503 only, and one event in all."""

import pytest

from tests.policies.exchanges import CHAT_ANSWER, answer, run
from tests.policies.gateway import Gateway

BUSY = answer({"error": {"code": "429"}}, 429)
AWAY = answer({"error": {"code": "503"}}, 503)
WELL = answer(CHAT_ANSWER)


@pytest.mark.parametrize(
    ("backends", "attempts", "status"),
    [
        ([WELL], 1, 200),
        ([BUSY, WELL], 2, 200),
        ([AWAY, BUSY, WELL], 3, 200),
        # Two further attempts at most: the fourth backend is not asked.
        ([BUSY, BUSY, AWAY, WELL], 3, 503),
        # Any other error is the answer.
        ([answer({"error": {"code": "500"}}, 500), WELL], 1, 500),
        ([answer({"error": {"code": "400"}}, 400), WELL], 1, 400),
    ],
)
@pytest.mark.parametrize("policy", ["chat-completions", "openai-v1", "embeddings"])
def test_a_busy_backend_is_followed_by_another_and_the_request_is_one_event(
    gateway: Gateway, policy: str, backends: list[dict[str, object]], attempts: int, status: int
) -> None:
    done = run(gateway, policy=policy, values="pooled", backends=backends)
    assert done["attempts"] == attempts
    assert [made["event"]["data"]["status"] for made in done["events"]] == [status]


def test_a_single_backend_is_asked_once(gateway: Gateway) -> None:
    done = run(gateway, backends=[BUSY, WELL])
    assert done["attempts"] == 1
    assert done["events"][0]["event"]["data"]["status"] == 429


def test_what_a_client_sent_is_sent_again_whole(gateway: Gateway) -> None:
    done = run(gateway, values="pooled", backends=[BUSY, WELL])
    assert done["forwarded"]["body"]
    assert done["forwarded"]["body"] == run(gateway)["forwarded"]["body"]
