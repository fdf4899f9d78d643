"""The notebooks' code, run from top to bottom on a tiny text and budget, answers too: what a reader types works."""

import ast
import json
import warnings
from pathlib import Path

import pytest

from by_path import module_at

DOCS = Path(__file__).parents[1] / "docs"
THEORY = sorted((DOCS / "theory" / "notebooks").glob("*.ipynb"))
NOTEBOOKS = [*sorted((DOCS / "tutorials").glob("*.ipynb")), *THEORY]
SMALL = {
    "CORPUS": "text.txt",
    "TEXT": "text.txt",
    "BUDGET": "3steps",
    "HIDDEN": 8,
    "STEPS": 12,
    "SIZE": 8,
    "ELEMENTS": 1000,
    "UPDATES": 2,
}


def code_of(notebook: Path) -> list[str]:
    """Code cells, the values of those tagged as parameters replaced by small ones."""
    cells = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            tagged = "parameters" in cell["metadata"].get("tags", [])
            cells.append("\n".join(f"{name} = {SMALL[name]!r}" for name in assigned(source)) if tagged else source)
    return cells


def assigned(source: str) -> list[str]:
    """The names that a cell gives values to."""
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    return [target.id for node in nodes for target in node.targets if isinstance(target, ast.Name)]


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(
        "\n".join(f"And the {'king' if i % 2 else 'dog'} said to {i % 7} servants , go ." for i in range(200))
    )
    names: dict[str, object] = {"__name__": "__main__"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, source in enumerate(code_of(notebook)):
            exec(compile(source, f"{notebook.name}, code cell {number}", "exec"), names)
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        for source in module_at("docs/run_tutorials.py").answers(cells):
            exec(compile(source, f"{notebook.name}, answer", "exec"), names)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_says_what_one_sees_and_ends_with_an_exercise(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    first, last = "".join(cells[0]["source"]), "".join(cells[-1]["source"])
    assert first.startswith("# ")
    assert "You will " in first
    assert "Needs:" in first
    assert "## Exercise" in last
    assert "<details>" in last


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_shown_with_its_output(notebook):
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert any(cell["outputs"] for cell in cells)
    assert not [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]


@pytest.mark.parametrize("page", sorted((DOCS / "theory").glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_each_page_of_the_theory_and_its_notebook_lead_to_each_other(page):
    (notebook,) = [path for path in THEORY if path.stem == page.stem]
    assert f"(notebooks/{notebook.name})" in page.read_text(encoding="utf-8")
    assert f"(../{page.name})" in notebook.read_text(encoding="utf-8")
