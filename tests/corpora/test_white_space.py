"""Lines and tokens begin and end where they do for KenLM and for other programs."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import TOKENIZERS, load_corpus, read_split, tokenize_line
from rnn_lm.corpora.files import SentencesOfText
from rnn_lm.text.white_space import normalize, words_of

SPACES = " \t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\u200b\ufeff"
ARPA = r"""\data\
ngram 1=4
ngram 2=1

\1-grams:
-1	<unk>
-1	<s>	0
-1	</s>
-1	a	0

\2-grams:
-1	a a

\end\
"""


@pytest.mark.parametrize("space", SPACES)
def test_tokens_are_those_of_kenlm(tmp_path: Path, space: str) -> None:
    kenlm = pytest.importorskip("kenlm")
    (tmp_path / "a.arpa").write_text(ARPA)
    config = kenlm.Config()
    config.show_progress = False
    theirs = len(list(kenlm.Model(str(tmp_path / "a.arpa"), config).full_scores(f"a{space}a", eos=False)))
    assert len(TOKENIZERS["whitespace"].cut(f"a{space}a")) == len(words_of(f"a{space}a")) == theirs
    assert math.isclose(len(normalize(f" a{space}a ").split(" ")), theirs)


def test_no_break_spaces_stay_in_a_token(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("1\u00a0000 km\u2028x\n\u3000\n b\u3000c \n")
    split = read_split(tmp_path / "t.txt", CorpusConfig(tokens="whitespace"), TOKENIZERS["whitespace"])
    assert split.sentences == [["1\u00a0000", "km\u2028x"], ["b\u3000c"]]
    assert split.words == 5
    words = read_split(tmp_path / "t.txt", CorpusConfig(tokens="words"), TOKENIZERS["words"])
    assert words.sentences == [["1", "000", "km", "x"], ["b", "c"]]


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"\n\na\rb\r\n\x0c\n \xe2\x80\xa8\nc d\n\n\n\ne")
    split = read_split(tmp_path / "t.txt", CorpusConfig(), TOKENIZERS["words"])
    assert split.sentences == [["a", "b"], ["c", "d"], ["e"]]
    assert split.line_numbers is not None
    assert list(split.line_numbers()) == [3, 6, 10]


def test_an_old_mac_file_has_lines(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"".join(b"line %d\r" % index for index in range(40)))
    corpus = load_corpus(CorpusConfig(corpus=(str(tmp_path / "t.txt"),)))
    assert sum(len(split.sentences) for split in corpus.splits.values()) == 40
    assert "carriage returns end its lines" in corpus.notes[0]


def test_splits_of_a_file_know_their_lines(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(
        "".join(f"line {index}\n\n\n" if index == 3 else f"line {index}\n" for index in range(100))
    )
    corpus = load_corpus(CorpusConfig(corpus=(str(tmp_path / "t.txt"),), split=(0.5, 0.25, 0.25)))
    lines = (tmp_path / "t.txt").read_text().split("\n")
    for split in corpus.splits.values():
        assert split.line_numbers is not None
        for number, sentence in zip(split.line_numbers(), split.sentences, strict=True):
            assert lines[number - 1].split() == sentence


def test_a_sentence_of_a_paragraph_knows_the_line_it_begins_in() -> None:
    text = "One. Two\nbegins above. Three.\n\nFour\nis\nlong. Five.\n"
    assert list(SentencesOfText(lambda: iter([text])).numbered()) == [
        (1, "One."),
        (1, "Two begins above."),
        (2, "Three."),
        (4, "Four is long."),
        (6, "Five."),
    ]


def test_one_word_however_it_was_typed(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("cafe\u0301 caf\u00e9\n" * 40)
    corpus = load_corpus(CorpusConfig(corpus=(str(tmp_path / "t.txt"),)))
    assert corpus.train.sentences[0] == ["caf\u00e9", "caf\u00e9"]
    as_typed = load_corpus(CorpusConfig(corpus=(str(tmp_path / "t.txt"),), normalize="none"))
    assert as_typed.train.sentences[0] == ["cafe\u0301", "caf\u00e9"]
    assert as_typed.train.digest != corpus.train.digest
    assert tokenize_line("Cafe\u0301", CorpusConfig(), TOKENIZERS["words"]) == ["caf\u00e9"]
    assert tokenize_line("Cafe\u0301", CorpusConfig(normalize="none"), TOKENIZERS["words"]) == ["cafe\u0301"]
