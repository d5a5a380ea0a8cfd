"""A real Chromium for tests of the page."""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from outside import missing
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

BROWSER, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=1280,1000",
    "--lang=en-US",
)
STATIC = Path(__file__).resolve().parents[2] / "services/gateway/src/moodcue_gateway/static"
SCREENSHOTS = os.environ.get("MOODCUE_SCREENSHOTS_DIR")
"""Folder for pictures of the page; read before the tests forget the environment."""


@contextmanager
def chromium(profile: Path, *, flags: Sequence[str] = (), language: str = "en") -> Iterator[Chrome]:
    """Run a browser with a profile of its own; skip where there is none, except in CI."""
    if not Path(BROWSER).exists() or not Path(DRIVER).exists():
        missing(
            f"{BROWSER} and {DRIVER} are missing; deploy/testing/install-tools.sh installs them"
        )
    options = ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={profile}", *flags):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


def text(browser: Chrome, selector: str) -> str:
    """Return the visible text of an element."""
    return browser.find_element(By.CSS_SELECTOR, selector).text


def texts(browser: Chrome, selector: str) -> list[str]:
    """Return the texts of all elements."""
    # One call, so that no element vanishes between finding and reading it.
    found = browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", selector
    )
    return [str(one) for one in found]


def complaints(browser: Chrome) -> list[str]:
    """Return the errors that the console shows."""
    lines = browser.get_log("browser")  # type: ignore[no-untyped-call] # selenium leaves it out
    return [str(line["message"]) for line in lines if line["level"] == "SEVERE"]


def take_pictures(browser: Chrome, name: str) -> None:
    """Save the page for a person to look at, where one asked for it."""
    if SCREENSHOTS is None:
        return
    for scheme in ("light", "dark"):
        for device, width in (("desktop", 1280), ("phone", 390)):
            media = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
            metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            height = browser.execute_script("return document.documentElement.scrollHeight")
            browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride", {**metrics, "height": height}
            )
            browser.save_screenshot(f"{SCREENSHOTS}/{name}-{device}-{scheme}.png")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def words_of(language: str) -> dict[str, str]:
    """Return the words that the page has in a language, by their keys."""
    source = (STATIC / f"words.{language}.js").read_text()
    return dict(re.findall(r'^  "([^"]+)": "(.*)",$', source, flags=re.MULTILINE))
