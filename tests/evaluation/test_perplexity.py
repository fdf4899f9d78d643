from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.evaluation.perplexity import Perplexity, Policy, score_sentences, score_text
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.progress import SilentProgress, Task
from rnn_lm.stream import EncodedText
from stored_text import stored

POLICIES: list[Policy] = ["stream", "sentence"]
LENGTHS = st.lists(st.integers(0, 12), min_size=1, max_size=15)
QUICK = settings(deadline=None, max_examples=20)


def one_token_at_a_time(model: LanguageModel, text: EncodedText, policy: Policy) -> np.ndarray:
    """The definition, with nothing batched: read a token, look up the next one's log-probability."""
    nll, state, previous = [], model.initial_state(1), text.eos_id
    for token in text.ids_n.tolist():
        log_probs_bv, state = model.step(torch.tensor([previous]), state)
        nll.append(-float(log_probs_bv[0, token]))
        previous = token
        if policy == "sentence" and token == text.eos_id:
            state = model.initial_state(1)
    return np.array(nll)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("size", [3, 10, 1000])
def test_perplexity_of_a_uniform_model_is_the_vocabulary_size(uniform_model_of, make_text, policy, size):
    scores = score_text(uniform_model_of(size), make_text([4, 0, 7, 1], min(size, 50)), policy)
    assert scores.total.perplexity == pytest.approx(size, rel=1e-12)
    assert scores.total.token_count == 4 + 0 + 7 + 1 + 4


@pytest.mark.parametrize("policy", POLICIES)
def test_scores_are_those_of_reading_one_token_at_a_time(gru_model, make_text, policy):
    model = gru_model(9, torch.float64).eval()
    text = make_text([5, 0, 12, 1, 5, 3])
    with torch.no_grad():
        expected = one_token_at_a_time(model, text, policy)
    scores = score_text(model, text, policy, segment_length=4, batch_tokens=16)
    np.testing.assert_allclose(scores.nll_n, expected, rtol=1e-12)


def test_the_policies_differ_by_what_earlier_sentences_tell(gru_model, make_text):
    model, text = gru_model(9), make_text([6, 6])
    stream, sentence = (score_text(model, text, policy).nll_n for policy in POLICIES)
    np.testing.assert_allclose(stream[:7], sentence[:7], rtol=1e-6)
    assert np.abs(stream[7:] - sentence[7:]).max() > 1e-3


@pytest.mark.parametrize("policy", POLICIES)
def test_no_result_depends_on_batch_or_segment_size(gru_model, make_text, policy):
    model = gru_model(9)

    @QUICK
    @given(lengths=LENGTHS, segment_length=st.integers(1, 20), batch_tokens=st.integers(1, 60))
    def check(lengths: list[int], segment_length: int, batch_tokens: int) -> None:
        text = make_text(lengths)
        usual = score_text(model, text, policy)
        other = score_text(model, text, policy, segment_length=segment_length, batch_tokens=batch_tokens)
        assert other.total.perplexity == pytest.approx(usual.total.perplexity, rel=1e-6)
        np.testing.assert_allclose(other.nll_n, usual.nll_n, rtol=1e-4, atol=1e-5)

    check()


def test_batches_stay_within_their_size_however_long_a_sentence_is(uniform_model_of, make_text):
    model = uniform_model_of(9)
    score_text(model, make_text([500, 3, 3, 2, 90, 3]), "sentence", segment_length=50, batch_tokens=64)
    assert all(rows <= 50 and (columns == 1 or rows * columns <= 64) for rows, columns in model.scored)
    assert (4, 4) in model.scored, "short sentences are read side by side"


