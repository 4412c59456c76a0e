"""Statements of random tenants are what an account in exact fractions says, line by line.

The model shares no rule and no amount with the product: docs/plans.md, docs/statements.md and
docs/credits.md are all it knows. METERING_TEST_SCENARIOS says how many are played; `make soak`
asks for 200. METERING_TEST_SEED plays one alone.
"""

import os
from pathlib import Path
from shutil import rmtree

import pytest

from tests.model.comparing import difference, smallest
from tests.model.driving import statements
from tests.model.generating import scenario
from tests.model.scenario import Scenario

SCENARIOS = int(os.environ.get("METERING_TEST_SCENARIOS", "25"))
ONLY = os.environ.get("METERING_TEST_SEED")
SEEDS = range(SCENARIOS) if ONLY is None else [int(ONLY)]


@pytest.mark.parametrize("seed", SEEDS)
async def test_statements_are_what_the_documentation_says(seed: int, tmp_path: Path) -> None:
    async def play(one: Scenario) -> list[dict[str, object]]:
        rmtree(tmp_path / "store", ignore_errors=True)
        (tmp_path / "store").mkdir()
        return await statements(one, tmp_path / "store" / "store.db")

    made = scenario(seed)
    if await difference(made, play) is not None:
        least = await smallest(made, play)
        pytest.fail(f"{least}\n  {await difference(least, play)}", pytrace=False)
