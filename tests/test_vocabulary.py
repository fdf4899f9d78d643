"""Vocabulary: ids, order, thresholds, round trips and its file."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.errors import UserError
from rnn_lm.vocabulary import EOS, UNK, Vocabulary

TOKENS = st.sampled_from(["a", "b", "c", "d", "é", "the", "<unk>", "'s"])
SENTENCES = st.lists(st.lists(TOKENS, min_size=1, max_size=6), min_size=1, max_size=12)


def test_order_is_by_falling_count_then_alphabetical() -> None:
    vocabulary = Vocabulary.build([["b", "c", "a"], ["c", "b", "d"], ["c"]])
    assert vocabulary.tokens == (UNK, EOS, "c", "b", "a", "d")
    assert vocabulary.counts_v == (0, 3, 3, 2, 1, 1)


def test_min_count_and_max_size_move_tokens_to_unk() -> None:
    sentences = [["a", "a", "a", "b", "b", "c"]]
    assert Vocabulary.build(sentences, min_count=2).tokens == (UNK, EOS, "a", "b")
    smallest = Vocabulary.build(sentences, max_size=1)
    assert smallest.tokens == (UNK, EOS, "a")
    assert smallest.counts_v == (3, 1, 3)


def test_literal_unk_is_the_entry_for_unknown_tokens() -> None:
    vocabulary = Vocabulary.build([["a", UNK], ["a", UNK]], min_count=2)
    assert vocabulary.tokens == (UNK, EOS, "a")
    assert vocabulary.counts_v == (2, 2, 2)
    assert vocabulary.encode([UNK, "never seen"]) == [vocabulary.unk_id, vocabulary.unk_id]


def test_nothing_kept_is_refused() -> None:
    with pytest.raises(UserError, match="lower --min-count"):
        Vocabulary.build([["a", "b"]], min_count=2)
    with pytest.raises(UserError, match="no token"):
        Vocabulary.build([[UNK, UNK]])


@given(SENTENCES)
@settings(deadline=None, max_examples=60)
def test_known_tokens_survive_a_round_trip(sentences: list[list[str]]) -> None:
    tokens = list(chain.from_iterable(sentences))
    if set(tokens) == {UNK}:
        return
    vocabulary = Vocabulary.build(sentences)
    assert vocabulary.decode(vocabulary.encode(tokens)) == tokens
    assert all(token in vocabulary for token in tokens)


@given(SENTENCES, st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_counts_are_of_the_encoded_train_text(sentences: list[list[str]], min_count: int) -> None:
    try:
        vocabulary = Vocabulary.build(sentences, min_count)
    except UserError:
        return
    text = vocabulary.encode_text(sentences, characters=0)
    found = Counter(text.ids_n.tolist())
    assert tuple(found[index] for index in range(len(vocabulary))) == vocabulary.counts_v


def test_encoded_text_closes_every_sentence() -> None:
    vocabulary = Vocabulary.build([["a", "b"], ["b"]])
    text = vocabulary.encode_text([["a", "b"], ["x"]], characters=7)
    assert vocabulary.decode(text.ids_n.tolist()) == ["a", "b", EOS, UNK, EOS]
    assert text.sentence_ends.tolist() == [3, 5]
    assert (text.eos_id, text.characters) == (vocabulary.eos_id, 7)


def test_file_round_trip(tmp_path: Path) -> None:
    vocabulary = Vocabulary.build([["é", "\u2028", 'quote"', "\\"]])
    vocabulary.save(tmp_path / "vocabulary.json")
    assert Vocabulary.load(tmp_path / "vocabulary.json") == vocabulary


@pytest.mark.parametrize(
    "change",
    [
        {"format": "something else"},
        {"version": 99},
        {"tokens": "abc"},
        {"tokens": [UNK, EOS, 3]},
        {"tokens": [UNK, EOS, UNK]},
        {"tokens": ["a", UNK, EOS]},
        {"counts": [1, 2]},
        {"counts": [1, 2, -3]},
        {"counts": [1, 2, 0.5]},
    ],
)
def test_garbled_file_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "vocabulary.json"
    Vocabulary.build([["a"]]).save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=r"vocabulary\.json: not a vocabulary") as refusal:
        Vocabulary.load(path)
    assert "\n" not in str(refusal.value)


def test_json_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text("[1, 2]")
    with pytest.raises(UserError, match=r"v\.json"):
        Vocabulary.load(tmp_path / "v.json")


def test_a_million_tokens_are_encoded_fast() -> None:
    words = [f"word{index}" for index in range(10_000)]
    vocabulary = Vocabulary.build([words])
    tokens = random.Random(0).choices(words, k=1_000_000)
    started = time.process_time()
    ids = vocabulary.encode(tokens)
    assert time.process_time() - started < 1.5
    assert len(ids) == len(tokens)
