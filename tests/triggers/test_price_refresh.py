"""The timer that proposes fresh prices: off unless a setting asks, and never in force by itself."""

from pathlib import Path

import pytest

from metering import bootstrap
from metering.adapters.prices import azure_retail
from metering.adapters.prices.operator_file import file_prices
from metering.adapters.prices.price_import import PriceImport
from metering.settings.settings import Settings, SqliteStore
from metering.triggers.timers import TIMERS, run
from tests.builders import NOW

(TIMER,) = (timer for timer in TIMERS if timer.name == "propose_prices")

#: 3 a million from 2026-12-01 on, where the bundled list has 2.5.
DEARER = """currency: USD
version: dearer
prices:
- {model: gpt-4o, effective_from: 2026-12-01, per_million_tokens: {input: '3', output: '10'}}
"""


@pytest.mark.parametrize(
    ("setting", "proposed", "published"),
    [("off", False, []), ("propose", True, []), ("publish", False, ["dearer"])],
)
async def test_fresh_prices_are_proposed_or_published_as_the_setting_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    proposed: bool,  # noqa: FBT001
    published: list[str],
) -> None:
    path = tmp_path / "feed.yaml"
    path.write_text(DEARER)
    asked: list[str] = []

    def feed(retrieved: str) -> PriceImport:
        asked.append(retrieved)
        return file_prices(path, "USD", lambda _: "openai")

    monkeypatch.setattr(azure_retail, "live_azure_prices", feed)
    settings = Settings(SqliteStore(tmp_path / "store.db"), fixed_now=NOW)
    app = bootstrap.App(settings._replace(price_refresh=setting))  # type: ignore[arg-type]
    bootstrap.use(app)
    try:
        await run(TIMER)
        await app.tenancy.refresh()
        names = [record.key.partition("-")[0] for record in app.tenancy.directory.price_versions]
        assert names == published
        assert (await app.propose_prices.proposed() is not None) is proposed
        assert asked == ([] if setting == "off" else ["2026-11-20"])
    finally:
        await app.close()
