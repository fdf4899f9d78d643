"""A new user's first hour: what docs/first-hour.md says after the installation, typed as it stands."""

import os
import sys
from pathlib import Path

import pytest

from by_path import ROOT, module_at

hour = module_at("tests/first_hour.py")
BLOCKS = hour.blocks(hour.PAGE.read_text(encoding="utf-8"))


def test_the_page_begins_with_the_installation():
    (_, first), *others = BLOCKS
    assert hour.ADDRESS in first
    assert "pip install -c constraints.txt ." in first
    assert len(others) >= 5
    assert not [content for _, content in others if "pip" in content]


def test_its_readers_find_every_block():
    page = "## One\n\n```sh\na\nb\n```\n\ntext\n\n## Two\n\n```python\nprint(1)\n```\n\n```text\nno\n```\n"
    assert hour.blocks(page) == [("One", "a\nb\n"), ("Two", "python - <<'END'\nprint(1)\nEND\n")]


@pytest.mark.slow
def test_everything_after_the_installation_works_as_it_stands(tmp_path):
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    said = hour.type_in("".join(content for _, content in BLOCKS[1:]), tmp_path, environment)
    assert "What next:" in said
    assert "surprisal_bits" in said
    assert "TextModel('gru'" in said or "GRU" in said
    assert (tmp_path / "elsewhere").is_dir()
