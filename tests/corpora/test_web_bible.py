"""The default corpus: its text, its split, and that nothing leaks."""

from __future__ import annotations

import re
from itertools import groupby

import pytest

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import Corpus, build_vocabulary, load_corpus
from rnn_lm.corpora.overlap import share_of_runs
from rnn_lm.corpora.web_bible import PARALLEL_RUN, Verse, clean, split_by_book, verses, web_bible


@pytest.fixture(scope="module")
def bible() -> list[Verse]:
    return verses()


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus(CorpusConfig())


def test_all_books_are_there_in_order(bible: list[Verse]) -> None:
    assert len(bible) == 31_102
    assert [book for book, _ in groupby(bible, key=lambda verse: verse.book)] == list(range(1, 67))
    assert bible[0] == Verse(1, 1, 1, "In the beginning God created the heavens and the earth.")
    assert bible[-1].text == "The grace of the Lord Jesus be with all the saints. Amen."


def test_what_belongs_to_the_edition_is_gone(bible: list[Verse]) -> None:
    text = "\n".join(verse.text for verse in bible)
    assert not re.search(r"[`\[\]\d]|  |Psalm \d|SAMEKH|peace- ", text)
    assert all(verse.text for verse in bible)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (" God`s [even] day.", "God's even day."),
        (" their sin- offering, the half -[tribe]", "their sin-offering, the half-tribe"),
        (" Amen and amen.     BOOK II      Psalm 42  For the Chief Musician. By Korah.", "Amen and amen."),
        (" I will not forget your word.  GIMEL", "I will not forget your word."),
        (" than wine!  Beloved They are right.", "than wine! They are right."),
        (" Our rafters are firs. Beloved", "Our rafters are firs."),
        (" to us in the Beloved, freely   given", "to us in the Beloved, freely given"),
    ],
)
def test_cleaning(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_splits_divide_every_book_in_order(bible: list[Verse]) -> None:
    train, valid, test = split_by_book(bible)
    assert len(train) + len(valid) + len(test) == len(bible)
    in_book = [verse.text for verse in bible if verse.book == 1]
    held_out = round(0.05 * len(in_book))
    assert train[: len(in_book) - 2 * held_out] + valid[:held_out] + test[:held_out] == in_book
    assert len(valid) == len(test)
    assert len(test) == pytest.approx(0.05 * len(bible), rel=0.01)


def test_no_parallel_passage_is_left_in_train() -> None:
    raw = web_bible()
    train = list(raw.train)
    assert share_of_runs([*raw.valid, *raw.test], train, PARALLEL_RUN) == 0.0
    assert len(train) > 27_000


def test_sizes(corpus: Corpus) -> None:
    vocabulary = build_vocabulary(corpus, CorpusConfig())
    statistics = {name: split.statistics(vocabulary) for name, split in corpus.splits.items()}
    assert 800_000 < statistics["train"].tokens < 850_000
    assert all(statistics[name].tokens > 45_000 for name in ("valid", "test"))
    assert all(statistics[name].oov_rate < 0.02 for name in ("valid", "test"))
    assert 8_000 < len(vocabulary) < 8_500
    assert corpus.licence == "public domain"
    assert not corpus.holds_unk


def test_a_character_is_a_token_where_characters_are_tokens(corpus: Corpus) -> None:
    by_character = load_corpus(CorpusConfig(tokens="characters"))
    for name, split in by_character.splits.items():
        assert sum(map(len, split.sentences)) + len(split.sentences) == split.characters
        assert split.characters == corpus.splits[name].characters
