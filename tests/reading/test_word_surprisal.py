"""A row per word as it was written: what it costs, what it consists of, and that it is read as it comes."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest
import torch

from rnn_lm.config import ResolvedCorpusConfig
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.models.storage import StoredModel
from rnn_lm.reading.columns import columns_with, rows_with
from rnn_lm.reading.surprisal import Reader, Sentence, of_lines, require_space
from rnn_lm.reading.words import WordCutter
from rnn_lm.text import TOKENIZERS
from rnn_lm.vocabulary import Vocabulary


class Bigrams:
    """P(next | last) by a table; it notes how many tokens it has read."""

    device = torch.device("cpu")

    def __init__(self, size: int, seed: int = 0) -> None:
        self.vocabulary_size, self.read = size, 0
        table = torch.rand(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        self.log_probs_vv = (table / table.sum(1, keepdim=True)).log()

    def initial_state(self, batch):
        return (torch.zeros(1, batch),)

    def step(self, token_b, state):
        self.read += len(token_b)
        # The longer the text, the flatter: the state matters.
        flat_b = state[0][0] * 0.01
        log_prob_bv = torch.log_softmax(self.log_probs_vv[token_b] * (1 - flat_b[:, None]).double(), dim=1)
        return log_prob_bv, (state[0] + 1,)

    def score(self, input_tb, target_tb, state):
        nll = []
        for token_b, target_b in zip(input_tb, target_tb, strict=True):
            log_prob_bv, state = self.step(token_b, state)
            nll.append(-log_prob_bv.gather(1, target_b.clamp(min=0)[:, None])[:, 0] * (target_b >= 0))
        return torch.stack(nll), state


def stored_with(words: str, tokens: str = "words", lowercase: bool = True) -> StoredModel:
    pieces = words.split() + ([" "] if tokens == "characters" else [])
    vocabulary = Vocabulary(["<unk>", "<eos>", *pieces], [3, 2, *range(10, 10 + len(pieces))])
    corpus = ResolvedCorpusConfig(corpus=("x",), tokens=tokens, lowercase=lowercase, min_count=1)
    return StoredModel(Bigrams(len(vocabulary)), vocabulary, corpus, TOKENIZERS[tokens], "table")


@pytest.fixture
def stored():
    return stored_with("the king said , \" go . ca n't")


def bits_of(rows):
    """What each word cost."""
    return np.array([row.surprisal_bits for row in rows], dtype=float)


def rows_of(reader, *lines):
    return [row for _, rows in reader.rows(of_lines(lines)) for row in rows]


def test_words_stay_as_written_and_pieces_sum(stored):
    rows = rows_of(Reader(stored), 'The king said, "Go."', "", "NA can't")
    assert [(r.line, r.sentence, r.word_position, r.word, r.tokens, r.is_unk, r.length) for r in rows] == [
        (1, 1, 1, "The", 1, False, 3),
        (1, 1, 2, "king", 1, False, 4),
        (1, 1, 3, "said,", 2, False, 5),
        (1, 1, 4, '"Go."', 4, False, 5),
        (3, 2, 1, "NA", 1, True, 2),
        (3, 2, 2, "can't", 2, False, 5),
    ]
    vocabulary = stored.vocabulary
    text = vocabulary.encode_text([["the", "king", "said", ",", '"', "go", ".", '"'], ["na", "ca", "n't"]], 0)
    bits_n = score_text(stored.model, text, "sentence").nll_n / math.log(2)
    expected = [*bits_n[:2], bits_n[2:4].sum(), bits_n[4:8].sum(), bits_n[9], bits_n[10:12].sum()]
    np.testing.assert_allclose(bits_of(rows), expected, rtol=1e-12)


def test_entropy_and_rank_are_those_of_the_distribution_before_the_first_piece(stored):
    row = rows_of(Reader(stored), "the said,")[1]
    model, ids = stored.model, stored.vocabulary.encode(["<eos>", "the", "said"])
    _, state = model.step(torch.tensor([ids[0]]), model.initial_state(1))
    log_prob_bv, _ = model.step(torch.tensor([ids[1]]), state)
    p = log_prob_bv[0].exp().tolist()
    assert row.entropy_bits == pytest.approx(-sum(one * math.log2(one) for one in p))
    assert row.rank == 1 + sum(one > p[ids[2]] for one in p)


def test_unigram_bits_are_frequencies_in_train(stored):
    (row,) = rows_of(Reader(stored), "the")
    counts = stored.vocabulary.counts_v
    assert row.unigram_bits == pytest.approx(-math.log2((10 + 1) / (sum(counts) + len(counts))))


@pytest.mark.parametrize("policy", ["stream", "sentence"])
def test_it_agrees_with_evaluation_under_both_policies(stored, policy):
    lines = ["the king said", "go", "the the ."] * 15  # more than are read side by side
    text = stored.vocabulary.encode_text([line.split() for line in lines], 0)
    expected_n = score_text(stored.model, text, policy).nll_n / math.log(2)
    rows = rows_of(Reader(stored, policy, eos=True), *lines)
    np.testing.assert_allclose(bits_of(rows), expected_n, rtol=1e-9)
    quick = rows_of(Reader(stored, policy, eos=True, distributions=False), *lines)
    np.testing.assert_allclose(bits_of(quick), expected_n, rtol=1e-9)
    assert quick[0].entropy_bits is None


def test_eos_is_no_word_of_the_file_unless_asked_for(stored):
    assert [row.word for row in rows_of(Reader(stored), "the")] == ["the"]
    assert [row.word for row in rows_of(Reader(stored, eos=True), "the")] == ["the", "<eos>"]


@pytest.mark.parametrize("policy", ["stream", "sentence"])
def test_rows_come_before_the_text_ends(stored, policy):
    """An endless text: nothing of it is kept, and little of it is read ahead."""
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield Sentence(taken, "the king", "here")

    rows = list(islice(rows_with(Reader(stored, policy), endless(), previous=1), 5))
    assert len(rows) == 5
    assert taken <= 33


def test_the_words_before_are_those_of_the_sentence(stored):
    rows = list(rows_with(Reader(stored), of_lines(["the king", "go"]), previous=1))
    names = list(columns_with(1))
    before = names.index("previous1_word")
    assert [row[before] for row in rows] == [None, "the", None]
    bits = names.index("surprisal_bits")
    assert rows[1][names.index("previous1_surprisal_bits")] == rows[0][bits]


def test_characters_pay_for_the_space_before_or_after():
    stored = stored_with("a b c", "characters")
    model, ids = stored.model, stored.vocabulary.encode([*"ab c"])
    eos, space = 1, stored.vocabulary.encode([" "])[0]
    state, p = model.initial_state(1), []
    for index in [eos, *ids]:
        log_prob_bv, state = model.step(torch.tensor([index]), state)
        p.append(log_prob_bv[0].exp())
    a, b, gap, c = (-math.log2(p[place][index]) for place, index in enumerate(ids))
    end = [-math.log2(one[eos] + one[space]) for one in p]
    before = bits_of(rows_of(Reader(stored), "ab c"))
    assert before == pytest.approx([a + b, gap + c])
    after = bits_of(rows_of(Reader(stored, space="after"), "ab c"))
    assert after == pytest.approx([a + b + end[2], gap + c - end[2] + end[4]])
    # What one word no longer pays for, the other pays: the text costs the same, and its end.
    assert sum(after) == pytest.approx(sum(before) + end[4])


def test_pieces_of_words_begin_with_their_space():
    pytest.importorskip("tokenizers")
    tokenization = TOKENIZERS["bpe"].train(["the unhappy king", "the king"] * 5, 270)
    vocabulary = Vocabulary.build([tokenization.cut("the unhappy king")], pieces=tokenization.pieces)
    corpus = ResolvedCorpusConfig(corpus=("x",), tokens="bpe", lowercase=True, min_count=1)
    stored = StoredModel(Bigrams(len(vocabulary)), vocabulary, corpus, tokenization, "pieces")
    words = WordCutter(stored).cut("the  king, unhappily", "here")
    assert words.written == ("the", "king,", "unhappily")
    assert list(words.tokens) == tokenization.cut("the king, unhappily")
    first = [words.tokens[words.span(place)[0]] for place in range(3)]
    assert all(token.startswith("Ġ") for token in first)
    both = [
        [row.surprisal_bits for row in rows_of(Reader(stored, space=space), "the king")]
        for space in ("before", "after")
    ]
    assert both[0] != pytest.approx(both[1])


def test_a_corpus_cut_at_white_space_has_punctuation_set_apart_where_it_knows_the_parts():
    stored = stored_with("the u.s. king 's said , N", "whitespace", lowercase=False)
    cutter = WordCutter(stored)
    words = cutter.cut("The u.s. king's said, mountains.", "here")
    assert [words.tokens[slice(*words.span(place))] for place in range(5)] == [
        ("the",),
        ("u.s.",),  # known as a whole
        ("king", "'s"),
        ("said", ","),
        ("mountains",),  # its . is no token of the vocabulary
    ]
    as_it_is = WordCutter(stored, set_apart=False).cut("The king's", "here")
    assert as_it_is.tokens == ("The", "king's")


def test_where_a_space_belongs_changes_nothing_for_whole_words(stored):
    with pytest.raises(UserError, match="whole words"):
        require_space([stored], "after")


def test_eos_in_a_text_is_refused_by_its_line():
    stored = stored_with("a b", "whitespace")
    with pytest.raises(UserError, match="sentence 2: holds <eos>"):
        rows_of(Reader(stored), "a", "a <eos> b")
