"""Take the picture of the playground for the pages, and time its first paint.

Run by `make playground-picture`, with the program to serve as its argument.
"""

from __future__ import annotations

import re
import shutil
import signal
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[5]
PICTURE = ROOT / "docs/api/playground.png"
VISITS = 9
MOST_MS = 500
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main(otmv: str) -> None:
    """Serve the demo, and look at it."""
    process = subprocess.Popen(
        [otmv, "serve", str(ROOT / "examples/demo-artifact"), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        found = next(filter(None, (re.search(r"ready: (\S+)", line) for line in process.stderr)))
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            print(first_paints(browser, found[1]))
            take_picture(browser, found[1])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def first_paints(browser: Any, url: str) -> str:
    """Return the bar of the first paint; nothing is cached."""
    paints = []
    for _ in range(VISITS):
        page = browser.new_context().new_page()
        page.goto(url)
        page.wait_for_selector("#playground:not([hidden])")
        paints.append(page.evaluate(PAINT))
        page.context.close()
    low, middle, high = statistics.quantiles(paints, n=4)
    ok = "ok" if middle <= MOST_MS else "short"
    return f"BAR first-paint {middle:.0f} ms {MOST_MS} ms {ok} ({low:.0f} to {high:.0f})"


def take_picture(browser: Any, url: str) -> None:
    """Ask what an example asks, of one variant and of all, and write what is seen then."""
    page = browser.new_context(viewport={"width": 1180, "height": 800}).new_page()
    page.goto(url)
    page.click("#examples li:nth-child(1) button")
    page.wait_for_selector(".picture.full")
    for at in range(12):
        page.fill("#deadline", str((81, 50, 40)[at % 3]))
        page.click("#ask")
        page.wait_for_selector("#answer:not([aria-busy]) .series")
    page.fill("#deadline", "81")
    page.click("#ask")
    page.wait_for_selector("#answer:not([aria-busy]) .series")
    page.click("#ask-all")
    page.wait_for_selector("#all tbody tr:nth-child(5)")
    page.wait_for_selector("#now .legend")
    page.wait_for_timeout(5000)  # two more looks at what happens now
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    bottom = page.locator("#lines-part").bounding_box()["y"]
    shown = {"x": 0, "y": 0, "width": 1180, "height": bottom}
    page.screenshot(path=PICTURE, full_page=True, clip=shown)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1])
