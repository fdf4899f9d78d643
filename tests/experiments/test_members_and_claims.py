"""Who is compared with whom: matched sizes, one seed of all before the next, claims that can fail."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import torch

from rnn_lm.config import (
    CorpusConfig,
    EmbeddingConfig,
    GenerationConfig,
    ModelConfig,
    NgramConfig,
    TrainingConfig,
    from_json,
    to_json,
)
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import Policy, TokenScores
from rnn_lm.experiments.claims import compare_claims
from rnn_lm.experiments.members import CompareSettings, usual_rates
from rnn_lm.experiments.model_runs import dropouts, matched_to
from rnn_lm.experiments.parts import check_parts
from rnn_lm.experiments.vectors import InputVectors
from rnn_lm.layers.cells import CELLS
from rnn_lm.models.recurrent import count_parameters
from rnn_lm.report.results import Claim
from rnn_lm.runs import completed, first_difference
from rnn_lm.schema import first_problem

LABELS = {"ngram": "n-gram", "rnn": "RNN", "gru": "GRU", "lstm": "LSTM", "lstm-random": "LSTM, random input"}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_sizes_are_matched_within_a_unit(cell, layers):
    reference = ModelConfig(cell="lstm", hidden_size=40, layers=layers, mogrifier_rank=4)
    wanted = count_parameters(500, 30, reference)
    matched = matched_to(cell, reference, 500, 30)
    assert matched.cell == cell
    off = abs(count_parameters(500, 30, matched) - wanted)
    for other in (matched.hidden_size - 1, matched.hidden_size + 1):
        worse = dataclasses.replace(matched, hidden_size=other)
        assert abs(count_parameters(500, 30, worse) - wanted) >= off


def settings(**changed) -> CompareSettings:
    values = {
        "models": ("ngram", "rnn", "lstm"),
        "learning_rates": {"rnn": 0.001},
        "dropout_scales": {"rnn": 0.5},
        "seeds": 2,
        "parts": (),
    }
    return CompareSettings(
        CorpusConfig(),
        NgramConfig(),
        EmbeddingConfig(),
        ModelConfig(dropout_input=0.25, dropout_output=0.5),
        TrainingConfig(seed=5),
        GenerationConfig(),
        **{**values, **changed},
    )


def test_one_seed_of_every_model_comes_before_the_next_and_the_random_start_is_paired():
    specs = settings().specs(100, InputVectors(torch.ones(100, 30), 30, None))
    assert [(spec.name, spec.training.seed) for spec in specs] == [
        ("rnn", 5), ("lstm", 5), ("lstm-random", 5), ("rnn", 6), ("lstm", 6), ("lstm-random", 6),
    ]  # fmt: skip
    rnn, lstm, random = specs[:3]
    assert rnn.training.learning_rate == 0.001
    assert lstm.training.learning_rate == TrainingConfig().learning_rate
    assert dropouts(rnn.model) == {
        "dropout_embedding": 0, "dropout_input": 0.125, "dropout_between": 0, "dropout_output": 0.25,
        "dropout_recurrent": 0, "dropout_state": 0,
    }  # fmt: skip
    assert (lstm.model.dropout_input, lstm.model.dropout_output) == (0.25, 0.5)
    assert random.vectors_ve is None
    assert dataclasses.replace(random, name="lstm", embedding=lstm.embedding, vectors_ve=lstm.vectors_ve) == lstm


def test_without_given_vectors_there_is_nothing_to_compare_a_random_start_with():
    at_random = dataclasses.replace(settings(seeds=1), embedding=EmbeddingConfig("random"))
    specs = at_random.specs(100, InputVectors(None, 30, None))
    assert [spec.name for spec in specs] == ["rnn", "lstm"]


def scores(mean: float, seed: int, policy: Policy = "stream") -> TokenScores:
    noise = np.random.default_rng(seed).normal(0, 0.5, 8000)
    return TokenScores(np.maximum(mean + noise, 0.01), np.arange(10, 8001, 10), 40_000, policy)


def verdicts(**means: float) -> dict[str, str]:
    match_n = np.arange(8000) % 5
    systems = {name.replace("_", "-"): [scores(mean, seed)] for seed, (name, mean) in enumerate(means.items())}
    return {claim["statement"]: claim["verdict"] for claim in compare_claims(systems, LABELS, match_n, "stream")}


def test_claims_follow_the_scores_both_ways():
    expected = verdicts(ngram=5.0, rnn=4.5, lstm=4.0)
    assert expected["LSTM < RNN in perplexity"] == expected["RNN < n-gram in perplexity"] == "supported"
    reversed_ = verdicts(ngram=4.0, rnn=4.5, lstm=5.0)
    assert reversed_["LSTM < RNN in perplexity"] == reversed_["RNN < n-gram in perplexity"] == "not supported"
    assert verdicts(lstm=4.0, rnn=4.0)["LSTM < RNN in perplexity"] == "undecided"


@pytest.mark.parametrize(("match", "words"), [(0, "every token"), (3, "no token")])
def test_a_claim_that_the_text_cannot_test_stays_with_its_reason(match, words):
    """One-word lines have no context at all: the gain cannot be larger in one kind of context than in the other."""
    systems = {"ngram": [scores(5.0, 1)], "lstm": [scores(4.0, 2)]}
    claims = compare_claims(systems, LABELS, np.full(8000, match), "stream")
    tested, untested = claims
    assert tested["verdict"] == "supported"
    assert untested["statement"] == "LSTM's gain on the n-gram is larger where the context was not seen"
    assert untested["verdict"] == "not tested"
    assert untested.get("reason", "").startswith(f"not tested: {words}")
    assert [untested[key] for key in ("effect", "low", "high", "p_value")] == [None] * 4
    assert first_problem(untested, Claim) is None


def test_only_models_that_are_there_are_claimed_about():
    assert set(verdicts(lstm=4.0, lstm_random=4.1)) == {"LSTM with word2vec input < with random input in perplexity"}


def test_a_run_that_was_begun_before_suites_could_be_chosen_has_those_of_then():
    before = to_json(settings())
    del before["suites"]
    assert completed(before, settings(), "run.json")["suites"] == ["agreement", "reference"]


def test_a_run_that_was_begun_before_a_setting_came_is_resumed_where_that_does_nothing():
    def difference(wanted: CompareSettings | ModelConfig) -> tuple[str, Any, Any] | None:
        now, before = (json.loads(json.dumps(to_json(wanted))) for _ in range(2))
        del before.get("model", before)["read_norm"]
        return first_difference(completed(before, wanted, "run.json"), now)

    assert difference(settings()) is difference(ModelConfig(cell="lstm")) is None
    assert difference(ModelConfig(cell="deltanet")) == ("config.read_norm", False, True)


@pytest.mark.parametrize("cells", [None, "lstm", 3])
def test_models_of_version_0_1_that_are_no_list_are_refused(cells):
    with pytest.raises(UserError, match="cells"):
        from_json(CompareSettings, {"cells": cells}, "run.json")


def test_a_misspelt_part_is_answered():
    with pytest.raises(UserError, match="did you mean 'gradients'"):
        check_parts(["gradient"])


def test_models_that_want_a_lower_rate_have_it_and_none_gets_a_higher_one() -> None:
    names = ("ngram", "lstm", "rg-lru", "deltanet", "attention")
    usual = usual_rates(names, TrainingConfig(learning_rate=6e-3))
    assert set(usual) == {"rg-lru", "deltanet", "attention"}
    assert all(rate < 6e-3 for rate in usual.values())
    assert usual_rates(names, TrainingConfig(learning_rate=1e-5)) == {}
