"""Run the tutorials and the theory's notebooks from top to bottom, and keep their output in them, as the site shows it.

    python docs/run_tutorials.py [--answers] [docs/tutorials/2-why-gates.ipynb ...]

They run in a folder of their own, so that what they train is left nowhere; its name is taken out of what they print.
With ``--answers`` the code of each exercise's answer runs after its notebook, and what it prints is shown, not kept:
the answer's figures are to be compared with it.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDERS = [Path(__file__).parent / name for name in ("tutorials", "theory/notebooks")]
ANSWER = re.compile(r"<details>.*?</details>", re.DOTALL)
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ALL = [path for folder in FOLDERS for path in sorted(folder.glob("*.ipynb"))]


def answers(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """The code of a notebook's folded answer, block by block."""
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    return [code for text in texts for answer in ANSWER.findall(text) for code in CODE.findall(answer)]


def run(notebook: Path, *, with_answers: bool = False) -> None:
    """Execute a notebook in place."""
    import nbformat
    from nbclient import NotebookClient

    started = time.monotonic()
    content = nbformat.read(notebook, as_version=4)
    count = len(content.cells)
    if with_answers:
        content.cells += [nbformat.v4.new_code_cell(code) for code in answers(content.cells)]
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(content, timeout=1800, resources={"metadata": {"path": folder}}).execute()
        text = json.dumps(content).replace(f"{folder}/", "")
    content = nbformat.from_dict(json.loads(text))
    print(f"{notebook.name}: {time.monotonic() - started:.0f} s", flush=True)
    for cell in content.cells[count:]:
        print(cell.source, *[one.get("text") or one.data["text/plain"] for one in cell.outputs], sep="\n", flush=True)
    del content.cells[count:]
    for cell in content.cells:
        # When a cell began is nobody's business, and would make every run a change.
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _joined([one for one in cell.outputs if one.get("name") != "stderr"])
    nbformat.write(content, notebook)


def _joined(outputs: list[Any]) -> list[Any]:
    """Outputs in which what was printed in several goes stands in one piece."""
    found: list[Any] = []
    for one in outputs:
        if found and one.output_type == found[-1].output_type == "stream":
            found[-1].text += one.text
        else:
            found.append(one)
    return found


def main() -> None:
    """Run those that are named, or all."""
    parser = argparse.ArgumentParser(description="Run the tutorials and keep their output.")
    parser.add_argument("notebooks", type=Path, nargs="*", default=ALL)
    parser.add_argument("--answers", action="store_true", help="run the answers' code, too, and show what it prints")
    given = parser.parse_args()
    for notebook in given.notebooks:
        run(notebook, with_answers=given.answers)


if __name__ == "__main__":
    main()
