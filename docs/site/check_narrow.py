"""Whether every page of the built site fits a telephone: what is wider than 360 pixels scrolls by itself, not the page.

    python docs/site/check_narrow.py [build/site] [--pictures FOLDER]

It needs Chromium, and says so where there is none.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from chromium import EXECUTABLE, Chromium  # pyright: ignore[reportMissingImports]

WIDTH, HEIGHT = 360, 800
LOOSE = """(() => {
  const width = document.documentElement.clientWidth, loose = [];
  const scrolls = element => ['auto', 'scroll'].includes(getComputedStyle(element).overflowX);
  for (const element of document.querySelectorAll('.md-content *')) {
    const box = element.getBoundingClientRect();
    if (!box.width || box.right <= width + 1) continue;
    let parent = element.parentElement;
    while (parent && !scrolls(parent)) parent = parent.parentElement;
    if (!parent) loose.push(element.tagName.toLowerCase() + ' "' + element.textContent.trim().slice(0, 40) + '"');
  }
  return JSON.stringify({width: document.documentElement.scrollWidth, loose: loose.slice(0, 3)});
})()"""


def fault(browser: Chromium, page: Path) -> str | None:
    """What of a page is wider than a telephone and cannot be scrolled to by itself; None where all fits."""
    browser.call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=True)
    browser.open(page.resolve().as_uri())
    found: dict[str, Any] = json.loads(browser.evaluate(LOOSE))
    if found["width"] <= WIDTH and not found["loose"]:
        return None
    return f"is {found['width']} pixels wide on a telephone: {', '.join(found['loose']) or 'a part outside the text'}"


def picture(browser: Chromium) -> bytes:
    """A PNG of the page that is open, its first 3,200 pixels."""
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": 3200, "scale": 1}
    shot = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
    return base64.b64decode(shot["data"])


def main() -> None:
    """Print the pages that do not fit, and fail where there is one."""
    parser = argparse.ArgumentParser(description="Look at every page as a telephone shows it.")
    parser.add_argument("site", type=Path, nargs="?", default=Path("build/site"))
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of each page")
    given = parser.parse_args()
    if EXECUTABLE is None:
        print("no Chromium: pages were not looked at as a telephone shows them")
        return
    found = 0
    with tempfile.TemporaryDirectory() as profile, Chromium.started(EXECUTABLE, Path(profile)) as browser:
        for page in sorted(given.site.rglob("*.html")):
            name = page.relative_to(given.site)
            if problem := fault(browser, page):
                found += 1
                print(f"{name} {problem}")
            if given.pictures:
                given.pictures.mkdir(parents=True, exist_ok=True)
                (given.pictures / f"{'-'.join(name.with_suffix('').parts)}.png").write_bytes(picture(browser))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
