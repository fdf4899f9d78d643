"""Whatever stands in a results file, the page has the elements, attributes and scripts that this package wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rnn_lm.report import html as page_module
from rnn_lm.report.drawing import Kind
from rnn_lm.report.html import specifications, write_report
from rnn_lm.report.markdown import results_markdown
from rnn_lm.report.results import check_results
from rnn_lm.report.sections_theory import TELLING

HOSTILE = (
    "\"><script>alert(1)</script>",
    "' onmouseover='x",
    "</script></style></title><svg/onload=alert(1)>",
    "<!-- & ${x} $title",
    "javascript:alert(1)",
    "`|` \n\n# [x](javascript:y) <b>",
)  # fmt: skip
FIXED = {"format", "verdict", "weights", "relation", "path", "clip", "cell", "formula", "mathml"}
"""Entries whose words are fixed, so that any other is refused."""


class Shape(HTMLParser):
    """The elements of a page with the names of their attributes; every value of an id, and every target."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.classes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.elements.append((tag, tuple(values)))
        self.ids += [values["id"]] if "id" in values else []
        self.targets += [values[name] for name in ("href", "src", "xlink:href") if name in values]
        self.classes |= set(values.get("class", "").split())


def _with_strings(value: Any, hostile: str, key: str = "") -> Any:
    """``value`` with ``hostile`` behind every string that may be any, names that others refer to included."""
    if isinstance(value, dict):
        free = key in {"settings", "config", "layers", "labels"}
        return {
            (name + hostile if free and key != "labels" else name): _with_strings(
                item, hostile, "name" if key == "labels" else name
            )
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_with_strings(item, hostile, key) for item in value]
    return value + hostile if isinstance(value, str) and value and key not in FIXED else value


def _hostile(results: dict[str, Any], hostile: str) -> dict[str, Any]:
    made = _with_strings(results, hostile)
    for claim, original in zip(made["claims"], results["claims"], strict=True):
        claim["policy"] = original["policy"]
    for model, original in zip(made["models"], results["models"], strict=True):
        model["kind"] = original["kind"]
    natural = made["probes"]["natural"]
    natural["labels"] = {name + hostile: label for name, label in natural["labels"].items()}
    for exercise, original in zip(made["theory"]["exercises"], results["theory"]["exercises"], strict=True):
        exercise["name"], exercise["curves"] = original["name"], original["curves"]
        for statement, usual in zip(exercise["statements"], original["statements"], strict=True):
            if usual["name"] == TELLING[original["name"]]:
                statement["name"] = usual["name"]  # by which the page knows the one to be seen
    clipping = zip(made["gradients"]["clipping"]["rows"], results["gradients"]["clipping"]["rows"], strict=True)
    for row, original in clipping:
        row["setting"]["name"] = original["setting"]["name"]
        row["clip"] = original["clip"]
    made["gradients"]["clipping"]["runs"] = results["gradients"]["clipping"]["runs"]
    return made


def _page(results: dict[str, Any], path: Path) -> str:
    write_report(results, path)
    return re.sub(r'<script type="module">.*?</script>', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take most of the time; what is in them has a test of its own."""
    drawn = page_module.draw

    def draw(kind: Kind, spec: dict[str, Any]) -> bytes:
        return drawn(kind, spec) if kind == "library" else b'<svg id="one"></svg>'

    monkeypatch.setattr(page_module, "draw", draw)


@pytest.fixture
def usual(full_results: dict[str, Any], tmp_path: Path, without_pictures: None) -> Shape:  # noqa: ARG001
    return Shape(_page(full_results, tmp_path / "usual.html"))


@pytest.mark.parametrize("hostile", ["".join(HOSTILE), *(pytest.param(one, marks=pytest.mark.slow) for one in HOSTILE)])
def test_strings_of_results_never_become_markup(
    full_results: dict[str, Any], tmp_path: Path, usual: Shape, hostile: str
) -> None:
    shape = Shape(_page(_hostile(full_results, hostile), tmp_path / "hostile.html"))
    assert shape.elements == usual.elements
    assert shape.classes == usual.classes
    assert len(set(shape.ids)) == len(shape.ids)
    assert all(re.fullmatch(r"[A-Za-z0-9-]+", one) for one in shape.ids)
    assert all(target.startswith(("#", "data:application/gzip;")) for target in shape.targets)
    assert not any(name.startswith("on") for _, names in shape.elements for name in names)


@pytest.mark.slow
def test_strings_of_results_stay_text_in_pictures(full_results: dict[str, Any], tmp_path: Path) -> None:
    usual = Shape(_page(full_results, tmp_path / "usual.html"))
    for hostile in HOSTILE[:3]:
        shape = Shape(_page(_hostile(full_results, hostile), tmp_path / "hostile.html"))
        assert {tag for tag, _ in shape.elements} == {tag for tag, _ in usual.elements}
        assert {names for _, names in shape.elements} <= {names for _, names in usual.elements}
        assert all(re.fullmatch(r"[A-Za-z0-9-]+", one) for one in shape.ids)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markdown_keeps_every_string_in_its_cell(full_results: dict[str, Any], hostile: str) -> None:
    made = results_markdown(check_results(_hostile(full_results, hostile), "results"))
    usual = results_markdown(check_results(full_results, "results"))
    assert [line.replace("\\|", "").count("|") for line in made.splitlines()] == [
        line.count("|") for line in usual.splitlines()
    ]
    assert "<" not in made
    assert not re.search(r"(?<!\\)`", made)
    assert "](" not in made.replace("\\](", "")


def test_figures_hold_no_address(full_results: dict[str, Any], tmp_path: Path, without_pictures: None) -> None:  # noqa: ARG001
    text = _page(_hostile(full_results, HOSTILE[4]), tmp_path / "page.html")
    found = specifications(text)
    assert len(found) > 15
    for spec in found:
        assert not {"href", "url", "image", "loader"} & set(_keys(spec))


def _keys(value: Any) -> Iterator[str]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(key, str):
            yield key
        if isinstance(item, dict | list):
            yield from _keys(item)
