"""What ``rnn-lm evaluate`` prints is what it printed before it was made of typed figures; and these, also as JSON."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

from refusals import refused
from rnn_lm.cli import main
from rnn_lm.evaluation.figures import Difference, TextPerplexity
from rnn_lm.evaluation.perplexity import TokenScores
from rnn_lm.evaluation.unknown import Reading
from rnn_lm.experiments.evaluate import evaluate_models, splits_for
from rnn_lm.models.storage import load_model
from rnn_lm.progress import SilentProgress
from rnn_lm.report.evaluation import evaluation_lines, evaluation_tables, figures_text

GOLDEN = Path(__file__).parents[1] / "golden" / "run-0.1"
LINES = {text: (GOLDEN.parent / f"evaluate-{text}.txt").read_text() for text in ("train", "test")}
"""As printed by the version before, for the kept models of version 0.1."""


@pytest.fixture(scope="module")
def evaluated():
    models = [load_model(GOLDEN / name) for name in ("lstm", "ngram")]
    text = GOLDEN / "corpus" / "train.txt"
    return evaluate_models(models, splits_for(models, "test", text, SilentProgress()), SilentProgress())


@pytest.mark.parametrize("text", LINES)
def test_the_lines_are_those_of_before(capsys, text):
    models = [str(GOLDEN / name) for name in ("lstm", "ngram")]
    assert main(["evaluate", *models, "--text", str(GOLDEN / "corpus" / f"{text}.txt")]) == 0
    assert capsys.readouterr().out == LINES[text]


def test_lines_can_be_made_of_the_figures_alone(evaluated):
    assert "\n".join(evaluation_lines(evaluated)) + "\n" == LINES["train"]


def test_figures_are_numbers_with_names(evaluated):
    lstm, ngram = evaluated["stream"]["lstm"], evaluated["stream"]["ngram"]
    assert round(lstm.perplexity, 2) == 13.57
    assert lstm.difference is None
    assert ngram.difference.baseline == "lstm"
    assert ngram.difference.unit == "token"
    assert ngram.difference.value.value == pytest.approx(ngram.perplexity / lstm.perplexity)
    assert ngram.difference.p_value < 1e-6
    assert evaluated["stream"].tokens == (504, 504)
    with pytest.raises(KeyError):
        evaluated["stream"]["gru"]


def test_tables_have_a_row_for_each_model(evaluated):
    stream, sentence = evaluation_tables(evaluated)
    assert [row[0] for row in stream.rows] == ["lstm", "ngram"]
    assert stream.rows[0][1:3] == ("13.57", "[13.40, 13.73]")
    assert "sentence" in sentence.caption


def test_the_json_file_holds_what_was_printed(capsys, evaluated, tmp_path):
    path = tmp_path / "figures.json"
    models = [str(GOLDEN / name) for name in ("lstm", "ngram")]
    arguments = ["evaluate", *models, "--text", str(GOLDEN / "corpus" / "train.txt"), "--json", str(path)]
    assert main(arguments) == 0
    found = json.loads(path.read_text())
    assert found == json.loads(json.dumps(evaluated.to_json()))
    assert (found["format"], found["version"]) == ("rnn_lm evaluation", 1)
    lstm, ngram = found["policies"]["sentence"]["models"]
    assert lstm["score"]["token_count"] == 504
    assert ngram["difference"]["ratio"] == pytest.approx(ngram["score"]["perplexity"] / lstm["score"]["perplexity"])
    assert "add --overwrite" in refused(capsys, *arguments)
    assert main([*arguments, "--overwrite"]) == 0


READING = Reading(0.0, 0.0, 0.0, "valid", True)


def scores(*nats: float) -> TokenScores:
    ends_s = np.arange(1, len(nats) + 1)
    return TokenScores(np.array(nats), ends_s, 4 * len(nats), "sentence", len(nats))


def test_a_perplexity_is_a_float_that_says_what_it_is():
    nats = np.random.default_rng(1).uniform(1, 2, 80)
    perplexity = TextPerplexity.of([scores(*nats)], READING)
    assert perplexity == pytest.approx(math.exp(nats.mean()))
    assert f"{perplexity:.3f}" == f"{math.exp(nats.mean()):.3f}"
    assert (perplexity.token_count, perplexity.policy, perplexity.unk_share) == (80, "sentence", 0.0)
    assert perplexity.low is not None
    assert perplexity.high is not None
    assert perplexity.low < perplexity < perplexity.high
    assert str(perplexity) == f"{perplexity:.2f} [{perplexity.low:.2f}, {perplexity.high:.2f}] (sentence, 80 tokens)"
    again = pickle.loads(pickle.dumps(perplexity))
    assert (again, again.interval, again.policy) == (perplexity, perplexity.interval, "sentence")


def test_of_several_seeds_it_is_the_geometric_mean_and_counts_the_text_once():
    perplexity = TextPerplexity.of([scores(*[1.0] * 50), scores(*[2.0] * 50)], READING)
    assert perplexity == pytest.approx(math.exp(1.5))
    assert perplexity.per_seed == pytest.approx((math.e, math.exp(2)))
    assert perplexity.token_count == 50


def test_an_infinite_perplexity_has_no_interval_and_is_null_in_json():
    perplexity = TextPerplexity.of([scores(1.0, math.inf)], READING)
    assert math.isinf(perplexity)
    assert figures_text(perplexity) == "perplexity inf (a token has the probability 0)"
    assert perplexity.note


def test_models_that_cannot_be_compared_say_why():
    assert Difference.untested("lstm", "a perplexity is infinite").to_json() == {
        "baseline": "lstm", "low": None, "high": None, "p_value": None, "reason": "a perplexity is infinite",
    }  # fmt: skip
