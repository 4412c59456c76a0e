"""Effects told to a real receiver over HTTP, which checks the signature by itself."""

import base64
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from metering.adapters.clock import FixedClock, SystemClock
from metering.adapters.telemetry import webhook as webhook_module
from metering.adapters.telemetry.webhook import WebhookNotifier, webhook_id
from metering.app.ingest.ingest import Message
from metering.app.ledger.deliver_effects import DeliverEffects
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import MINUTE, parse_instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.effect import Effect, EffectKind
from metering.settings.settings import read_settings
from tests.adapters.receivers import (
    Answer,
    Receiver,
    hang,
    hang_up,
    never_end,
    receiving,
    speak_gibberish,
    status,
)
from tests.builders import NOW, body
from tests.systems import MovableClock

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
OTHER = bytes(range(32, 64))
LEDGER = LedgerId("acme", parse_instant("2026-11-01T00:00:00Z"))
EFFECT = Effect(LEDGER, 7, 0, EffectKind.UNPRICED, "gpt-ü", parse_instant("2026-11-20T11:59:00Z"))

type Make = Callable[..., WebhookNotifier]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(SECRET) as made:
        yield made


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[WebhookNotifier] = []

    def notifier(url: str, *secrets: bytes, clock: Any = None) -> WebhookNotifier:
        made.append(WebhookNotifier(url, secrets or (KEY,), clock or FixedClock(NOW)))
        return made[-1]

    yield notifier
    for one in made:
        await one.close()


async def test_an_effect_arrives_as_a_signed_cloud_event(receiver: Receiver, make: Make) -> None:
    await make(receiver.url).notify(EFFECT)

    ((headers, body),) = receiver.seen
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["webhook-id"] == "acme|2026-11-01T00:00:00Z/effect-00000007-0"
    # 2026-11-20T12:00:00Z: date -u -d @1795176000
    assert headers["webhook-timestamp"] == "1795176000"
    assert json.loads(body) == {
        "specversion": "1.0",
        "id": "acme|2026-11-01T00:00:00Z/effect-00000007-0",
        "source": "/metering",
        "type": "metering.effect.v1",
        "subject": "acme",
        "time": "2026-11-20T11:59:00Z",
        "datacontenttype": "application/json",
        "data": {
            "ledger": "acme|2026-11-01T00:00:00Z",
            "tenant": "acme",
            "kind": "unpriced",
            "detail": "gpt-ü",
            "text": "acme|2026-11-01T00:00:00Z: usage of model 'gpt-ü' has no price",
            "created": "2026-11-20T11:59:00Z",
        },
    }


async def test_the_reference_implementation_verifies_it(receiver: Receiver, make: Make) -> None:
    await make(receiver.url, clock=SystemClock()).notify(EFFECT)

    ((headers, body),) = receiver.seen
    assert Webhook(SECRET).verify(body, headers)["id"] == EFFECT.key
    for changed in (body + b" ", body.replace(b"acme", b"evil")):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(changed, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, {**headers, "webhook-id": "another"})


async def test_while_secrets_change_either_verifies(receiver: Receiver, make: Make) -> None:
    await make(receiver.url, OTHER, KEY).notify(EFFECT)
    await make(receiver.url, KEY, OTHER).notify(EFFECT)
    with pytest.raises(RetryableError, match="status 401"):
        await make(receiver.url, OTHER).notify(EFFECT)
    assert len(receiver.seen) == 2


async def test_the_same_effect_again_has_the_same_id_and_body_and_the_time_of_the_attempt(
    receiver: Receiver, make: Make
) -> None:
    clock = MovableClock(NOW)
    receiver.answers.append(status(500))
    notifier = make(receiver.url, clock=clock)
    with pytest.raises(RetryableError, match="answered with status 500$"):
        await notifier.notify(EFFECT)
    clock.set(NOW + MINUTE)
    await notifier.notify(EFFECT)

    (first, body), (second, again) = receiver.seen
    assert body == again
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 60


async def test_no_full_stop_of_a_tenants_name_gets_into_what_delimits_the_signature(
    receiver: Receiver, make: Make
) -> None:
    effect = EFFECT._replace(ledger=LedgerId("a.1795176000.b", LEDGER.start))
    await make(receiver.url).notify(effect)

    ((headers, _),) = receiver.seen
    assert headers["webhook-id"] == ("a%2E1795176000%2Eb|2026-11-01T00:00:00Z/effect-00000007-0")
    assert receiver.events[0]["id"] == effect.key
    assert webhook_id(effect) != webhook_id(EFFECT)


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_any_success_is_delivered(receiver: Receiver, make: Make, code: int) -> None:
    receiver.answers.append(status(code))
    await make(receiver.url).notify(EFFECT)


