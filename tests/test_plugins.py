"""A cell and a corpus from a package of their own: found by their entry points alone, and used like ours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from refusals import refused
from rnn_lm.errors import UserError
from rnn_lm.registry import Registry

PAGE = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
ENTRY_POINTS = """[rnn_lm.cells]
mingru = counting_plugin.cell:MinGRU
broken = counting_plugin.nosuch:Cell

[rnn_lm.corpora]
counting = counting_plugin.corpus:COUNTING
"""


def code(marker: str) -> str:
    """The example on the page that tells how to write one."""
    found = re.search(rf"<!-- {marker} -->\n```python\n(.*?)```\n<!-- /{marker} -->", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder as pip leaves one: the package, and what it says of itself."""
    folder = tmp_path_factory.mktemp("site")
    package, info = folder / "counting_plugin", folder / "counting_plugin-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").write_text("")
    (package / "cell.py").write_text(code("cell"))
    (package / "corpus.py").write_text(code("corpus"))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counting-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


def rnn_lm(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "rnn_lm", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_cell_and_a_corpus_from_outside_are_compared(site, tmp_path):
    out = tmp_path / "run"
    done = rnn_lm(
        site, "compare", "--corpus", "counting", "--models", "ngram", "mingru", "gru", "--cell", "gru",
        "--embedding", "random", "--embedding-size", "8", "--hidden-size", "12", "--budget", "20steps",
        "--batch-size", "4", "--bptt-length", "5",
        "--parts", "--out", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    models = {model["name"]: model for model in json.loads((out / "results.json").read_text())["models"]}
    assert {"ngram", "mingru", "gru"} <= models.keys()
    # Two matrices and two biases of a layer, the embedding, the decoder's bias, and the projection: nothing dead.
    hidden = models["mingru"]["settings"]["hidden_size"]
    words = models["mingru"]["parameters"] - 2 * hidden * (8 + 1) - 8 * hidden
    assert words % (8 + 1) == 0
    assert abs(models["mingru"]["parameters"] / models["gru"]["parameters"] - 1) < 0.02
    assert (out / "report.html").exists()
    again = rnn_lm(site, "evaluate", str(out / "mingru-seed1"))
    assert again.returncode == 0, again.stderr


def test_a_package_that_cannot_be_imported_is_named_in_one_line(site, tmp_path):
    done = rnn_lm(site, "train", "--corpus", "counting", "--cell", "broken", "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "cell broken: the package counting-plugin that offers it cannot be used (ModuleNotFoundError" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_without_the_package_its_names_are_unknown(capsys, tmp_path):
    assert "unknown model 'mingru'" in refused(capsys, "train", "--cell", "mingru", "--out", str(tmp_path / "run"))


def test_a_registry_without_a_group_has_its_own_entries_alone():
    registry: Registry[int] = Registry("number")
    registry.register("one")(1)
    assert list(registry) == ["one"]
    with pytest.raises(UserError, match="unknown number 'two'"):
        registry["two"]
    with pytest.raises(ValueError, match="registered twice"):
        registry.register("one")(1)
