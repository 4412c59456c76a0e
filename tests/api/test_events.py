"""`POST /api/events`: each event is answered, and counts once however often it is sent."""

from typing import Any

import pytest

from metering.app.ingest.take_events import MAX_EVENTS
from metering.core.basics.errors import Code, RejectedEvent, RetryableError
from metering.ports import Outgoing
from tests.api.served import PRODUCER, Served, problem
from tests.builders import event as gateway_event
from tests.builders import meter_event


def event(**changes: Any) -> dict[str, Any]:
    """Return an event of a producer, which has a source of its own."""
    return gateway_event(**{"source": "/app/test", **changes})


def outcome(**changes: Any) -> dict[str, Any]:
    data = {"outcome": "ticket_resolved", "use_case": "support"}
    return event(type="business.outcome.v1", id="o-1", **{"data": data, **changes})


async def send(api: Served, *events: object, token: str | None = None) -> Any:
    answer = await api.ask("POST", "/api/events", token or api.producer(), json=list(events))
    assert answer.status_code == 200, answer.text
    return answer.json()


class Hub:
    """A hub that keeps what it takes, unless it is told otherwise."""

    def __init__(self) -> None:
        self.events: list[Outgoing] = []
        self.largest = 10_000
        self.is_up = True

    async def publish(self, events: Any) -> None:
        if not self.is_up:
            raise RetryableError("hub: busy")
        if any(len(body) > self.largest for body, _ in events):
            raise RejectedEvent(Code.TOO_LARGE, "larger than the hub takes")
        self.events.extend(events)

    async def close(self) -> None:
        """Let nothing go."""


@pytest.fixture
def hub(api: Served) -> Hub:
    made = Hub()
    api.app.publish_through(lambda _: made)
    return made


async def test_without_a_hub_events_are_in_the_ledger_at_once(api: Served) -> None:
    said = await send(api, event(), meter_event(subject="sub-1"))
    assert (said["accepted"], said["rejected"]) == (2, 0)
    assert [(one["index"], one["id"], one["status"]) for one in said["events"]] == [
        (0, "r-1", "accepted"),
        (1, "m-1", "accepted"),
    ]
    found = await api.get("/api/me/balance", api.tenant())
    assert (found["requests"], found["amount"]) == (2, "0.0035")


async def test_sending_again_is_a_success_and_counts_nothing(api: Served) -> None:
    first = await send(api, event())
    assert await send(api, event()) == first
    found = await api.get("/api/me/balance", api.tenant())
    assert (found["requests"], found["duplicates"]) == (1, 1)


async def test_a_bad_event_is_refused_by_its_code_and_the_others_are_not(api: Served) -> None:
    said = await send(
        api,
        event(time="2020-01-01T00:00:00Z"),
        event(id="good"),
        7,
        {"type": "other"},
        event(data__usage={"prompt_tokens": -1}),
        outcome(time="2036-01-01T00:00:00Z"),
        outcome(data={"outcome": "x"}),
        outcome(data={"outcome": "x", "use_case": "y", "count": 0}),
        outcome(data={"outcome": "x", "use_case": "y", "count": "1"}),
    )
    assert [one["code"] for one in said["events"]] == [
        "too_old",
        None,
        "not_cloudevents",
        "not_cloudevents",
        "usage_invalid",
        "in_future",
        "missing_field",
        "invalid_field",
        "invalid_field",
    ]
    assert said["accepted"] == 1
    assert "use_case" in said["events"][6]["reason"]
    assert await api.app.dead_letters.latest(10) == []
    assert (await api.get("/api/me/balance", api.tenant()))["requests"] == 1


async def test_with_a_hub_all_three_types_are_published_under_their_subject(
    api: Served, hub: Hub
) -> None:
    said = await send(api, event(), meter_event(), outcome(subject="sub-2"))
    assert said["accepted"] == 3
    assert [key for _, key in hub.events] == ["sub-1", "sub-1", "sub-2"]
    assert b"ticket_resolved" in hub.events[2][0]


async def test_what_the_hub_does_not_take_is_said_of_that_event_alone(
    api: Served, hub: Hub
) -> None:
    said = await send(api, event(), event(id="big", data__more="x" * 10_000))
    assert [one["code"] for one in said["events"]] == [None, "too_large"]
    assert len(hub.events) == 1


