"""What an operator sees and does in a browser."""

from tests.browser.page import Page


def as_operator(page: Page) -> None:
    page.sign_in(page.system.token)
    page.until(page.is_loaded)


def names(page: Page) -> list[str]:
    found: list[str] = page.driver.execute_script(
        "return [...document.querySelectorAll('#tenants tbody th')].map((one) => one.innerText)"
    )
    return found


def test_tenants_are_sorted_by_any_column_and_by_the_keyboard(page: Page) -> None:
    as_operator(page)
    # 1,063.97 of 1,290 is less of its limit than 425.59 of 500.
    assert names(page)[-2:] != names(page)[:2]
    page.one("[data-sort=tenant]").send_keys("\n")
    every = ["contoso", "fabrikam", "northwind", "tailspin", "wingtip"]
    page.until(lambda: names(page) == every)
    assert page.one("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    # It is the same button, and it still has the focus.
    page.driver.switch_to.active_element.send_keys("\n")
    page.until(lambda: names(page) == every[::-1])
    page.one("[data-sort=amount]").click()
    page.until(lambda: names(page)[:2] == ["contoso", "fabrikam"])
    page.one("#search").send_keys("wing")
    page.until(lambda: names(page) == ["wingtip"])
    assert page.text("#said") == "1 to 1 of 1"
    page.driver.refresh()
    page.until(lambda: names(page) == ["wingtip"])


def test_a_dead_letter_is_replayed_once_somebody_pays_for_it(page: Page) -> None:
    as_operator(page)
    page.until(lambda: "unknown_subscription" in page.text("#letters"))
    before = page.system.balance("northwind")["requests"]
    page.system.operate("PUT", "/api/subscriptions/nobody-knows-it", {"tenant": "northwind"})
    row = next(one for one in page.all("#letters tbody tr") if "unknown_sub" in one.text)
    row.find_element("css selector", "input").click()
    page.until(lambda: page.text("[data-do=replay]") == "Replay 1")
    page.one("[data-do=replay]").click()
    page.until(lambda: "1 counted" in page.text("#message"))
    page.until(lambda: "unknown_subscription" not in page.text("#letters"))
    assert page.system.balance("northwind")["requests"] == before + 1
    audit = page.system.operate("GET", "/api/audit?day=2026-11-20")["items"]
    assert any(one["action"] == "dead_letters.replay" for one in audit)


def test_an_operator_opens_a_tenants_page(page: Page) -> None:
    as_operator(page)
    page.one("#tenants [href$=contoso]").click()
    page.until(lambda: page.text("h1") == "contoso" and page.is_loaded())
    assert "All tenants" in page.text("nav")


def test_when_the_session_has_ended_the_page_says_so(page: Page) -> None:
    as_operator(page)
    page.driver.delete_all_cookies()
    page.until(lambda: "Your session has ended" in page.text("#banners"))
    # The browser itself notes the refused request.
    page.console()


def test_an_operator_stops_a_tenant_and_resumes_it_on_its_page(page: Page) -> None:
    as_operator(page)
    page.one("#tenants [href$=wingtip]").click()
    page.until(lambda: "all subscriptions" in page.text("#stops"))
    assert "admitted" in page.text("#stops")
    page.one("#stops [data-action=stop]").click()
    prompt = page.driver.switch_to.alert
    prompt.send_keys("leaked key")
    prompt.accept()
    page.until(lambda: "leaked key" in page.text("#stops"))
    page.until(lambda: "All requests are blocked" in page.text("#stopped"))
    page.one("#stops [data-action=resume]").click()
    prompt = page.driver.switch_to.alert
    prompt.send_keys("key replaced")
    prompt.accept()
    page.until(lambda: "leaked key" not in page.text("#stops"))
    page.until(lambda: page.text("#stopped") == "")