def test_dropout_is_off_while_scoring_and_every_part_gets_its_mode_back(gru_model, make_text):
    model, text = gru_model(9), make_text([8, 8])
    model.train()
    model.layer.eval()
    first, second = (score_text(model, text, "stream").nll_n for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (model.training, model.dropout.training, model.layer.training) == (True, True, False)


def test_the_mode_comes_back_after_a_failure_too(gru_model, make_text):
    model = gru_model(3)
    with pytest.raises(IndexError):
        score_text(model, make_text([20], vocabulary_size=9), "stream")
    assert model.training


def test_scoring_builds_no_graph(uniform_model_of, make_text):
    model = uniform_model_of(9)
    score_text(model, make_text([3]), "stream")
    assert model.inference_modes == {True}


def test_progress_ends_at_the_number_of_tokens(uniform_model_of, make_text):
    class Recording(SilentProgress, Task):
        def __init__(self) -> None:
            self.seen: list[tuple[float, float | str]] = []

        def update(self, completed: float, **figures: float | str) -> None:
            self.seen.append((completed, figures["perplexity"]))

        @contextlib.contextmanager
        def task(self, name: str, total: float) -> Iterator[Task]:  # noqa: ARG002 (the protocol's signature)
            self.total = total
            yield self

    progress = Recording()
    score_text(uniform_model_of(9), make_text([3, 30]), "stream", segment_length=10, progress=progress)
    assert progress.total == progress.seen[-1][0] == 35
    assert progress.seen[0][1] == pytest.approx(9)


@pytest.mark.parametrize("policy", POLICIES)
def test_splitting_a_text_between_sentences_changes_no_sum_of_sentence_scores(gru_model, make_text, policy):
    """Sums add up; only the stream's state knows what stood before, so only the sentence policy may be split."""
    model, whole = gru_model(9), make_text([5, 4, 3, 2])
    cut = int(whole.sentence_ends[1])
    parts = [EncodedText(ids, whole.eos_id, 10) for ids in (whole.ids_n[:cut], whole.ids_n[cut:])]
    first, second = (score_text(model, part, policy).total for part in parts)
    same = (first + second).perplexity == pytest.approx(score_text(model, whole, policy).total.perplexity, rel=1e-6)
    assert same == (policy == "sentence")


def test_bits_come_from_the_same_sum():
    total = Perplexity(10 * math.log(2), 4, 20) + Perplexity(30 * math.log(2), 4, 20)
    assert total.token_count == 8
    assert total.bits_per_token == pytest.approx(5)
    assert total.perplexity == pytest.approx(32)
    assert total.bits_per_character == pytest.approx(1)


def test_a_hopeless_model_has_infinite_perplexity():
    assert Perplexity(1e6, 10, 0).perplexity == math.inf


@pytest.mark.parametrize("ids", [[], [2, 1, 3]])
def test_a_text_must_end_with_eos(uniform_model_of, ids):
    with pytest.raises(ValueError, match="<eos>"):
        score_text(uniform_model_of(9), EncodedText(torch.tensor(ids, dtype=torch.int64), 1, 0), "stream")


@pytest.mark.parametrize("policy", ["stream", "sentence"])
def test_scores_of_sentences_are_sums_of_those_of_tokens(gru_model, make_text, policy, tmp_path):
    text, model = make_text([3, 0, 7, 1, 30, 2]), gru_model(9)
    tokens = score_text(model, text, policy)
    for given_text in (text, stored(text, tmp_path)):
        sentences = score_sentences(model, given_text, policy, segment_length=5, batch_tokens=12)
        np.testing.assert_array_equal(sentences.sentence_ends_s, tokens.sentence_ends_s)
        starts_s = np.concatenate([[0], tokens.sentence_ends_s[:-1]])
        np.testing.assert_allclose(sentences.nll_s, np.add.reduceat(tokens.nll_n, starts_s), rtol=1e-6)
        assert sentences.total.token_count == tokens.total.token_count
        assert (sentences.characters, sentences.policy) == (tokens.characters, policy)


@pytest.mark.parametrize("policy", ["stream", "sentence"])
def test_a_stored_text_is_scored_to_the_same_bits(gru_model, make_text, policy, tmp_path):
    text, model = make_text([3, 0, 7, 1, 30, 2]), gru_model(9)
    np.testing.assert_array_equal(
        score_text(model, text, policy).nll_n, score_text(model, stored(text, tmp_path), policy).nll_n
    )
