"""A window of the browser, and what a person does with it."""

import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.running import Running

_PATIENCE_S: Final = 12
#: Narrower windows are those of phones.
_PHONE: Final = 600


class Page:
    """What is on the screen."""

    def __init__(self, driver: webdriver.Chrome, system: Running, downloads: Path) -> None:
        self.driver = driver
        self.system = system
        self.downloads = downloads

    def look(self, scheme: Literal["light", "dark"], width: int, height: int) -> None:
        """Take a size and a colour scheme."""
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < _PHONE},
        )

    def sign_in(self, token: str) -> None:
        """Sign in with a token, as a person would who pastes it."""
        self.driver.get(f"{self.system.url}/signin")
        self.one("#token").send_keys(token)
        self.one("button.main").click()
        self.until(lambda: self.driver.current_url.endswith("/dashboard"))

    def one(self, css: str) -> WebElement:
        """Return the first element of a selector."""
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[WebElement]:
        """Return all elements of a selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        """Return the text of the first element of a selector, none where there is none."""
        found: str = self.driver.execute_script(
            "return document.querySelector(arguments[0])?.innerText ?? ''", css
        )
        return found

    def figure(self, title: str) -> str:
        """Return the figure of a tile."""
        found: str = self.driver.execute_script(
            "const tile = [...document.querySelectorAll('.tile')]"
            ".find((one) => one.querySelector('h2').innerText === arguments[0]);"
            "return tile?.querySelector('.figure').innerText ?? ''",
            title,
        )
        return found

    def until_figure(self, title: str, figure: str) -> None:
        """Wait until a tile shows a figure."""
        self.until(lambda: self.figure(title) == figure)

    def console(self) -> list[dict[str, Any]]:
        """Return what the console has said since it was last asked."""
        said: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return said

    def is_loaded(self) -> bool:
        """Say whether the page has shown its first figures."""
        return bool(self.text("#tiles")) and "Loading" not in self.text("main")

    def open(self, path: str) -> None:
        """Go to a page of the dashboard and wait until it shows something."""
        self.driver.get(self.system.url + path)
        self.until(self.is_loaded)

    def until[T](self, seen: Callable[[], T]) -> T:
        """Wait until something is seen, and return it."""
        end = time.monotonic() + _PATIENCE_S
        while not (found := seen()):
            assert time.monotonic() < end, self.text("body")
            time.sleep(0.05)
        return found

    def axe(self) -> list[str]:
        """Return what axe finds against WCAG 2.2 AA that is serious or critical."""
        if not self.driver.execute_script("return Boolean(window.axe)"):
            package = resources.files("axe_selenium_python")
            script = package / "node_modules" / "axe-core" / "axe.min.js"
            self.driver.execute_script(script.read_text())
        found: dict[str, Any] = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run({resultTypes: ['violations']})"
            ".then(done, (error) => done({failed: `${error}`}))"
        )
        assert "violations" in found, found
        return [
            f"{one['impact']} {one['id']}: {node['html'][:120]}"
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
            for node in one["nodes"][:3]
        ]

    def picture(self, path: Path) -> None:
        """Take a picture: of the whole page on a desk, of what is on the screen of a phone."""
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        width = self.driver.execute_script("return innerWidth")
        height = min(height, 844) if width < _PHONE else height
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < _PHONE},
        )
        time.sleep(0.4)
        self.driver.save_screenshot(str(path))
