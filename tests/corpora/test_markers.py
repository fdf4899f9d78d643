"""Markers of sentence ends at the edges of lines are the boundary; elsewhere, and in texts about them, text."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import TOKENIZERS, Corpus, load_corpus, read_split, tokenize_line
from rnn_lm.text.markers import MarkerCounts, without_markers

LINES = [f"the cat number {index} sleeps ." for index in range(40)]


def load(path: Path, text: str, **settings: object) -> Corpus:
    path.write_text(text)
    return load_corpus(CorpusConfig(corpus=(str(path),), **settings))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("tokens", ["words", "whitespace", "characters", "bytes", "bpe"])
@pytest.mark.parametrize(
    "marked",
    [
        "{} <eos>", "<s> {} </s>", "[CLS] {} [SEP]", "<bos> {} <EOS>", "{} </s> <pad> <pad>", "{} <|endoftext|>",
        "{}\t</s>", "<|begin_of_text|> {} <|end_of_text|>",
    ],
)  # fmt: skip
def test_a_marked_text_is_the_text(tmp_path: Path, tokens: str, marked: str) -> None:
    plain = load(tmp_path / "plain.txt", "\n".join(LINES), tokens=tokens)
    corpus = load(tmp_path / "marked.txt", "\n".join(marked.format(line) for line in LINES), tokens=tokens)
    assert corpus.splits == plain.splits
    assert not plain.notes
    assert len(corpus.notes) == 1
    assert "in 40 of 40 lines mark where sentences begin or end" in corpus.notes[0]


def test_a_document_separator_on_a_line_of_its_own_is_blank(tmp_path: Path) -> None:
    corpus = load(tmp_path / "t.txt", "\n".join([*LINES[:20], "<|endoftext|>", *LINES[20:]]))
    assert sum(len(split.sentences) for split in corpus.splits.values()) == 40
    assert "<|endoftext|> in 1 of 41 lines mark" in corpus.notes[0]


def test_a_text_to_score_is_read_alike(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a b <eos>\n\nc </s>\n")
    split = read_split(tmp_path / "t.txt", CorpusConfig(), TOKENIZERS["words"])
    assert split.sentences == [["a", "b"], ["c"]]
    assert split.line_numbers is not None
    assert list(split.line_numbers()) == [1, 3]


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [
        ("<s> The cat", ["the", "cat"]),
        ("The cat . <eos>", ["the", "cat", ".", "<eos>"]),
        ("the </s> tag", ["the", "<", "/", "s", ">", "tag"]),
        ("the cat <pad> <pad>", ["the", "cat"]),
    ],
)
def test_prompts(prompt: str, tokens: list[str]) -> None:
    assert tokenize_line(prompt, CorpusConfig(), TOKENIZERS["words"]) == tokens


def test_a_text_about_markup_stays_as_it_is(tmp_path: Path) -> None:
    about = ["the tag <s> is struck out by <s>", "<s>this</s> is not alone", "see [sep]."]
    text = "\n".join([*about, *LINES])
    corpus = load(tmp_path / "t.txt", text, tokens="whitespace")
    assert corpus.train.sentences[0] == about[0].split()
    assert corpus.train.sentences[1] == about[1].split()
    assert len(corpus.notes) == 1
    assert "<s> in 2 of 43 lines look like markers, but stand within the text" in corpus.notes[0]


def test_a_marker_in_the_middle_is_noted(tmp_path: Path) -> None:
    corpus = load(tmp_path / "t.txt", "\n".join(f"[CLS] {line} [SEP] {line} [SEP]" for line in LINES))
    assert "[SEP]" not in corpus.notes[0].split("mark where")[1]
    assert "[SEP] in 40 of 40 lines look like markers, but stand within" in corpus.notes[1]


def test_unk_is_no_marker() -> None:
    assert without_markers("<unk> <s> a <unk> </s> <pad>") == ("<unk> <s> a <unk>", ["</s>", "<pad>"])
    assert MarkerCounts.of(["<unk> a <unk>"]).boundaries == frozenset()


def test_markers_that_say_nothing_of_the_line_leave_its_white_space(tmp_path: Path) -> None:
    assert without_markers("a  [1]  b") == ("a  [1]  b", [])
    assert load(tmp_path / "t.txt", "\n".join(LINES)).notes == ()
