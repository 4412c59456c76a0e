"""What the policies send, taken in by the consumer: every request once, with the right counts."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from metering import bootstrap
from metering.app.ingest.ingest import Message, Tally
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from metering.core.usage.buckets import by_name
from metering.local.functions.worker import FunctionsWorker
from metering.local.hubs.hub import HubEvent
from metering.local.system import app_dir
from metering.settings.settings import Settings, SqliteStore
from tests.builders import AT, NOW, body
from tests.policies.exchanges import CHAT, CHAT_USAGE, REQUEST_ID, answer, run, stream
from tests.policies.gateway import Gateway
from tests.policies.test_events import ANTHROPIC_USAGE, EMBEDDINGS_USAGE, RESPONSES_USAGE

type System = Any

STREAMED = CHAT | {"stream": True}


async def ingest(system: System, *bodies: bytes) -> Tally:
    messages = [Message(content, "0", number) for number, content in enumerate(bodies)]
    tally: Tally = await system.ingest.batch(messages)
    return tally


async def balance(system: System, tenant: str = "sub-1") -> Any:
    return await system.read.balance(tenant, month_of(AT))


async def test_a_chat_is_counted_to_the_last_cent(gateway: Gateway, system: System) -> None:
    assert await ingest(system, *run(gateway)["bodies"]) == Tally(accepted=1)
    found = await balance(system)
    assert by_name(found.tokens) == {"input": 488, "cached_read": 512, "output": 100}
    # 488 x 2.5 + 512 x 1.25 + 100 x 10 = 2,860 per million
    assert format_amount(found.amount) == "0.00286"


@pytest.mark.parametrize(
    ("policy", "usage", "buckets"),
    [
        ("chat-completions", CHAT_USAGE, {"input": 488, "cached_read": 512, "output": 100}),
        (
            "responses",
            RESPONSES_USAGE,
            {"input": 488, "cached_read": 512, "output": 75, "reasoning": 25},
        ),
        ("embeddings", EMBEDDINGS_USAGE, {"input": 8}),
        ("openai-v1", CHAT_USAGE, {"input": 488, "cached_read": 512, "output": 100}),
        (
            "anthropic-messages",
            ANTHROPIC_USAGE,
            {
                "input": 10,
                "cached_read": 2000,
                "cache_write": 200,
                "cache_write_long": 100,
                "output": 50,
            },
        ),
    ],
)
async def test_every_shape_is_counted(
    gateway: Gateway, system: System, policy: str, usage: object, buckets: dict[str, int]
) -> None:
    done = run(gateway, policy, backend=answer({"model": "gpt-4o", "usage": usage}))
    assert await ingest(system, *done["bodies"]) == Tally(accepted=1)
    assert by_name((await balance(system)).tokens) == buckets


@pytest.mark.parametrize(
    ("status", "not_billable"),
    [(200, 0), (400, 1), (401, 1), (403, 1), (408, 0), (429, 1), (500, 1)],
)
async def test_what_has_no_usage_is_one_request_without_tokens(
    gateway: Gateway, system: System, status: int, not_billable: int
) -> None:
    done = run(gateway, backend=answer({"error": {}}, status))
    assert await ingest(system, *done["bodies"]) == Tally(accepted=1)
    total = (await balance(system)).total
    assert (total.requests, total.not_billable, sum(total.tokens)) == (1, not_billable, 0)
    # Whether the service was paid for a 200 or 408 without counts is not known: it is not zero.
    assert total.missing == 1 - not_billable


async def test_a_stream_holds_its_estimate_until_its_counts_come(
    gateway: Gateway, system: System
) -> None:
    assert await ingest(system, *run(gateway, body=STREAMED, backend=stream())["bodies"]) == Tally(
        accepted=1
    )
    found = await balance(system)
    assert (found.total.requests, found.held_requests) == (0, 1)
    # 5 x 2.5 + 400 x 10 = 4,012.5 per million
    assert format_amount(found.held_amount) == "0.0040125"
    counted = body(id=REQUEST_ID, source="/apim/contoso", data__evidence="totals")
    assert await ingest(system, counted) == Tally(accepted=1)
    found = await balance(system)
    assert (found.total.requests, found.held_requests) == (1, 0)


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({"backend": answer()}, (1, 0, "0.00286")),
        ({"backend": answer({"error": {}}, 429)}, (1, 0, "0")),
        ({"body": STREAMED, "backend": stream()}, (0, 1, "0")),
    ],
    ids=["final", "absent", "pending"],
)
@pytest.mark.parametrize("trouble", [{"overall": "outbound-fails"}, {"client_leaves": True}])
async def test_an_error_after_outbound_sends_the_same_event_again_and_it_counts_once(
    gateway: Gateway,
    system: System,
    trouble: dict[str, Any],
    changes: dict[str, Any],
    counted: tuple[int, int, str],
) -> None:
    done = run(gateway, **changes, **trouble)
    first, second = done["bodies"]
    assert [sent["section"] for sent in done["events"]] == ["outbound", "on-error"]
    assert first == second
    assert await ingest(system, first, second) == Tally(accepted=1, duplicates=1)
    assert await ingest(system, second) == Tally(duplicates=1)
    found = await balance(system)
    assert (found.total.requests, found.held_requests, format_amount(found.amount)) == counted


@pytest.mark.parametrize(
    "changes",
    [
        {"subscription": None, "refused": {"source": "a", "reason": "b", "status": 401}},
        {"overall": "inbound-fails"},
        {"backend": {"fault": "Timeout", "status": 500}},
        {"backend": {"fault": "ClientConnectionFailure", "status": None}},
        {"values": "closed"},
        {"product": None, "headers": {"x-end-user": "é" * 4000, "x-use-case": "😀" * 4000}},
        {"body": "nonsense", "backend": answer("<html>", 400)},
        {"backend": answer("{")},
        {"policy": "openai-v1", "body": None},
        {"subscription": {"id": "s" * 256}},
        {"backend": answer({"usage": {"prompt_tokens": 1, "more": "y" * 300_000}})},
        {"time_kind": "local"},
    ],
    ids=str,
)
async def test_whatever_happens_the_event_is_taken(
    gateway: Gateway, system: System, changes: dict[str, Any]
) -> None:
    done = run(gateway, **{"policy": "chat-completions"} | changes)
    assert await ingest(system, *done["bodies"]) == Tally(accepted=1)


async def test_usage_that_is_wrong_is_set_aside_as_the_provider_wrote_it(
    gateway: Gateway, system: System
) -> None:
    wrong = CHAT_USAGE | {"total_tokens": 7}
    tally = await ingest(system, *run(gateway, backend=answer({"usage": wrong}))["bodies"])
    assert dict(tally.rejected) == {"usage_inconsistent": 1}


async def test_an_app_and_the_anonymous_have_ledgers_of_their_own(
    gateway: Gateway, system: System
) -> None:
    app = run(gateway, subscription=None, overall="foundry", claims={"azp": "client-7"})
    nobody = run(gateway, subscription=None, id="00000000-0000-0000-0000-000000000001")
    assert await ingest(system, *app["bodies"], *nobody["bodies"]) == Tally(accepted=2)
    assert len(await system.read.tenants()) == 2


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[bootstrap.App]:
    made = bootstrap.App(Settings(SqliteStore(tmp_path / "store.db"), fixed_now=NOW))
    bootstrap.use(made)
    yield made
    await made.close()


async def test_a_mixed_batch_through_the_worker_library_is_counted(
    gateway: Gateway, app: bootstrap.App
) -> None:
    kinds: list[dict[str, Any]] = [
        {"backend": answer()},
        {"body": STREAMED, "backend": stream()},
        {"backend": answer({"error": {}}, 429)},
        {"overall": "outbound-fails"},
        {"values": "closed"},
    ]
    bodies = [
        content
        for number, kind in enumerate(kinds)
        for content in run(gateway, id=f"00000000-0000-0000-0000-00000000000{number}", **kind)[
            "bodies"
        ]
    ]
    batch = [
        HubEvent(content, "sub-1", number, str(number), NOW)
        for number, content in enumerate(bodies)
    ]
    worker = await FunctionsWorker.start(app_dir())
    await worker.invoke_event_hub("ingest_usage", batch, "0")
    await worker.invoke_event_hub("ingest_usage", batch, "0", retry_count=1)
    assert await app.dead_letters.latest(10) == []
    found = await app.read.balance("sub-1", month_of(AT))
    # Of five requests one is held, two are charged (one of them failed after its answer came),
    # and two were never served.
    assert (found.total.requests, found.held_requests, found.total.not_billable) == (4, 1, 2)
    # 2 x 0.00286 at the committed list prices of gpt-4o-2024-11-20: 2.5, 1.25 and 10 per million.
    assert format_amount(found.amount) == "0.00572"
