"""Put what `rnn-lm evaluate --suite --json` wrote into docs/suites.md, beside what others published.

    python docs/update_suites.py MARKER FIGURES.json

Between ``<!-- MARKER -->`` and ``<!-- /MARKER -->``: a table per suite, of its coarsest level with several groups.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markers import put, require

from rnn_lm.files import read_json, write_atomically
from rnn_lm.suites.published import Published, published

PAGE = Path(__file__).parent / "suites.md"
LEVELS = {"BLiMP": "phenomenon", "line-aligned agreement": "attractors"}
"""Which level is shown; of other formats the totals alone."""


def tables(found: dict[str, Any]) -> Iterator[str]:
    """Each suite's table, under a line that says what it is."""
    for suite in found["suites"]:
        models = suite["models"]
        paradigms = [group["name"] for group in models[0]["groups"] if group["level"] == "paradigm"]
        beside = published(suite["format"], suite["reading"], paradigms)
        head = ["", *(model["name"] for model in models), *(f"{one.system}, published" for one in beside)]
        rows = [head, ["---", *["---:"] * (len(head) - 1)], *_rows(suite, beside)]
        way = "the state carried over the file" if suite["policy"] == "stream" else "each text from the initial state"
        caption = f"**{suite['name']}** ({suite['format']}, {suite['pairs']:,} pairs; {way}):"
        drawn = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        sources = ", ".join(dict.fromkeys(one.source for one in beside))
        yield f"{caption}\n\n{drawn}" + (f"\n\nPublished: {sources}; not measured here." if beside else "")


def _rows(suite: dict[str, Any], beside: list[Published]) -> Iterator[list[str]]:
    models = suite["models"]
    level = LEVELS.get(suite["format"])
    for index, group in enumerate(models[0]["groups"]):
        if group["level"] == level:
            name = group["name"]
            cells = [_share(model["groups"][index]["covered"]) for model in models]
            values = [one.groups.get((level, name)) for one in beside]
            yield [name.replace("_", " "), *cells, *("" if value is None else f"{100 * value:.1f}" for value in values)]
    yield ["covered pairs", *(_share(model["covered"]) for model in models), *[""] * len(beside)]
    yield ["covered, of all", *(f"{100 * _covered(model):.0f} %" for model in models), *[""] * len(beside)]
    yield ["all pairs", *(_share(model["all"]) for model in models), *[""] * len(beside)]
    if (
        any(model["mean_over_paradigms"] is not None for model in models)
        and suite["format"] != "line-aligned agreement"
    ):
        means = [one.groups.get(("mean", "")) for one in beside]
        yield [
            "mean over paradigms",
            *map(_mean, models),
            *("" if one is None else f"{100 * one:.1f}" for one in means),
        ]
    tests = [model["paired"] for model in models]
    yield [f"against {models[0]['name']}", *map(_test, tests), *[""] * len(beside)]


def _covered(model: dict[str, Any]) -> float:
    return model["covered"]["pairs"] / model["all"]["pairs"]


def _share(tally: dict[str, Any]) -> str:
    if tally["accuracy"] is None:
        return "no answer"
    return f"{100 * tally['accuracy']:.1f} [{100 * tally['low']:.1f}, {100 * tally['high']:.1f}]"


def _mean(model: dict[str, Any]) -> str:
    if model["mean_over_paradigms"] is None:
        return ""
    low, high = model["mean_low"], model["mean_high"]
    interval = "" if low is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * model['mean_over_paradigms']:.1f}{interval}"


def _test(paired: dict[str, Any] | None) -> str:
    if paired is None or paired["difference"] is None:
        return ""
    p = paired["p_value"]
    return f"{100 * paired['difference']:+.1f}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"


def main() -> None:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(description="Put figures of suites into docs/suites.md.")
    parser.add_argument("marker", help="which part of the page")
    parser.add_argument("figures", type=Path, help="what rnn-lm evaluate --suite --json wrote")
    arguments = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    require(page, arguments.marker, PAGE)
    write_atomically(PAGE, put(page, arguments.marker, "\n\n".join(tables(read_json(arguments.figures)))))


if __name__ == "__main__":
    main()
