"""A cell, a model, a corpus, a tokenization and a suite from a package: found by entry points, used like ours.

The package stands in ``third_party/`` and, file by file, on the page that tells how to write one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from refusals import refused
from rnn_lm.errors import UserError
from rnn_lm.registry import Registry

THIRD_PARTY = Path(__file__).resolve().parent / "third_party"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
BROKEN = """[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = "broken-plugin"
version = "1.0"

[tool.setuptools]
py-modules = ["broken_plugin"]

"""
BROKEN_NAMES = {"models": "broken-model"}
"""Where the name of another entry would be found first."""
SMALL_PROBE = """
import dataclasses, sys
from rnn_lm.probes import config
from rnn_lm.cli import main
config.SMALL = dataclasses.replace(
    config.SMALL, models=("ngram", "gru"), seeds=1, steps=3, batch_size=8, sentences=200, trained_distance=6,
    distances=(0, 2, 16), items=4, workers=1,
)
sys.exit(main(sys.argv[1:]))
"""
"""What runs ``rnn-lm`` with the part "probes" on a budget of seconds."""


def install(target: Path, *sources: Path) -> None:
    """Install packages into a folder as anybody would, but from the disk alone."""
    if importlib.util.find_spec("pip") is None or importlib.util.find_spec("setuptools") is None:
        pytest.skip("needs pip and setuptools")
    flags = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *flags, "--target", str(target), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with the package installed, and another that offers what cannot be imported."""
    folder = tmp_path_factory.mktemp("site")
    copy, broken = folder / "counting", folder / "broken"
    shutil.copytree(THIRD_PARTY, copy)  # building leaves files beside the sources
    broken.mkdir()
    groups = ("cells", "models", "corpora", "tokenizers", "suites")
    points = [
        f'[project.entry-points."rnn_lm.{group}"]\n{BROKEN_NAMES.get(group, "broken")} = "broken_plugin:Thing"'
        for group in groups
    ]
    (broken / "pyproject.toml").write_text("\n".join([BROKEN, *points]))
    (broken / "broken_plugin.py").write_text("import nosuch_module\n")
    install(folder / "site", copy, broken)
    return folder / "site"


def python(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("name", ["cell", "model", "corpus", "tokenizer", "suite"])
def test_the_page_shows_the_package_as_it_is(name):
    found = re.search(rf"<!-- {name} -->\n```python\n(.*?)```\n<!-- /{name} -->", PAGE.read_text(), re.DOTALL)
    assert found is not None
    assert found[1] == (THIRD_PARTY / "counting_plugin" / f"{name}.py").read_text()


def test_the_page_shows_its_entry_points_and_every_group():
    found = re.search(r"<!-- entry points -->\n```toml\n(.*?)```\n<!-- /entry points -->", PAGE.read_text(), re.DOTALL)
    assert found is not None
    project = tomllib.loads((THIRD_PARTY / "pyproject.toml").read_text())["project"]
    assert tomllib.loads(found[1])["project"]["entry-points"] == project["entry-points"]
    groups = re.findall(r'"(rnn_lm\.\w+)"\)', "\n".join(path.read_text() for path in sources()))
    assert {f"`{group}`" for group in groups} <= set(re.findall(r"`rnn_lm\.\w+`", PAGE.read_text()))
    assert {*project["entry-points"]} <= {*groups}


def sources():
    from rnn_lm import registry

    return [path for path in Path(registry.__file__).parent.rglob("*.py") if "Registry" in path.read_text()]


CHECKS = """
import sys
from pathlib import Path
from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import Downloads, load_corpus
from rnn_lm.progress import SilentProgress
from rnn_lm.testing import *
check_cell("mgu")
check_model("feedforward")
check_corpus("counting")
check_tokenization("identifiers")
check_tokenization("split")
check_suite("brackets")
config = CorpusConfig(corpus=("counting",), tokens="identifiers")
load_corpus(config, Downloads(Path(sys.argv[1]), SilentProgress()), stored_from=0)
"""


def test_each_entry_does_what_its_seam_promises(site, tmp_path):
    done = python(site, "-c", CHECKS, str(tmp_path))
    assert done.returncode == 0, done.stderr
    (facts,) = tmp_path.glob("tokens/*/facts.json")  # another version's tokens are others
    assert json.loads(facts.read_text())["about"]["tokens"] == "identifiers of counting-plugin 1.0"


def test_one_comparison_uses_all_five(site, capsys, tmp_path):
    out = tmp_path / "run"
    done = python(
        site, "-c", SMALL_PROBE,
        "compare", "--corpus", "counting", "--tokens", "identifiers", "--suites", "brackets", "--parts", "probes",
        "--models", "ngram", "mgu", "gru", "feedforward", "--cell", "gru", "--embedding", "random",
        "--embedding-size", "8", "--hidden-size", "10", "--budget", "20steps", "--batch-size", "4",
        "--bptt-length", "5", "--out", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads((out / "results.json").read_text())
    assert (results["corpus"]["name"], results["corpus"]["tokens"]) == ("Counting", "identifiers")
    assert not results["corpus"]["lowercase"]  # as the tokenization has it
    assert [probe["name"] for probe in results["probes"]["probes"]] == ["brackets"]
    models = {model["name"]: model for model in results["models"]}
    assert models.keys() == {"ngram", "mgu", "gru", "feedforward"}
    assert models["feedforward"]["kind"] == "feedforward"
    # Two matrices and two biases of a layer, the embedding, the decoder's bias, and the projection: nothing dead.
    hidden = models["mgu"]["settings"]["hidden_size"]
    words = models["mgu"]["parameters"] - 2 * hidden * (8 + hidden + 1) - 8 * hidden
    assert words % (8 + 1) == 0
    assert abs(models["mgu"]["parameters"] / models["gru"]["parameters"] - 1) < 0.02
    assert "Brackets" in (out / "report.html").read_text()
    for name in ("mgu", "feedforward"):
        again = python(site, "-m", "rnn_lm", "generate", str(out / f"{name}-seed1"), "--prompt", "w1", "--length", "5")
        assert again.returncode == 0, again.stderr
        assert again.stdout.startswith("w1")
    assert "unknown --tokens 'identifiers'" in refused(capsys, "evaluate", str(out / "mgu-seed1"))


def test_a_package_that_cannot_be_imported_is_named_in_one_line(site, tmp_path):
    asked = {
        "cell": ["train", "--cell", "broken"],
        "model": ["compare", "--models", "broken-model"],
        "corpus": ["train", "--corpus", "broken"],
        "tokenization": ["train", "--tokens", "broken"],
        "suite": ["compare", "--suites", "broken"],
    }
    code = "import sys; from rnn_lm.cli import main\n" + "\n".join(
        f"assert main({[*arguments, '--out', str(tmp_path / 'run')]!r}) == 2" for arguments in asked.values()
    )
    done = python(site, "-c", code)
    assert done.returncode == 0, done.stderr
    for kind, line in zip(asked, done.stderr.strip().splitlines(), strict=True):
        wanted = (
            f"{kind} {asked[kind][-1]}: the package broken-plugin that offers it cannot be used (ModuleNotFoundError"
        )
        assert wanted in line
    assert not (tmp_path / "run").exists()


def test_without_the_package_its_names_are_unknown(capsys, tmp_path):
    for flag, name, kind in (("--cell", "mgu", "model"), ("--tokens", "identifiers", "--tokens")):
        assert f"unknown {kind} '{name}'" in refused(capsys, "train", flag, name, "--out", str(tmp_path / "run"))


def test_a_registry_without_a_group_has_its_own_entries_alone():
    registry: Registry[int] = Registry("number")
    registry.register("one")(1)
    assert (list(registry), registry.origin("one")) == (["one"], "")
    with pytest.raises(UserError, match="unknown number 'two'"):
        registry["two"]
    with pytest.raises(ValueError, match="registered twice"):
        registry.register("one")(1)
