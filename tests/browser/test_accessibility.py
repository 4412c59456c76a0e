"""Everybody can use it: axe, in light and dark, on a phone and on a desk. It takes the pictures."""

import os
from pathlib import Path
from typing import Literal

import pytest

from tests.browser.page import Page
from tests.browser.running import ROOT

IMAGES = ROOT / "docs" / "images"
#: Those that docs/ has.
PICTURES = {
    ("operator", "light", "desk"),
    ("contoso", "light", "desk"),
    ("contoso", "dark", "desk"),
    ("contoso", "light", "phone"),
}
DESK, PHONE = (1280, 900), (390, 844)


@pytest.mark.parametrize("who", ["operator", "contoso"])
def test_axe_finds_nothing_serious(page: Page, tmp_path: Path, who: str) -> None:
    page.sign_in(page.system.token if who == "operator" else page.system.token_of(who))
    page.until(page.is_loaded)
    if who == "contoso":
        page.until(lambda: page.all("#days canvas") and page.text("#cases"))
    # `make pictures` renews those in docs/; a test run changes no file of the project.
    folder = IMAGES if os.environ.get("METERING_PICTURES") else tmp_path
    folder.mkdir(exist_ok=True)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        for name, size in (("desk", DESK), ("phone", PHONE)):
            page.look(scheme, *size)
            assert page.axe() == []
            assert page.driver.execute_script(
                "return document.documentElement.scrollWidth <= innerWidth"
            ), f"{name} scrolls sideways"
            if (who, scheme, name) in PICTURES:
                page.picture(folder / f"dashboard-{who}-{scheme}-{name}.png")


def test_axe_finds_nothing_serious_before_signing_in(page: Page) -> None:
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.look(scheme, *PHONE)
        page.driver.get(f"{page.system.url}/signin")
        assert page.axe() == []


def test_axe_would_find_something(page: Page) -> None:
    page.driver.get(f"{page.system.url}/signin")
    page.driver.execute_script("document.querySelector('label').remove()")
    assert any("label" in one for one in page.axe())
