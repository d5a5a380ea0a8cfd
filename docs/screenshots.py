"""Takes the pictures of the page for the documents.

`PYTHONPATH=tests/support python docs/screenshots.py URL`, with a running Moodcue at the URL, best
without a camera of its own: the browser is one, and shows a synthetic face. Writes `docs/images/`.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from fake_video import fake_video_flags, write_fake_video
from page_browser import chromium
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

IMAGES = Path(__file__).parent / "images"
DEADLINE_SECONDS = 120.0
DEVICES = {"desktop": (1280, 1000), "phone": (390, 844)}
PICTURES = (
    ("now", "desktop", "light"),
    ("now", "desktop", "dark"),
    ("now", "phone", "light"),
    ("now", "phone", "dark"),
    ("library", "desktop", "dark"),
    ("system", "phone", "light"),
)
SETTLED = "return document.getAnimations().every((one) => one.playState !== 'running')"


def main() -> int:
    """Take all pictures; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of the page, such as http://127.0.0.1:8080")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "face.mjpeg"
        write_fake_video(video)
        flags = [*fake_video_flags(video), "--hide-scrollbars"]
        with chromium(Path(folder) / "profile", flags=flags) as browser:
            fill_page(browser, options.url)
            take_pictures(browser)
    return 0


def until(browser: Chrome, condition: Callable[[Chrome], object]) -> None:
    """Wait until there is something to see."""
    WebDriverWait(browser, DEADLINE_SECONDS).until(condition)


def fill_page(browser: Chrome, url: str) -> None:
    """Start the camera, and a song once there are some."""
    emulate(browser, "light", "desktop")
    browser.get(url)
    browser.find_element(By.ID, "camera-name").clear()
    browser.find_element(By.ID, "camera-name").send_keys("kitchen")
    browser.find_element(By.ID, "camera-start").click()
    until(browser, lambda page: page.find_element(By.ID, "preview-on").is_displayed())
    browser.find_element(By.ID, "preview-on").click()
    until(browser, lambda page: page.find_elements(By.CSS_SELECTOR, "#song-list .song"))
    browser.find_element(By.CSS_SELECTOR, ".song .play").click()
    browser.find_element(By.CSS_SELECTOR, ".song .like").click()
    until(browser, lambda page: page.find_element(By.ID, "player-title").text)
    until(browser, lambda page: "confident" in page.find_element(By.ID, "mood-lead").text)
    until(browser, lambda page: not page.find_element(By.ID, "next-step").is_displayed())


def take_pictures(browser: Chrome) -> None:
    """Save the views on their devices, light and dark."""
    for view, device, scheme in PICTURES:
        emulate(browser, scheme, device)
        browser.execute_script("location.hash = arguments[0]; scrollTo(0, 0)", view)
        until(browser, lambda page: page.execute_script(SETTLED))
        if view == "now":
            until(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".outline"))
        browser.save_screenshot(str(IMAGES / f"{view}-{device}-{scheme}.png"))


def emulate(browser: Chrome, scheme: str, device: str) -> None:
    """Make the window as large as a device's, in light or dark, without motion."""
    media = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in media.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    width, height = DEVICES[device]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


if __name__ == "__main__":
    sys.exit(main())
