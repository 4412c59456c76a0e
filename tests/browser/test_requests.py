"""From a figure down to its requests, and the page of changes."""

import csv

from tests.browser.page import Page
from tests.browser.test_operator import as_operator
from tests.browser.test_tenant import as_tenant


def requests_shown(page: Page) -> list[str]:
    page.until(lambda: page.all("#requests tbody tr"))
    return [one.text for one in page.all("#requests tbody tr")]


def test_a_use_case_leads_to_its_requests_and_one_of_them_to_its_price(page: Page) -> None:
    as_tenant(page, "contoso")
    page.until(lambda: page.all("#cases a"))
    case = page.one("#cases a")
    name = case.text
    case.click()
    rows = requests_shown(page)
    assert all(name in row for row in rows)
    assert f"use case: {name}" in page.text("#filter")
    page.one("#requests tbody button").click()
    page.until(lambda: "Price row" in page.text("#one"))
    assert "Evidence\tfull" in page.text("#one")
    assert page.axe() == []


def test_a_day_of_the_chart_leads_to_its_requests(page: Page) -> None:
    as_tenant(page, "contoso")
    page.until(lambda: page.all("#days details"))
    page.one("#days summary").click()
    page.one("#days tbody a").click()
    requests_shown(page)
    assert "day: 2026-11-" in page.text("#filter")
    assert "model: " in page.text("#filter")


def test_a_line_of_a_statement_leads_to_its_requests(page: Page) -> None:
    as_tenant(page, "wingtip")
    page.until(lambda: page.all("[data-lines='2026-10']"))
    page.one("[data-lines='2026-10']").click()
    page.until(lambda: page.all("#lines tbody a"))
    page.one("#lines tbody a").click()
    requests_shown(page)
    assert "period: 2026-10" in page.text("#filter")


def test_a_filtered_list_is_downloaded_whole(page: Page) -> None:
    as_tenant(page, "wingtip")
    page.driver.get(f"{page.system.url}/dashboard/requests?period=2026-10")
    requests_shown(page)
    page.one("[data-do=csv]").click()
    file = page.downloads / "wingtip-requests.csv"
    page.until(file.exists)
    page.until(lambda: file.read_text().endswith("\n"))
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert rows
    assert {row["time"][:7] for row in rows} == {"2026-10"}


def test_an_operator_sees_a_tenants_requests_and_who_changed_what(page: Page) -> None:
    as_operator(page)
    page.driver.get(f"{page.system.url}/dashboard/tenants/contoso/requests")
    requests_shown(page)
    page.driver.get(f"{page.system.url}/dashboard/audit")
    page.until(lambda: "live" not in page.text("#audit") and page.text("#live") != "Loading")
    assert page.axe() == []


def test_a_tenant_sees_neither_anothers_requests_nor_changes(page: Page) -> None:
    as_tenant(page, "contoso")
    for path in ("/dashboard/tenants/wingtip/requests", "/dashboard/audit"):
        page.driver.get(page.system.url + path)
        assert page.text("h1") == "Not found"
        # The browser itself notes the refused request.
        page.console()
