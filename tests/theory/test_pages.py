"""The pages in docs/theory: their code runs, what they point to exists, and their formulas survive markdown."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from rnn_lm.theory.run import EXERCISES

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "theory"
PAGES = sorted(FOLDER.glob("*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DISPLAY = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
INLINE = re.compile(r"\$([^$]+?)\$")


def prose(page: Path) -> str:
    """The page without its code."""
    return re.sub(r"`[^`\n]+`", "", FENCE.sub("", page.read_text(encoding="utf-8")))


def formulas(page: Path) -> list[str]:
    text = prose(page)
    return DISPLAY.findall(text) + INLINE.findall(DISPLAY.sub("", text))


def test_every_exercise_has_its_page() -> None:
    assert {name for _, name, _ in EXERCISES.values()} | {"README.md"} == {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_on_the_page_runs(page: Path) -> None:
    for language, code in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(code, page.name, "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_figures_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).is_file(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_functions_that_are_named_exist(page: Path) -> None:
    """In a section "As code", the names in backquotes after `theory/x.py` are found there."""
    for module, names in re.findall(r"`theory/(\w+)\.py`[^.`]*?[:(]([^.]*)", prose_with_names(page)):
        found = importlib.import_module(f"rnn_lm.theory.{module}")
        for name in re.findall(r"`([a-z_]+)`", names):
            assert hasattr(found, name), f"{module}.{name}"


def prose_with_names(page: Path) -> str:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return text.partition("## As code")[2].partition("## Measured")[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_formulas_survive_markdown(page: Path) -> None:
    """Markdown eats a backslash before punctuation, and some forges refuse operatorname: keep to what all can show."""
    text = prose(page)
    assert text.count("$") % 2 == 0
    assert [part for part in INLINE.findall(DISPLAY.sub("", text)) if "\n" in part] == []
    for formula in formulas(page):
        assert not re.search(r"\\[^A-Za-z]", formula), f"backslash before punctuation in {formula!r}"
        assert "operatorname" not in formula
        assert "<" not in formula, f"write \\lt in {formula!r}"
        assert formula.count("{") == formula.count("}"), formula
        assert formula.count("\\left") == formula.count("\\right"), formula


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_display_formulas_stand_on_lines_of_their_own(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for line in text.splitlines():
        assert "$$" not in line or line == "$$", line
    assert not re.search(r"\n[^\n$]+\n\$\$\n(?!\n)[^$]+\n\$\$\n[^\n]", text), "a formula needs blank lines around it"
