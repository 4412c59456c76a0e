"""Health: whether the process lives, and whether it can serve."""

from pathlib import Path

import pytest

from metering import bootstrap
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import HOUR, MINUTE, SECOND, Instant
from metering.core.calendars.dated import BEGINNING
from metering.settings.settings import SqliteStore
from tests.api.served import Served, problem
from tests.builders import NOW, body
from tests.systems import MovableClock


async def test_liveness_asks_nothing_of_the_store(api: Served, tmp_path: Path) -> None:
    await api.app.close()
    (tmp_path / "store.db").write_bytes(b"not a database " * 100)
    for path in ("/api/health", "/api/health/live"):
        assert await api.get(path) == {"status": "alive"}
    (tmp_path / "store.db").unlink()


async def test_readiness_is_503_while_the_store_does_not_answer(
    api: Served, tmp_path: Path
) -> None:
    ready = {"status": "ready", "effects_lag_s": 0, "hub_lag_s": 0}
    assert await api.get("/api/health/ready") == ready
    (tmp_path / "broken.db").write_bytes(b"not a database " * 100)
    store = SqliteStore(tmp_path / "broken.db")
    api.app.readiness = bootstrap.App(api.app.settings._replace(store=store)).readiness
    answer = await api.ask("GET", "/api/health/ready")
    assert (problem(answer)["status"], "broken" in answer.text) == (503, False)


async def test_what_should_have_happened_by_itself_is_late(api: Served) -> None:
    await api.count(body(data__model="gpt-99"))
    clock = MovableClock(NOW + HOUR)
    later = bootstrap.App(api.app.settings)
    later.clock = clock
    api.app.readiness = later.readiness
    behind = {"status": "behind", "effects_lag_s": 3_600, "hub_lag_s": 0}
    assert await api.get("/api/health/ready") == behind
    await api.app.deliver_effects.run()
    # An answer is kept for two seconds.
    clock.set(NOW + HOUR + SECOND)
    assert (await api.get("/api/health/ready"))["status"] == "behind"
    clock.set(NOW + HOUR + 2 * SECOND)
    assert (await api.get("/api/health/ready"))["status"] == "ready"
    await later.close()


class Hubs:
    """Hubs that have been counted up to an instant; None: they are out of reach."""

    def __init__(self, until: Instant | None) -> None:
        self.until = until

    async def counted_until(self) -> Instant:
        if self.until is None:
            raise RetryableError("out of reach")
        return self.until

    async def counted_by_hub(self) -> dict[str, Instant]:
        return {"usage": await self.counted_until()}


@pytest.mark.parametrize(
    ("until", "status", "lag_s"),
    [
        (NOW, "ready", 0),
        (NOW - 10 * MINUTE, "ready", 600),
        (NOW - 10 * MINUTE - SECOND, "behind", 601),
        (BEGINNING, "ready", None),
        (None, "behind", None),
    ],
)
async def test_a_hub_that_is_not_counted_is_told_and_takes_nothing_out_of_rotation(
    api: Served, until: Instant | None, status: str, lag_s: int | None
) -> None:
    api.app.hub_progress = Hubs(until)
    told = {"status": status, "effects_lag_s": 0, "hub_lag_s": lag_s}
    assert await api.get("/api/health/ready") == told
