"""Finding passages that stand in two places."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.corpora.overlap import sentences_sharing_runs, share_of_runs

SENTENCES = st.lists(st.lists(st.sampled_from("abc"), max_size=8).map(" ".join), max_size=8)


def _runs(sentence: str, length: int) -> list[tuple[str, ...]]:
    words = sentence.split()
    return [tuple(words[start : start + length]) for start in range(len(words) - length + 1)]


@given(SENTENCES, SENTENCES, st.integers(1, 5))
@settings(deadline=None, max_examples=150)
def test_agrees_with_comparing_word_by_word(sentences: list[str], others: list[str], length: int) -> None:
    known = {run for other in others for run in _runs(other, length)}
    expected = [any(run in known for run in _runs(sentence, length)) for sentence in sentences]
    assert sentences_sharing_runs(sentences, others, length).tolist() == expected
    runs = [run for sentence in sentences for run in _runs(sentence, length)]
    share = sum(run in known for run in runs) / len(runs) if runs else 0.0
    assert share_of_runs(sentences, others, length) == share


def test_case_and_punctuation_do_not_count() -> None:
    assert sentences_sharing_runs(["In the beginning, God"], ["in the: Beginning god made"], 4).tolist() == [True]


def test_a_run_does_not_cross_a_sentence_end() -> None:
    assert not sentences_sharing_runs(["a b", "c d"], ["a b c d"], 4).any()
