"""Learned tokenizations: nothing is lost, nothing is out of vocabulary, and words are counted alike for all."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import build_vocabulary, load_corpus
from rnn_lm.errors import UserError
from rnn_lm.text import TOKENIZERS
from rnn_lm.text.subwords import LONGEST_WORD, train_subwords

pytest.importorskip("tokenizers")
SUBWORDS = ("bpe", "unigram")
LINES = [f"the {n} men of the <unk> saw the {v}ing of the sea" for n in ("old", "new", "red") for v in ("go", "rac")]


@pytest.mark.parametrize("kind", SUBWORDS)
@pytest.mark.parametrize("text", ["the men saw it", "  two  spaces ", "naïve 東京 ☃!", "the <unk> said", "x"])
def test_pieces_join_to_the_text(kind: str, text: str) -> None:
    tokenizer = train_subwords(kind, 300, LINES)
    assert tokenizer.join(tokenizer.cut(text)) == text
    assert set(tokenizer.cut(text)) <= {*tokenizer.pieces, "<unk>"}


@pytest.mark.parametrize("kind", SUBWORDS)
def test_a_tokenizer_survives_pickling_and_its_file(kind: str, tmp_path: Path) -> None:
    tokenizer = train_subwords(kind, 300, LINES)
    tokenizer.save(tmp_path)
    for copy in (pickle.loads(pickle.dumps(tokenizer)), TOKENIZERS["bpe"].load(tmp_path)):
        assert copy.cut(LINES[0]) == tokenizer.cut(LINES[0])
    with pytest.raises(UserError, match="another text"):
        train_subwords(kind, 257, ["quite other words"] * 9).save(tmp_path)


def test_byte_pairs_are_the_same_twice() -> None:
    assert train_subwords("bpe", 300, LINES).text == train_subwords("bpe", 300, LINES).text


def test_a_damaged_tokenizer_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        TOKENIZERS["bpe"].load(tmp_path)


@pytest.mark.parametrize("subwords", [257, 300])
def test_nothing_is_out_of_vocabulary_and_words_are_counted_alike(tmp_path: Path, subwords: int) -> None:
    path = tmp_path / "text.txt"
    path.write_text("\n".join([*(line.replace("<unk>", "ship") for line in LINES * 3), "Zürich, unheard of"]))
    splits = (0.6, 0.2, 0.2)
    config = CorpusConfig(corpus=(str(path),), split=splits, tokens="bpe", subwords=subwords)
    pieces = load_corpus(config)
    least = 257 if subwords == 257 else 280  # so short a text has no 300 pieces
    assert least < len(build_vocabulary(pieces, config)) <= subwords + 1
    assert pieces.test.statistics(build_vocabulary(pieces, config)).oov_rate == 0
    for tokens in ("words", "characters", "bytes"):
        other = load_corpus(CorpusConfig(corpus=(str(path),), split=splits, tokens=tokens)).test
        assert (other.words, other.digest) == (pieces.test.words, pieces.test.digest)


def test_settings_that_would_do_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="bpe or unigram"):
        CorpusConfig(tokens="words", subwords=300)
    with pytest.raises(UserError, match="257"):
        CorpusConfig(tokens="bpe", subwords=256)


@pytest.mark.parametrize("kind", SUBWORDS)
def test_a_word_without_end_is_refused(kind: str) -> None:
    tokenizer = train_subwords(kind, 300, LINES)
    endless = "a" * (LONGEST_WORD + 1)
    for read in (tokenizer.cut, lambda line: train_subwords(kind, 300, [line])):
        with pytest.raises(UserError, match="a word of 32,769 characters would take hours to cut"):
            read(f"the {endless} end")
    assert tokenizer.cut("ab, " * LONGEST_WORD)
