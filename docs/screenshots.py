"""Takes the pictures of the page for the documents: `python docs/screenshots.py URL`.

Wants a running Moodcue (`make demo`) that has seen a face and plays songs of its library, Chromium
and its driver. Writes into `docs/images/`.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

IMAGES = Path(__file__).parent / "images"
DEADLINE_SECONDS = 120.0
DESKTOP, PHONE = (1280, 900), (390, 844)
FLAGS = ("--headless", "--no-sandbox", "--hide-scrollbars", "--force-color-profile=srgb")
FAKE_CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


def main() -> int:
    """Take all pictures; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of the page, such as http://127.0.0.1:8080")
    parser.add_argument("--video", type=Path, help="file for a fake camera of the browser (.mjpeg)")
    options = parser.parse_args()
    flags = [*FLAGS, *FAKE_CAMERA]
    if options.video:
        flags.append(f"--use-file-for-fake-video-capture={options.video}")
    with tempfile.TemporaryDirectory() as profile:
        browser = start(flags, profile=profile)
        try:
            take_all(browser, options.url, with_camera=options.video is not None)
        finally:
            browser.quit()
    return 0


def start(flags: Sequence[str], *, profile: str) -> Chrome:
    """Start a browser that speaks English."""
    chosen = ChromeOptions()
    chosen.binary_location = "/usr/bin/chromium"
    for flag in (*flags, f"--user-data-dir={profile}"):
        chosen.add_argument(flag)
    chosen.add_experimental_option("prefs", {"intl.accept_languages": "en"})
    return Chrome(options=chosen, service=Service("/usr/bin/chromedriver"))


def take_all(browser: Chrome, url: str, *, with_camera: bool) -> None:
    """Wait until there is something to see, and take every picture."""
    wait = WebDriverWait(browser, DEADLINE_SECONDS)
    show(browser, DESKTOP, "light")
    browser.get(url)
    wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, "#song-list .song"))
    if with_camera:
        browser.find_element(By.ID, "camera-start").click()
        browser.find_element(By.ID, "preview-on").click()
        wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, ".preview .outline"))
        wait.until(lambda _: "confident" in browser.find_element(By.ID, "mood-lead").text)
    browser.execute_script("document.querySelector('.song .play').click()")
    wait.until(lambda _: browser.find_element(By.ID, "player-title").text)
    for name, size, scheme in (
        ("desktop-light", DESKTOP, "light"),
        ("desktop-dark", DESKTOP, "dark"),
        ("phone-light", PHONE, "light"),
        ("phone-dark", PHONE, "dark"),
    ):
        show(browser, size, scheme)
        for view in ("now", "library", "system"):
            browser.execute_script("location.hash = arguments[0]", view)
            wait.until(
                lambda _, view=view: browser.find_element(
                    By.CSS_SELECTOR, f"[data-view={view}]"
                ).is_displayed()
            )
            browser.execute_script("scrollTo(0, 0)")
            picture = IMAGES / f"page-{view}-{name}.png"
            WebDriverWait(browser, 3, 3).until(lambda _: True)
            browser.save_screenshot(str(picture))


def show(browser: Chrome, size: tuple[int, int], scheme: str) -> None:
    """Make the window as large as a device's, in light or dark."""
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


if __name__ == "__main__":
    sys.exit(main())
