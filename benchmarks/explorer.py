"""The explorer in a real browser: how long a click takes, and what its page looks like.

    python benchmarks/explorer.py runs/demo/lstm-seed1 runs/demo/gru-seed1 ... --json explorer.json
    python benchmarks/explorer.py runs/demo/lstm-seed1 ... --pictures docs/figures

A click chooses a phrase: the units on over it are found, the sample of the corpus is searched for the same pattern, and
map and lists are drawn again. Times are those of the page's own clock, to the end of the handler and to the next frame.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import tempfile
import threading
from pathlib import Path
from typing import Any

from chromium import EXECUTABLE, Chromium
from rnn_lm.experiments.arpa_models import open_model
from rnn_lm.explorer.answers import Explorer
from rnn_lm.explorer.server import Server
from rnn_lm.explorer.texts import texts_to_read
from rnn_lm.progress import SilentProgress

CLICKS = 40
_SETUP = """Explorer.ready.then(async () => {
  globalThis.until = async holds => {
    for (let turn = 0; turn < 6000 && !holds(); turn++) await new Promise(go => setTimeout(go, 20));
  };
  Explorer.showTab("cells");
  await until(() => /control task|No corpus/.test(document.getElementById("cells-probes").textContent));
})"""
_CLICK = """(async (first, last) => {
  await new Promise(go => requestAnimationFrame(() => setTimeout(go)));
  const began = performance.now();
  Explorer.choosePhrase(first, last, true);
  const handled = performance.now() - began;
  await new Promise(go => requestAnimationFrame(() => setTimeout(go)));
  return [handled, performance.now() - began];
})"""
_THRESHOLD = """(async value => {
  const slider = document.getElementById("cells-threshold"), began = performance.now();
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
  return [performance.now() - began];
})"""


def summary(found: list[list[float]]) -> dict[str, dict[str, float]]:
    """Return median and largest of each column."""
    columns = zip(("handler ms", "to the next frame ms"), zip(*found, strict=True), strict=False)
    return {
        name: {"median": round(statistics.median(each), 1), "largest": round(max(each), 1)} for name, each in columns
    }


def measure(browser: Chromium, over: str) -> dict[str, Any]:
    """Click over the text or over the corpus, on phrases of one to four tokens."""
    browser.evaluate(
        f"(select => {{ select.value = '{over}'; select.dispatchEvent(new Event('change')); }})"
        "(document.getElementById('cells-over'))"
    )
    tokens = browser.evaluate(
        "Explorer.source.ask('corpus', {model: 0}).then(answer => [answer.layers[0].hidden.shape, "
        "document.querySelectorAll('#cells-unit button').length])"
    )
    (sampled, units), shown = tokens
    length = sampled if over == "corpus" else shown - 1
    found = []
    for click in range(CLICKS):
        first = 1 + (click * 7919) % (length - 6)
        found.append(browser.evaluate(f"{_CLICK}({first}, {first + click % 4})"))
    return {"tokens": sampled, "units": units, "clicks": CLICKS, **summary(found)}


def picture(browser: Chromium, path: Path, width: int, height: int) -> None:
    """Write what is in sight, as WebP."""
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    found = browser.call("Page.captureScreenshot", format="webp", quality=70, clip=clip, captureBeyondViewport=True)
    path.write_bytes(base64.b64decode(found["data"]))
    print(f"{path}: {path.stat().st_size / 1e3:.0f} KB")


def pictures(browser: Chromium, folder: Path) -> None:
    """Write a picture of each tab."""
    show = "(async (tab, done) => { Explorer.showTab(tab); await new Promise(go => setTimeout(go, 1500)); %s })"
    browser.resize(1180, 900)
    browser.evaluate("Explorer.showTab('read'); document.querySelectorAll('#read-words button')[11].click()")
    picture(browser, folder / "explorer-read.webp", 1180, 1000)
    browser.evaluate((show % "Explorer.choosePhrase(8, 10, true); document.activeElement.blur();") + "('cells')")
    picture(browser, folder / "explorer-cells.webp", 1180, 1500)
    browser.evaluate(
        (show % "const select = document.getElementById('gradients-measure'); select.value = 'input';"
         "Explorer.choose(14); select.dispatchEvent(new Event('change'));"
         "await new Promise(go => setTimeout(go, 1500));")
        + "('gradients')"
    )  # fmt: skip
    picture(browser, folder / "explorer-gradients.webp", 1180, 1420)
    browser.evaluate(
        (show % "const range = document.getElementById('write-top-p'); range.value = 0.8;"
         "range.dispatchEvent(new Event('input')); document.getElementById('write-go').click();"
         "await until(() => document.getElementById('write-go').textContent !== 'Stop');"
         "document.querySelectorAll('#write-path button')[6].click(); await new Promise(go => setTimeout(go, 800));")
        + "('write')"
    )  # fmt: skip
    picture(browser, folder / "explorer-write.webp", 1180, 800)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="models; the first is looked into")
    parser.add_argument("--text", nargs="*", default=(), help="texts to read")
    parser.add_argument("--json", type=Path, help="write the times to this file")
    parser.add_argument("--pictures", type=Path, help="write a picture of each tab into this folder instead")
    options = parser.parse_args()
    if EXECUTABLE is None:
        raise SystemExit("no Chromium")
    explorer = Explorer([open_model(run, SilentProgress()) for run in options.runs])
    texts = texts_to_read(explorer, options.text, None, None)
    with Server(explorer, texts, 0) as server, tempfile.TemporaryDirectory() as profile:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Chromium.started(EXECUTABLE, Path(profile)) as browser:
            browser.resize(1280, 900)
            browser.open(server.address)
            browser.evaluate(_SETUP)
            if options.pictures is not None:
                pictures(browser, options.pictures)
            else:
                found: dict[str, Any] = {over: measure(browser, over) for over in ("text", "corpus")}
                values = [browser.evaluate(f"{_THRESHOLD}({0.1 + 0.02 * step})") for step in range(20)]
                found["another threshold"] = summary(values)
                print(json.dumps(found, indent=1))
                if options.json is not None:
                    options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            if browser.errors:
                raise SystemExit(f"errors in the page: {browser.errors}")
        server.shutdown()


if __name__ == "__main__":
    main()