async def test_a_hub_that_is_busy_is_503_and_the_batch_may_be_sent_again(
    api: Served, hub: Hub
) -> None:
    hub.is_up = False
    answer = await api.ask("POST", "/api/events", api.producer(), json=[event()])
    assert problem(answer)["status"] == 503
    hub.is_up = True
    assert (await send(api, event()))["accepted"] == 1


async def test_an_outcome_is_counted_and_is_no_request(api: Served) -> None:
    many = [outcome() | {"id": f"o-{n}"} for n in range(60)]
    assert (await send(api, *many, event()))["accepted"] == 61
    assert await api.app.dead_letters.latest(10) == []
    (case,) = [
        one
        for one in (await api.get("/api/me/unit-costs", api.tenant()))["use_cases"]
        if one["use_case"] == "support"
    ]
    assert [(one["outcome"], one["count"]) for one in case["outcomes"]] == [("ticket_resolved", 60)]
    assert (await api.get("/api/me/balance", api.tenant()))["requests"] == 1


async def test_a_batch_is_bounded(api: Served) -> None:
    many = [event(id=str(n)) for n in range(MAX_EVENTS + 1)]
    answer = await api.ask("POST", "/api/events", api.producer(), json=many)
    assert problem(answer)["status"] == 422
    assert (await send(api, *many[:MAX_EVENTS]))["accepted"] == MAX_EVENTS


async def test_a_body_of_brackets_is_no_json(api: Served) -> None:
    answer = await api.ask("POST", "/api/events", api.producer(), content=b"[" * 100_000)
    assert problem(answer)["status"] == 400


async def test_nobody_but_the_gateway_speaks_under_its_sources(api: Served) -> None:
    pre_empted = gateway_event(source="/APIM/Contoso", data__usage=..., data__tokens="absent")
    done = await send(api, pre_empted, event(id="r-2"))
    assert [one["code"] for one in done["events"]] == ["source_not_allowed", None]
    for token in (api.gateway(), api.operator()):
        assert (await send(api, gateway_event(), token=token))["accepted"] == 1


async def requests(api: Served, id_: str = "r-1") -> list[dict[str, Any]]:
    found = await api.get(f"/api/tenants/acme/requests?id={id_}", api.operator())
    listed: list[dict[str, Any]] = found["requests"]
    return listed


async def test_an_entry_names_who_sent_its_event_whatever_the_event_says(api: Served) -> None:
    await send(api, event(producer="app:somebody-else"), meter_event(producer=7))
    assert [one["producer"] for one in await requests(api)] == [PRODUCER]
    assert [one["producer"] for one in await requests(api, "m-1")] == [PRODUCER]
    # Sent again by somebody else it is the same event, which counts once.
    await send(api, event(), token=api.operator())
    assert [one["producer"] for one in await requests(api)] == [PRODUCER]
    # The gateway's events name nobody, and cannot name anybody.
    told = gateway_event(id="r-2", producer=PRODUCER)
    await send(api, told, gateway_event(id="r-3"), token=api.gateway())
    for name in ("r-2", "r-3"):
        assert [one["producer"] for one in await requests(api, name)] == [None]


async def test_a_request_counted_without_tokens_first_becomes_the_gateways(api: Served) -> None:
    nothing = {"prompt_tokens": 0, "completion_tokens": 0}
    await send(api, gateway_event(data__usage=nothing), token=api.operator())
    assert (await api.get("/api/me/balance", api.tenant()))["amount"] == "0"
    await send(api, gateway_event(), token=api.gateway())
    # Never the other way round.
    await send(api, gateway_event(data__usage=nothing), token=api.operator())
    (found,) = await requests(api)
    # 1,000 x 2.5 + 100 x 10 per million
    assert (found["amount"], found["producer"]) == ("0.0035", None)
    (before,) = found["corrections"]
    assert before["producer"].startswith("user:")
    balance = await api.get("/api/me/balance", api.tenant())
    assert (balance["requests"], balance["amount"]) == (1, "0.0035")
    (letter,) = await api.app.dead_letters.latest(10)
    assert letter.code == "id_conflict"
