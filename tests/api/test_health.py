"""Health: whether the process lives, and whether it can serve."""

import sqlite3
from pathlib import Path

from metering import bootstrap
from metering.core.instants import HOUR, SECOND
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
    assert await api.get("/api/health/ready") == {"status": "ready", "effects_lag_s": 0}
    fresh = bootstrap.App(api.app.settings)
    api.app.readiness = fresh.readiness
    fresh.stores.registry._database._patience_ms = 40  # type: ignore[attr-defined]  # noqa: SLF001
    locked = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    answer = await api.ask("GET", "/api/health/ready")
    locked.close()
    assert problem(answer)["status"] == 503
    await fresh.close()


async def test_what_should_have_happened_by_itself_is_late(api: Served) -> None:
    await api.count(body(data__model="gpt-99"))
    clock = MovableClock(NOW + HOUR)
    later = bootstrap.App(api.app.settings)
    later.clock = clock
    api.app.readiness = later.readiness
    assert await api.get("/api/health/ready") == {"status": "behind", "effects_lag_s": 3_600}
    await api.app.deliver_effects.run()
    # An answer is kept for two seconds.
    clock.set(NOW + HOUR + SECOND)
    assert (await api.get("/api/health/ready"))["status"] == "behind"
    clock.set(NOW + HOUR + 2 * SECOND)
    assert (await api.get("/api/health/ready"))["status"] == "ready"
    await later.close()
