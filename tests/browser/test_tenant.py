"""What a tenant sees in its browser while the whole system runs."""

import json
from functools import partial

import httpx2

from tests.browser.page import Page
from tests.browser.running import HOSTILE

TRIAL = "tailspin"


def as_tenant(page: Page, tenant: str) -> None:
    page.sign_in(page.system.token_of(tenant))
    page.until(page.is_loaded)


def test_the_printed_link_signs_in_once(page: Page) -> None:
    link = page.system.links["contoso"]
    page.driver.get(link)
    page.until(lambda: page.driver.current_url.endswith("/dashboard"))
    page.until(page.is_loaded)
    assert page.text("h1") == "contoso"
    cookie = page.driver.get_cookie("metering_session")
    assert cookie is not None
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert page.driver.execute_script("return document.cookie") == ""
    page.one("header button").click()
    page.until(lambda: page.driver.current_url.endswith("/signin"))
    page.driver.get(f"{page.system.url}/dashboard")
    assert page.driver.current_url.endswith("/signin")
    # The code is used up: a form with it is refused, and nobody is signed in.
    code = link.partition("code=")[2]
    again = httpx2.post(
        f"{page.system.url}/signin", data={"code": code}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert (again.status_code, "set-cookie" in again.headers) == (401, False)


def test_the_balance_rises_while_requests_run_and_at_the_quota_they_are_blocked(page: Page) -> None:
    as_tenant(page, TRIAL)
    assert page.figure("Requests") == "0"
    for asked in range(1, 4):
        assert page.system.ask("tailspin-trial", use_case=HOSTILE).status_code == 200
        page.until_figure("Requests", str(asked))
    assert page.figure("Spend") not in {"$0.00", ""}
    assert "3 of 8 (37 %), 5 left" in page.text("#quotas")
    for _ in range(5):
        assert page.system.ask("tailspin-trial", use_case=HOSTILE).status_code == 200
    page.until(lambda: "Requests are blocked" in page.text("#banners"))
    # The clock stands still, so the verdict that is remembered for the first one never grows old.
    refused = page.system.ask("tailspin-app")
    assert refused.status_code in {403, 429}
    assert "Requests are blocked" in page.text("#said")
    # What a caller named stays text: no element was made of it.
    page.driver.refresh()
    page.until(lambda: HOSTILE in page.text("#cases"))
    assert page.all("#cases img") == []


def test_a_statement_is_downloaded_in_every_format(page: Page) -> None:
    as_tenant(page, "wingtip")
    page.until(lambda: "2026-10" in page.text("#statements"))
    for name in ("CSV", "JSON"):
        page.one(f"[aria-label='Statement 2026-10 as {name}']").click()
    files = [page.downloads / f"wingtip-2026-10.{ending}" for ending in ("csv", "json")]
    page.until(lambda: all(file.exists() for file in files))
    # 21 million tokens at 2.50 USD a million.
    assert json.loads(files[1].read_text())["total"] == "52.5"
    assert ",total,,,,,,52.5,52.50," in files[0].read_text()
    page.driver.get(
        page.one("[aria-label='Statement 2026-10 as HTML']").get_attribute("href") or ""
    )
    assert "wingtip" in page.text("body")
    assert page.driver.execute_script(
        "return getComputedStyle(document.querySelector('main')).maxWidth"
    )


def test_charts_are_tables_too_and_the_keyboard_reaches_them(page: Page) -> None:
    as_tenant(page, "contoso")
    for chart in ("#burn", "#days"):
        page.until(partial(page.all, f"{chart} canvas"))
        assert page.one(f"{chart} [role=img]").get_attribute("aria-label")
        summary = page.one(f"{chart} summary")
        page.driver.execute_script("arguments[0].focus()", summary)
        summary.send_keys(" ")
        page.until(page.one(f"{chart} details table").is_displayed)
    assert "gpt-4.1" in page.text("#days table")


def test_outcomes_stand_beside_their_targets(page: Page) -> None:
    as_tenant(page, "contoso")
    page.until(lambda: "ticket_resolved" in page.text("#units"))
    # No request lacks a price, so the figures are exact: 0.44 of at most 0.50, and 0.27 of 0.25.
    rows = {one.text.split()[0]: one.text for one in page.all("#units tbody tr")}
    assert "$0.44 $0.50 near" in rows["support-chat"]
    assert "$0.27 $0.25 over" in rows["invoice-reader"]


def test_another_tenants_page_is_not_there(page: Page) -> None:
    as_tenant(page, "contoso")
    page.driver.get(f"{page.system.url}/dashboard/tenants/wingtip")
    assert page.text("h1") == "Not found"
    page.console()