@pytest.mark.parametrize("code", [304, 400, 401, 404, 410, 429, 500, 503])
async def test_any_other_status_is_named_without_the_words_of_the_receiver(
    receiver: Receiver, make: Make, code: int
) -> None:
    receiver.answers.append(status(code))
    with pytest.raises(RetryableError) as raised:
        await make(f"{receiver.url}?sig=hidden").notify(EFFECT)
    origin = receiver.url.removesuffix("/hook")
    assert str(raised.value) == f"webhook {origin}: answered with status {code}"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_is_not_followed(
    receiver: Receiver, make: Make, code: int
) -> None:
    receiver.answers.append(status(code, location="/elsewhere"))
    with pytest.raises(RetryableError, match=f"status {code}"):
        await make(receiver.url).notify(EFFECT)
    assert receiver.targets == ["/hook"]


async def test_an_answer_that_does_not_come_is_given_up_in_time(
    receiver: Receiver, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_module, "TIMEOUT_S", 0.2)
    receiver.answers.append(hang)
    with pytest.raises(RetryableError, match="no answer in time"):
        await make(receiver.url).notify(EFFECT)


@pytest.mark.parametrize("answer", [hang_up, speak_gibberish])
async def test_what_is_no_answer_hides_the_url(
    receiver: Receiver, make: Make, answer: Answer
) -> None:
    receiver.answers.append(answer)
    with pytest.raises(RetryableError, match="no answer: [A-Za-z]+$") as raised:
        await make(f"{receiver.url}?sig=hidden").notify(EFFECT)
    assert "hidden" not in str(raised.value)


async def test_an_answer_without_an_end_is_not_read(receiver: Receiver, make: Make) -> None:
    receiver.answers.append(never_end)
    notifier = make(receiver.url)
    await notifier.notify(EFFECT)
    await notifier.notify(EFFECT)
    assert len(receiver.seen) == 2


async def test_nobody_listening_may_be_tried_again_later(make: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/hook?sig=hidden"
        with pytest.raises(RetryableError, match="no connection: ") as raised:
            await make(url).notify(EFFECT)
    assert "hidden" not in str(raised.value)


async def test_a_query_goes_over_the_wire_as_it_was_given(receiver: Receiver, make: Make) -> None:
    await make(f"{receiver.url}?sig=a%2Bb%2f%3D&x=~%7E").notify(EFFECT)
    assert receiver.targets == ["/hook?sig=a%2Bb%2f%3D&x=~%7E"]


async def test_what_is_too_large_is_not_sent(receiver: Receiver, make: Make) -> None:
    with pytest.raises(RetryableError, match="effect-00000007-0 is larger than 65536"):
        await make(receiver.url).notify(EFFECT._replace(detail="x" * 40_000))
    assert receiver.targets == []


async def test_a_closed_notifier_opens_again(receiver: Receiver, make: Make) -> None:
    notifier = make(receiver.url)
    await notifier.notify(EFFECT)
    await notifier.close()
    await notifier.close()
    await notifier.notify(EFFECT)
    assert len(receiver.seen) == 2


def test_settings_do_not_show_secrets_or_the_url() -> None:
    settings = read_settings(
        {
            "METERING_WEBHOOK_URL": "https://example.com/hook?sig=hidden",
            "METERING_WEBHOOK_SECRET": SECRET,
        }
    )
    assert settings.webhook is not None
    assert settings.webhook.secrets == (KEY,)
    for text in (repr(settings), str(settings.webhook), f"{settings.webhook}"):
        assert "hidden" not in text
        assert repr(KEY)[2:8] not in text


async def test_what_a_commit_left_arrives_once_the_receiver_is_back(
    receiver: Receiver, make: Make, system: Any
) -> None:
    await system.ingest.batch([Message(body(data__model="x"), "0", 1)])
    notifier = make(receiver.url, clock=system.clock)
    deliver = DeliverEffects(
        effects=system.effects,
        notifier=notifier,
        clock=system.clock,
        alerts=system.alerts,
        currency_of=system.tenancy.currency_of,
    )
    receiver.answers.append(status(500))
    assert await deliver.run() == 0
    (waiting,) = await deliver.waiting(10)
    assert waiting.failure.endswith("answered with status 500")
    system.clock.set(NOW + MINUTE)
    assert await deliver.run() == 1
    assert await deliver.run() == 0
    assert [event["data"]["detail"] for event in receiver.events] == ["x", "x"]
    assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 1
