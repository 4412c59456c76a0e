"""A real browser over a real local system: Debian's Chromium, driven by Selenium."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.browser.page import Page
from tests.browser.running import Running, environment, running, seed

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--force-device-scale-factor=1"),
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the browser; without one these tests are skipped, but never in CI."""
    found = shutil.which("chromium")
    if found is None or shutil.which("chromedriver") is None:
        reason = "chromium and chromedriver are not here: apt-get install chromium chromium-driver"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Running]:
    assert chromium
    folder = tmp_path_factory.mktemp("system")
    settings = environment(folder)
    asyncio.run(seed(settings))
    with running(folder, settings) as up:
        yield up


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    downloads = tmp_path_factory.mktemp("downloads")
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    made.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
    )
    made.set_page_load_timeout(20)
    yield made
    made.quit()


@pytest.fixture
def page(
    driver: webdriver.Chrome, system: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """Return a window of nobody; at the end its console must be silent."""
    downloads = next(Path(tmp_path_factory.getbasetemp()).glob("downloads*"))
    shown = Page(driver, system, downloads)
    shown.look("light", 1280, 900)
    shown.console()
    yield shown
    said = [one for one in shown.console() if one["level"] in {"SEVERE", "WARNING"}]
    driver.delete_all_cookies()
    driver.get("about:blank")
    assert not said, said
