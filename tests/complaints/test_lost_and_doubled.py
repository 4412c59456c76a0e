"""What users of the nearest systems complain of: usage that is lost, or counted twice.

Bare numbers are issues of BerriAI/litellm.
"""

from collections.abc import Callable
from typing import Any

import pytest

from metering.app.ingest.ingest import Message, Tally
from metering.core.basics.errors import Code, RetryableError
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from metering.local.functions.worker import FunctionsWorker
from metering.local.system import app_dir
from tests.builders import AT, body

type System = Any


async def ingest(system: System, *bodies: bytes) -> Tally:
    tally = await system.ingest.batch([Message(b, "0", n) for n, b in enumerate(bodies)])
    assert isinstance(tally, Tally)
    return tally


async def amount(system: System) -> str:
    return format_amount((await system.read.balance("sub-1", month_of(AT))).amount)


def down() -> None:
    raise RetryableError("the database is down")


async def test_usage_survives_a_restart_between_reading_and_committing(
    system: System, make_system: Callable[..., System]
) -> None:
    """#33872 (buffer emptied before the commit), #35531, #19163."""
    system.store.before = [down, down]
    with pytest.raises(RetryableError):
        await ingest(system, body())
    assert await ingest(make_system(), body()) == Tally(accepted=1)


async def test_an_id_whose_write_failed_counts_when_it_comes_again(system: System) -> None:
    """OpenMeter #5118: the id was claimed, the write failed, the retry counted zero."""
    system.store.before = [down]
    assert await ingest(system, body()) == Tally(accepted=1)
    assert await amount(system) == "0.0035"


async def test_a_batch_is_tried_again_for_ever_and_not_three_times() -> None:
    """seiggy/apim-chargeback: a batch dropped after three tries, its checkpoint moved on."""
    worker = await FunctionsWorker.start(app_dir())
    retry = worker.functions["ingest_usage"].retry
    assert retry is not None
    assert retry.max_retry_count == -1


async def test_a_conflict_in_a_batch_leaves_the_rest_of_it_counted(system: System) -> None:
    """Citadel's function: the rest of a batch dropped at the first conflict."""
    await ingest(system, body())
    other = body(data__usage={"prompt_tokens": 5})
    tally = await ingest(system, other, body(id="r-2"), body(id="r-3"))
    assert tally == Tally(accepted=2, rejected={Code.ID_CONFLICT: 1})


async def test_a_retry_is_not_counted_twice(
    system: System, make_system: Callable[..., System]
) -> None:
    """#15740, #17814, #32581 (25 x): the same request from two processes, again and again."""
    for process in (system, make_system(), make_system()):
        for _ in range(8):
            await ingest(process, body())
    assert await amount(system) == "0.0035"


async def test_a_repeat_is_answered_as_success(system: System) -> None:
    """Langfuse #16251, Lago #3049: a repeat answered as an error stalls the sender."""
    await ingest(system, body())
    assert await ingest(system, body()) == Tally(duplicates=1)
    assert (await system.letters.counts()).kept == {}


async def test_a_stream_that_never_reported_is_seen_and_not_forgotten(system: System) -> None:
    """#14457, #13245, #36008: streams and disconnects lose usage."""
    await ingest(system, body(data__tokens="pending", data__usage=None))
    found = await system.read.balance("sub-1", month_of(AT))
    assert found.held_requests == 1
