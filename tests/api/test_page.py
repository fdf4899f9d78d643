"""docs/api.md runs from top to bottom in an empty folder, and prints what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "api.md"
RUNNER = """
import contextlib, io, json, sys
names = {"__name__": "page"}
printed = []
for block in json.load(sys.stdin):
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        exec(compile(block, "docs/api.md", "exec"), names)
    printed.append(heard.getvalue())
json.dump(printed, sys.stdout)
"""


def blocks() -> list[tuple[str, str]]:
    """Each Python block with the output that stands below it, which may be none."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    found: list[tuple[str, str]] = []
    for language, text in fenced:
        if language == "python":
            found.append((text, ""))
        else:
            assert language == "text", f"a block of {language or 'no language'}"
            found[-1] = (found[-1][0], text)
    return found


def test_every_block_prints_what_stands_below_it(tmp_path):
    page = blocks()
    assert len(page) > 10
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps([code for code, _ in page]),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    for (code, wanted), printed in zip(page, json.loads(run.stdout), strict=True):
        assert printed.rstrip("\n") == wanted.rstrip("\n"), code


def test_the_readme_leads_here():
    assert "docs/api.md" in (ROOT / "README.md").read_text()
