"""The operator's page of costs in a browser: figures, charts, filters, and axe."""

import os
from pathlib import Path
from typing import Literal

from tests.browser.page import Page
from tests.browser.running import ROOT

DESK, PHONE = (1280, 900), (390, 844)


def open_costs(page: Page) -> None:
    page.sign_in(page.system.token)
    page.until(page.is_loaded)
    page.driver.get(f"{page.system.url}/dashboard/costs?month=2026-11&by=deployment&every=week")
    page.until(lambda: page.all("#table tbody tr") and page.all("#chart canvas"))


def rows(page: Page) -> list[str]:
    # In one step: a table that is drawn anew meanwhile has other cells.
    found: list[str] = page.driver.execute_script(
        "return [...document.querySelectorAll('#table tbody th')].map(one => one.innerText)"
    )
    return found


def test_costs_are_limited_to_a_name_and_shown_by_another(page: Page) -> None:
    open_costs(page)
    assert "Margin" in page.text("#tiles")
    first = rows(page)[0]
    page.one("#table [data-only]").click()
    page.until(lambda: page.all("[data-drop]"))
    # Limited to a deployment the page shows its tenants.
    page.until(lambda: "contoso" in rows(page))
    assert first in page.text("#only")
    assert "only=deployment" in page.driver.current_url
    page.one("[data-drop]").click()
    page.until(lambda: not page.all("[data-drop]"))


def test_axe_finds_nothing_serious_on_costs(page: Page, tmp_path: Path) -> None:
    open_costs(page)
    folder = Path(os.environ.get("METERING_PICTURES_TO", tmp_path))
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        for name, size in (("desk", DESK), ("phone", PHONE)):
            page.look(scheme, *size)
            assert page.axe() == []
            assert page.driver.execute_script(
                "return document.documentElement.scrollWidth <= innerWidth"
            ), f"{name} scrolls sideways"
            page.picture(folder / f"costs-{scheme}-{name}.png")
    if os.environ.get("METERING_PICTURES"):
        page.look("light", *DESK)
        page.picture(ROOT / "docs" / "images" / "dashboard-costs-light-desk.png")
