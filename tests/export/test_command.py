"""``rnn-lm export``, and ``export`` from Python: what is written, and what is refused in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import rnn_lm
from export_cases import KINDS, neural, save_run
from refusals import refused
from rnn_lm.cli import main


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run."""
    return save_run(neural("lstm"), tmp_path / "lstm-seed1")


def test_a_run_is_exported_and_replaced_only_when_told_to(run_folder, tmp_path, capsys):
    pytest.importorskip("tokenizers")
    command = ["export", str(run_folder), str(tmp_path / "out"), "--to", "hf"]
    assert main(command) == 0
    assert "docs/export.md says how it is used" in capsys.readouterr().err
    assert "out: is there already; add --overwrite to replace it" in refused(capsys, *command)
    assert main([*command, "--overwrite"]) == 0
    model = rnn_lm.load(run_folder, progress=False)
    with pytest.raises(rnn_lm.SettingError, match="out: is there already; add overwrite=True to replace it"):
        model.export(tmp_path / "out")
    assert model.export(tmp_path / "out", overwrite=True) == tmp_path / "out"


def test_mistakes_are_one_line_and_write_nothing(run_folder, tmp_path, capsys):
    out = str(tmp_path / "out")
    for arguments, said in (
        ((str(run_folder), out, "--to", "hff"), "unknown export target 'hff': did you mean 'hf'?"),
        ((str(run_folder), out, "--to", "arpa"), "lstm-seed1: an ARPA file holds n-gram models alone"),
        ((str(tmp_path / "nowhere"), out), "nowhere: no run here"),
        ((str(run_folder), str(run_folder)), "is a folder that no export wrote, and is left alone"),
    ):
        assert said in refused(capsys, "export", *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["lstm-seed1"]


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("best.safetensors", lambda data: data[:-30], "damaged, not a whole safetensors file"),
        ("best.safetensors", None, "training was not carried to its first validation"),
        ("vocabulary.json", lambda data: data[:-30], "vocabulary.json: line"),
        ("run.json", lambda data: data.replace(b'"hidden_size": 8', b'"hidden_size": 9'), "run.json"),
    ],
)
def test_a_damaged_run_is_one_line(run_folder, tmp_path, capsys, name, damage, said):
    path = run_folder / name
    content = path.read_bytes()
    path.unlink()
    if damage is not None:
        path.write_bytes(damage(content))
    assert said in refused(capsys, "export", str(run_folder), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_package_that_is_missing_is_named_with_what_brings_it(run_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    said = refused(capsys, "export", str(run_folder), str(tmp_path / "out"))
    assert said == "rnn-lm: Hugging Face folders need the package tokenizers: pip install 'rnn-lm[export]'"
    assert [path.name for path in tmp_path.iterdir()] == ["lstm-seed1"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_every_kind_is_exported(kind, tmp_path):
    pytest.importorskip("tokenizers")
    folder = save_run(neural(kind), tmp_path / "run")
    assert main(["export", str(folder), str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "config.json").read_text())["cell"] == KINDS[kind]["cell"]


def test_the_card_says_what_the_comparison_found(run_folder, tmp_path):
    pytest.importorskip("tokenizers")
    model = rnn_lm.load(run_folder, progress=False)
    card = (model.export(tmp_path / "alone") / "README.md").read_text()
    assert "- corpus: my.txt" in card
    assert "Perplexity at the best validation in training, on a sample of the valid split: 7.39." in card
    one = {"perplexity": 33.3, "low": 28.7, "high": 38.6, "token_count": 46208}
    results = {
        "format": "rnn_lm results",
        "corpus": {"name": "World English Bible", "licence": "public domain", "source": "a package", "split": "last"},
        "models": [{"name": "lstm", "seeds": [1, 2], "perplexity": {"stream": {"test": one}}}],
        "made": {"command": "rnn-lm compare --out runs/demo"},
    }
    (tmp_path / "results.json").write_text(json.dumps(results))
    card = (model.export(tmp_path / "compared") / "README.md").read_text()
    for line in (
        "- corpus: World English Bible",
        "- license of the corpus: public domain",
        "- made by: `rnn-lm compare --out runs/demo`",
        "| stream | 33.30 | 28.70 to 38.60 | 46,208 |",
        "The mean of 2 trainings, of which this is one.",
    ):
        assert line in card
    (tmp_path / "results.json").write_text("{")  # what cannot be read is not said
    assert "7.39" in (model.export(tmp_path / "damaged") / "README.md").read_text()
