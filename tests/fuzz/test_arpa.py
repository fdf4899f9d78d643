"""ARPA files changed at random are refused with a line, or read as models that score; odd corpora give whole models."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.harness import fuzz, mutated_bytes
from rnn_lm.config import NgramConfig
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.models.arpa import open_arpa, write_arpa
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.vocabulary import Vocabulary

LINES = [line.split() for line in ("the cat sees it", "a dog sees the cat", "the dog", "it", "the cat sees a dog")]
ARPA = b"""\\data\\
ngram 1=4
ngram 2=3

\\1-grams:
-99\t<s>\t-0.3
-0.5\t</s>
-0.4\ta\t-0.2
-inf\t<UNK>

\\2-grams:
-0.25\t<s> a
-0.1\ta </s>
-0.7\ta a\t0

\\end\\
"""


def read_and_score(path: Path) -> None:
    model, vocabulary, _ = open_arpa(path)
    text = vocabulary.encode_text([["the", "cat", "a", "zebra"], []], 10, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        total = score_text(model, text, "sentence").total
    assert total.token_count == 6
    assert total.perplexity >= 0, "infinite, perhaps, but a number"


@pytest.mark.slow
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_arpa(tmp_path: Path, pack) -> None:
    vocabulary = Vocabulary.build(LINES)
    model = NgramLanguageModel.train(vocabulary.encode_text(LINES, 1), len(vocabulary), NgramConfig(3))
    write_arpa(tmp_path / "own.arpa", model, vocabulary.tokens)
    originals = (pack((tmp_path / "own.arpa").read_bytes()), pack(ARPA))
    fuzz(read_and_score, mutated_bytes(*originals), tmp_path / "model.arpa")


words = st.sampled_from(["a", "b", "the", "<unk>", "ü", "中"])
corpora = st.lists(st.lists(words, max_size=9), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(corpora, corpora, st.integers(1, 6), st.sampled_from(["sentence", "stream"]), st.integers(1, 2))
def test_whatever_the_corpus_probabilities_sum_to_one(train, text, order, boundary, min_count) -> None:
    vocabulary = Vocabulary.build([*train, ["a"] * 2], min_count)
    encoded = vocabulary.encode_text(train, 1, 1)
    model = NgramLanguageModel.train(encoded, len(vocabulary), NgramConfig(order, boundary))
    probe = vocabulary.encode_text(text, 1, 1)
    scores = score_text(model, probe, boundary)
    state, token = model.initial_state(1), torch.tensor([vocabulary.eos_id])
    for target, nll in zip(probe.ids_n.tolist(), scores.nll_n.tolist(), strict=True):
        log_probs_bv, state = model.step(token, state)
        assert log_probs_bv.exp().sum().item() == pytest.approx(1)
        assert -log_probs_bv[0, target].item() == pytest.approx(nll)
        token = torch.tensor([target])
    assert scores.total.unk_count == int((probe.ids_n == vocabulary.unk_id).sum())
