"""Run the tutorials and the theory's notebooks from top to bottom, and keep their output in them, as the site shows it.

    python docs/run_tutorials.py [docs/tutorials/2-why-gates.ipynb ...]

They run in a folder of their own, so that what they train is left nowhere; its name is taken out of what they print.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDERS = [Path(__file__).parent / name for name in ("tutorials", "theory/notebooks")]
ALL = [path for folder in FOLDERS for path in sorted(folder.glob("*.ipynb"))]


def run(notebook: Path) -> None:
    """Execute a notebook in place."""
    started = time.monotonic()
    content = nbformat.read(notebook, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(content, timeout=1800, resources={"metadata": {"path": folder}}).execute()
        text = json.dumps(content).replace(f"{folder}/", "")
    content = nbformat.from_dict(json.loads(text))
    for cell in content.cells:
        # When a cell began is nobody's business, and would make every run a change.
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _joined([one for one in cell.outputs if one.get("name") != "stderr"])
    nbformat.write(content, notebook)
    print(f"{notebook.name}: {time.monotonic() - started:.0f} s", flush=True)


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
    for notebook in parser.parse_args().notebooks:
        run(notebook)


if __name__ == "__main__":
    main()
