"""The operator's pages of plans and prices: what is in force, what is scheduled, and since when."""

import pytest

from tests.browser.page import Page
from tests.browser.test_operator import as_operator
from tests.browser.test_tenant import as_tenant


def blocked(page: Page, *urls: str) -> None:
    """Let the API fail for some addresses."""
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": list(urls)})


def test_a_plan_shows_what_is_scheduled_and_what_it_changes(page: Page) -> None:
    as_operator(page)
    terms = {"id": "gold", "markup": "0.1"}
    page.system.operate("PUT", "/api/plans/gold", terms)
    later = {**terms, "markup": "0.25", "targets": [
        {"use_case": "<img src=x onerror=alert(1)>", "outcome": "done", "cost": "1"}
    ]}  # fmt: skip
    page.system.operate_with_tag("/api/plans/gold", "?from=2026-12-01", later)
    page.driver.get(f"{page.system.url}/dashboard/plans?search=gol")
    page.until(lambda: page.all("[data-plan=gold]"))
    assert [one.text for one in page.all("#plans tbody th")] == ["gold"]
    assert "2026-12-01 00:00 UTC" in page.text("#plans")
    page.one("[data-plan=gold]").send_keys("\n")
    page.until(lambda: "scheduled" in page.text("#one"))
    assert "markup 0.1 → 0.25" in page.text("#one")
    assert "onerror" in page.text("#one")
    assert page.all("#one img") == []
    assert page.axe() == []
    page.look("dark", 390, 844)
    assert page.axe() == []
    # The address has what is shown.
    page.driver.refresh()
    page.until(lambda: "Versions of gold" in page.text("#one-title"))
    page.one("#search").send_keys("x")
    page.until(lambda: "No plan matches" in page.text("#plans"))


def test_prices_are_found_by_model_with_source_and_age(page: Page) -> None:
    as_operator(page)
    page.driver.get(f"{page.system.url}/dashboard/prices")
    page.until(lambda: page.all("#rows tbody tr") and page.all("#sources tbody tr"))
    assert page.axe() == []
    page.one("#more button").click()
    page.until(lambda: len(page.all("#rows tbody tr")) == 200)
    page.one("#search").send_keys("gpt-4o-mini")
    page.until(lambda: "gpt-4.1/" not in page.text("#rows") and "gpt-4o-mini" in page.text("#rows"))
    assert "in force" in page.text("#rows")
    page.one("#state option[value=replaced]").click()
    page.until(lambda: page.text("#rows") and "in force" not in page.text("#rows"))
    page.look("dark", 390, 844)
    assert page.axe() == []
    page.driver.get(f"{page.system.url}/dashboard/prices?search=no-such-model")
    page.until(lambda: page.text("#rows") == "No price matches.")


@pytest.mark.parametrize(("path", "place"), [("plans", "#plans"), ("prices", "#rows")])
def test_what_cannot_be_read_is_told_and_asked_for_again(page: Page, path: str, place: str) -> None:
    as_operator(page)
    blocked(page, "*/api/plans*", "*/api/price-rows*", "*/api/overview/work*")
    page.driver.get(f"{page.system.url}/dashboard/{path}")
    page.until(lambda: "could not be read" in page.text(place))
    assert page.axe() == []
    blocked(page)
    page.one(f"{place} button").click()
    page.until(lambda: page.all(f"{place} tbody tr"))
    # The browser itself notes the blocked requests.
    page.console()


def test_a_tenant_sees_neither(page: Page) -> None:
    as_tenant(page, "contoso")
    for path in ("plans", "prices"):
        page.driver.get(f"{page.system.url}/dashboard/{path}")
        assert page.text("h1") == "Not found"
        page.console()
