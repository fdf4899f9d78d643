"""Text that is not prose is named; prose is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import load_corpus
from rnn_lm.corpora.kinds import looks_like


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"text": "a b"}\n{"text": "c"}', "JSON lines"),
        ('["a", "b"]\n["c"]', "JSON lines"),
        ('{\n "text": "a b"\n}', "a JSON document"),
        ("<!DOCTYPE html>\n<html>\n", "an HTML page"),
        ('<?xml version="1.0"?>\n<a/>', "XML"),
        ("id\ttext\tlabel\n1\ta b\t0\n2\tc, d\t1\n", "a table with columns separated by tabs"),
        ("1\tA b.\n2\tC d.\n3\tE f.\n", "a table: every line has 2 columns"),
        ("id,text\n1,a b\n2,c, d\n", "a table with columns separated by commas"),
        ("# sent_id = 1\n# text = A b\n1\tA\ta\tDET\n", "CoNLL-U"),
        ("1\tA\ta\tDET\n2\tb\tb\tNOUN\n3\tc\tc\tVERB\n", "CoNLL-U"),
        ("3 3\nthe 0.1 0.2 0.3\ncat 0.1 -0.2 0.4\nof 0.5 0.4 0.3\n", "word vectors"),
        ("1\n00:00:01,000 --> 00:00:02,000\nHello.\n", "subtitles"),
    ],
)
def test_what_is_no_prose(text: str, what: str) -> None:
    assert (looks_like([line for line in text.split("\n") if line]) or "").startswith(what)


@pytest.mark.parametrize(
    "text",
    [
        "", "One line.", "the cat , the dog\na b , c\nd , e\n", "yes,\nno,\nmaybe,\n", "{a} brace\n{b} brace\n",
        "Dear John,\nhow are you,\nand, where,\n", "1 2 3\n4 5 6\n7 8 9\n", "a <s> b\n", "[1] note\n[2] note\n",
        "Tom, Dick and Harry\ncame, saw, left\nand, so, on\n", "a\tb\nc\nd\n", "p0rt,x1,y2\none two\n",
    ],
)  # fmt: skip
def test_prose_is_left_alone(text: str) -> None:
    assert looks_like([line for line in text.split("\n") if line]) is None


def test_it_is_noted(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text('{"text": "a b"}\n' * 40)
    notes = load_corpus(CorpusConfig(corpus=(str(tmp_path / "t.txt"),))).notes
    assert any("t.txt: looks like JSON lines" in note for note in notes)
