"""Folders with their own split, and every way in which a text file can be unusable."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import build_vocabulary, load_corpus
from rnn_lm.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "small"
    path.mkdir()
    (path / "train.txt").write_text(" the cat <unk> \n\nthe  Dog\truns\r\n")
    (path / "valid.txt").write_text("the cat runs\n")
    (path / "test.txt").write_text("a cat")
    return path


def load(folder: Path, **settings: object) -> object:
    return load_corpus(CorpusConfig(corpus=(str(folder),), **settings))  # pyright: ignore[reportArgumentType]


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        load(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_splits_are_the_files(folder: Path) -> None:
    corpus = load_corpus(CorpusConfig(corpus=(str(folder),), tokens="whitespace"))
    assert corpus.train.sentences == [["the", "cat", "<unk>"], ["the", "dog", "runs"]]
    assert corpus.valid.sentences == [["the", "cat", "runs"]]
    assert corpus.test.sentences == [["a", "cat"]]
    assert corpus.name == "small"


def test_packed_files_read_the_same(folder: Path) -> None:
    plain = load(folder)
    for name in ("train", "valid", "test"):
        path = folder / f"{name}.txt"
        (folder / f"{name}.txt.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert load(folder) == plain


def test_case_is_kept_on_request(folder: Path) -> None:
    corpus = load_corpus(CorpusConfig(corpus=(str(folder),), lowercase=False))
    assert "Dog" in corpus.train.sentences[1]


def test_characters_do_not_depend_on_the_tokenization(folder: Path) -> None:
    lengths = [
        tuple(split.characters for split in load_corpus(config).splits.values())
        for config in (
            CorpusConfig(corpus=(str(folder),), tokens="words"),
            CorpusConfig(corpus=(str(folder),), tokens="whitespace"),
            CorpusConfig(corpus=(str(folder),), tokens="characters"),
        )
    ]
    assert set(lengths) == {(len("the cat <unk>\nthe dog runs\n"), len("the cat runs\n"), len("a cat\n"))}


def test_literal_unk_closes_the_vocabulary_and_is_noted(folder: Path) -> None:
    config = CorpusConfig(corpus=(str(folder),))
    corpus = load_corpus(config)
    assert corpus.holds_unk
    assert "dog" in build_vocabulary(corpus, config)
    assert any("--tokens whitespace" in note for note in corpus.notes)
    assert not load_corpus(CorpusConfig(corpus=(str(folder),), tokens="whitespace")).notes


def test_without_unk_words_seen_once_are_left_out(folder: Path) -> None:
    (folder / "train.txt").write_text("the cat\nthe dog\n")
    config = CorpusConfig(corpus=(str(folder),))
    corpus = load_corpus(config)
    vocabulary = build_vocabulary(corpus, config)
    assert vocabulary.tokens == ("<unk>", "<eos>", "the")
    statistics = corpus.test.statistics(vocabulary)
    assert (statistics.tokens, statistics.types, statistics.sentences) == (3, 2, 1)
    assert statistics.oov_rate == 1.0
    assert corpus.train.statistics(vocabulary).oov_rate == 0.5


def test_missing_split_is_named_with_what_is_there(folder: Path) -> None:
    (folder / "valid.txt").rename(folder / "dev.txt")
    message = refusal(folder)
    assert "valid.txt" in message
    assert "dev.txt" in message
    assert "no train.txt" not in message


def test_empty_folder(tmp_path: Path) -> None:
    assert "found no file" in refusal(tmp_path)


def test_two_files_for_one_split(folder: Path) -> None:
    (folder / "test.txt.gz").write_bytes(gzip.compress(b"a"))
    assert "both test.txt and test.txt.gz" in refusal(folder)


def test_empty_file(folder: Path) -> None:
    (folder / "test.txt").write_text("")
    assert "test.txt: the file is empty" in refusal(folder)


def test_file_of_white_space(folder: Path) -> None:
    (folder / "test.txt").write_text("\n \n\t\n")
    assert "test.txt: no sentence" in refusal(folder)


def test_binary_file(folder: Path) -> None:
    (folder / "train.txt").write_bytes(b"abc\0def")
    assert "train.txt: not text: byte 3" in refusal(folder)


def test_other_encoding_names_the_line(folder: Path) -> None:
    (folder / "train.txt").write_bytes("one\ncaf\xe9\n".encode("latin-1"))
    message = refusal(folder)
    assert "train.txt: line 2 is not UTF-8 (0xe9 at byte 7)" in message
    assert "--encoding cp1252 (this line is then “café”)" in message


def test_byte_order_mark_is_no_character(folder: Path) -> None:
    (folder / "test.txt").write_bytes("\ufeffa cat".encode())
    assert load_corpus(CorpusConfig(corpus=(str(folder),))).test.sentences == [["a", "cat"]]


@pytest.mark.parametrize("content", [gzip.compress(b"a cat\n" * 500)[:-12], b"a cat\n", gzip.compress(b"a")[:4]])
def test_damaged_gzip(folder: Path, content: bytes) -> None:
    (folder / "test.txt").unlink()
    (folder / "test.txt.gz").write_bytes(content)
    assert "test.txt.gz: cut off, damaged, or no gzip file" in refusal(folder)


def test_gzip_under_a_plain_name_is_read(folder: Path) -> None:
    (folder / "test.txt").write_bytes(gzip.compress(b"a cat"))
    assert load_corpus(CorpusConfig(corpus=(str(folder),))).test.sentences == [["a", "cat"]]


def test_unreadable_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> object:
        raise PermissionError(13, f"Permission denied to {mode}", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    assert "train.txt: cannot be read: Permission denied" in refusal(folder)


def test_unreadable_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    (folder / "test.txt").unlink()
    monkeypatch.setattr(Path, "iterdir", refuse)
    assert "Permission denied" in refusal(folder)


def test_train_of_words_seen_once_has_no_vocabulary(folder: Path) -> None:
    (folder / "train.txt").write_text("hello\n")
    config = CorpusConfig(corpus=(str(folder),))
    with pytest.raises(UserError, match="lower --min-count or give a longer text"):
        build_vocabulary(load_corpus(config), config)


def test_literal_eos_is_refused_where_it_would_end_a_sentence(folder: Path) -> None:
    (folder / "valid.txt").write_text("the cat\na <eos> dog\n")
    with pytest.raises(UserError, match="valid: sentence 2 holds <eos>"):
        load_corpus(CorpusConfig(corpus=(str(folder),), tokens="whitespace"))


def test_penn_treebank(ptb_folder: Path) -> None:
    config = CorpusConfig(corpus=(str(ptb_folder),), tokens="whitespace")
    corpus = load_corpus(config)
    vocabulary = build_vocabulary(corpus, config)
    tokens = [split.statistics(vocabulary).tokens for split in corpus.splits.values()]
    assert tokens == [929_589, 73_760, 82_430]
    assert len(vocabulary) == 10_000
