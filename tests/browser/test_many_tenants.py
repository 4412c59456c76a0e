"""What an operator sees of a company with more tenants than one page has."""

import asyncio
import json
from collections.abc import Iterator
from typing import Final

import pytest

from metering import bootstrap
from metering.app.hubs.batch import Message
from metering.settings.settings import read_settings
from tests.browser.page import Page
from tests.browser.running import Running, environment, running
from tests.browser.test_operator import as_operator, names
from tests.builders import event

MANY: Final = 600
LAST: Final = "tenant-599"


async def used(settings: dict[str, str]) -> None:
    """Count two requests of the last tenant, whose limit is one."""
    app = bootstrap.App(read_settings(settings))
    bodies = [json.dumps(event(id=f"r-{n}", subject=LAST)).encode() for n in range(2)]
    await app.ingest.batch([Message(one, "0", n) for n, one in enumerate(bodies)], stop_for=0)
    await app.close()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Running]:
    assert chromium
    folder = tmp_path_factory.mktemp("company")
    quota = {"metric": "requests", "window": "period", "limit": "1", "action": "block"}
    all_of_them = [f"tenant-{number:03}" for number in range(MANY)]
    settings = environment(
        folder,
        {
            "plans": [{"id": "one", "currency": "USD", "quotas": [quota]}],
            "tenants": [
                {"id": one, "plan": "one" if one == LAST else "default", "subscriptions": [one]}
                for one in all_of_them
            ],
        },
    )
    asyncio.run(used(settings))
    with running(folder, settings) as up:
        yield up


@pytest.fixture
def page(company: Running, page: Page) -> Page:
    page.system = company
    return page


def test_every_tenant_is_found_counted_and_reached_by_the_keyboard(page: Page) -> None:
    as_operator(page)
    page.until(lambda: page.figure("Over a limit") == "1")
    assert "600 tenants, 2 requests" in page.text("#period")
    # The worst first, whatever its name.
    page.until(lambda: names(page)[:2] == [LAST, "tenant-000"])
    assert page.text("#range") == "1 to 50 of 600"
    assert page.axe() == []
    page.one("[data-page=next]").send_keys("\n")
    page.until(lambda: page.text("#said") == "51 to 100 of 600")
    assert names(page)[0] == "tenant-049"
    # The button keeps the focus.
    page.driver.switch_to.active_element.send_keys("\n")
    page.until(lambda: page.text("#range") == "101 to 150 of 600")
    page.one("[data-page=previous]").send_keys("\n")
    page.until(lambda: page.text("#range") == "51 to 100 of 600")
    page.one("#search").send_keys("ANT-59")
    page.until(lambda: page.text("#range") == "1 to 10 of 10")
    page.one("#only option[value=over]").click()
    page.until(lambda: names(page) == [LAST])
    page.one("#only option[value='']").click()
    page.one("#search").send_keys("x")
    page.until(lambda: page.text("#tenants") == "No tenants match the filter.")
    assert page.axe() == []


def test_tenants_that_cannot_be_read_are_told_and_asked_for_again(page: Page) -> None:
    as_operator(page)
    page.until(lambda: names(page))
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/overview?*"]})
    page.one("[data-sort=plan]").click()
    page.until(lambda: "The tenants could not be read" in page.text("#tenants"))
    assert page.axe() == []
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    page.one("[data-page=again]").click()
    page.until(lambda: page.text("#range") == "1 to 50 of 600")
    # The browser itself notes the blocked requests.
    page.console()
