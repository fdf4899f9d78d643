"""Files of settings and runs to be repeated, changed at random: read, or refused with one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fuzz.harness import fuzz, mutated_bytes, mutated_json
from rnn_lm.commands import compare, train
from rnn_lm.flags import parse_options
from rnn_lm.settings.keeping import settings_text

pytestmark = pytest.mark.slow
OLD = Path(__file__).parents[1] / "golden" / "run-0.1" / "lstm" / "run.json"


@pytest.mark.parametrize("kind", [train.Options, compare.Options])
def test_toml(kind, tmp_path: Path) -> None:
    given = parse_options(kind, ["--preset", "zaremba-small", "--schedule", "cosine"], "rnn-lm")
    path = tmp_path / "settings.toml"
    whole = "\n".join(line for line in settings_text(given, path).splitlines() if not line.startswith("#"))
    few = b'preset="quick"\n[model]\nhidden-size = 64\n[training]\nmomentum = 0.9\noptimizer = "sgd"\n[about]\nx=1\n'
    fuzz(lambda path: parse_options(kind, ["--config", str(path)], "rnn-lm"), mutated_bytes(whole.encode(), few), path)


def test_run_json(tmp_path: Path) -> None:
    values = {key: value for key, value in json.loads(OLD.read_text()).items() if key != "sha256"}
    path = tmp_path / "run.json"
    fuzz(lambda path: parse_options(train.Options, ["--config", str(path)], "rnn-lm"), mutated_json(values), path)
    fuzz(lambda path: parse_options(compare.Options, ["--config", str(path)], "rnn-lm"), mutated_json(values), path)
