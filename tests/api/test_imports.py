"""What ``import rnn_lm`` imports: itself, and nothing else until it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rnn_lm

HEAVY = {"torch", "numpy", "rich", "tyro", "safetensors", "gensim", "altair", "lightning_fabric", "markupsafe"}


def imported_by(program: str) -> set[str]:
    """The modules that a fresh process has after ``program``."""
    code = f"{program}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_it_imports_nothing_of_it_and_nothing_heavy():
    found = imported_by("import rnn_lm\nassert 'train' in dir(rnn_lm) and rnn_lm.__all__")
    assert {name for name in found if name.split(".")[0] == "rnn_lm"} == {"rnn_lm"}
    assert not found & HEAVY


def test_errors_and_the_version_take_no_torch():
    found = imported_by("import rnn_lm\nrnn_lm.__version__\nrnn_lm.UserError\nrnn_lm.SettingError")
    assert not found & HEAVY


def test_the_layers_take_no_corpora():
    found = imported_by("import rnn_lm\nrnn_lm.layers.LSTM(2, 3)")
    assert "torch" in found
    assert "rnn_lm.corpora" not in found


def test_every_name_is_there_and_stays():
    for name in rnn_lm.__all__:
        assert getattr(rnn_lm, name) is getattr(rnn_lm, name)
        assert name in dir(rnn_lm)
    assert rnn_lm.__all__ == sorted(rnn_lm.__all__)


def test_a_star_imports_them_all():
    found: dict[str, object] = {}
    exec("from rnn_lm import *", found)
    assert set(rnn_lm.__all__) <= set(found)


def test_type_checkers_see_what_there_is_at_run_time():
    tree = ast.parse(Path(rnn_lm.__file__).read_text())
    checked = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    seen |= {
        node.target.id for node in checked.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert seen == set(rnn_lm.__all__)
    for node in checked.body:
        if isinstance(node, ast.ImportFrom) and node.module != "rnn_lm":
            assert all(rnn_lm._MODULE_OF[alias.name] == node.module for alias in node.names)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        getattr(rnn_lm, "trian")  # noqa: B009
