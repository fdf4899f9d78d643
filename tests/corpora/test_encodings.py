"""Texts that are not UTF-8: what is offered, with a sample, and what a person who says the encoding gets."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import Corpus, load_corpus, read_split
from rnn_lm.errors import UserError
from rnn_lm.text import TOKENIZERS

GERMAN = "Die Größe der Bäume überraschte mich: Äpfel, Öl und süße Früchte.\nEs war schön, daß wir uns trafen.\n"
ENGLISH = "He said “don’t go” – it’s late. The king’s men came…\nShe didn’t answer.\n"
RUSSIAN = "Однажды весною, в час небывало жаркого заката.\nНикогда не разговаривайте с неизвестными.\n"
JAPANESE = "吾輩は猫である。名前はまだ無い。\nどこで生れたかとんと見当がつかぬ。\n"
TEXTS = [
    (GERMAN, "cp850"), (GERMAN, "cp1252"), (ENGLISH, "cp1252"), (RUSSIAN, "koi8-r"), (RUSSIAN, "cp1251"),
    (RUSSIAN, "cp866"), (JAPANESE, "shift-jis"), (GERMAN, "mac-roman"),
]  # fmt: skip


def load(path: Path, data: bytes, encoding: str | None = None) -> Corpus:
    path.write_bytes(data)
    return load_corpus(CorpusConfig(corpus=(str(path),), encoding=encoding, lowercase=False))


def refusal(path: Path, data: bytes, encoding: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        load(path, data, encoding)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize(("text", "encoding"), TEXTS)
def test_the_right_encoding_is_offered_and_reads_the_text(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "t.txt"
    message = refusal(path, (text * 20).encode(encoding))
    assert "line 1 is not UTF-8" in message
    assert f"--encoding {encoding} " in message
    corpus = load(path, (text * 20).encode(encoding), encoding)
    assert corpus.splits == load(tmp_path / "utf8.txt", (text * 20).encode()).splits


def test_the_sample_is_of_the_first_bad_line(tmp_path: Path) -> None:
    message = refusal(tmp_path / "t.txt", ("plain\n" * 9 + GERMAN).encode("cp850"))
    assert "line 10 is not UTF-8 (0x94 at byte 60)" in message
    assert "--encoding cp850 (this line is then “Die Größe der Bäume überra”)" in message


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_say_it(tmp_path: Path, encoding: str) -> None:
    text = RUSSIAN * 20
    plain = load(tmp_path / "utf8.txt", text.encode())
    assert load(tmp_path / "t.txt", text.encode(encoding)).splits == plain.splits
    big_endian = codecs.BOM_UTF16_BE + text.encode("utf-16-be")
    assert load(tmp_path / "t.txt", big_endian).splits == plain.splits
    assert load(tmp_path / "t.txt", big_endian, "utf-16-be").splits == plain.splits


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_without_a_mark_is_named(tmp_path: Path, encoding: str) -> None:
    data = (GERMAN * 20).encode(encoding)
    assert f"add --encoding {encoding}" in refusal(tmp_path / "t.txt", data)
    assert load(tmp_path / "t.txt", data, encoding).splits == load(tmp_path / "u.txt", (GERMAN * 20).encode()).splits
    assert f"add --encoding {encoding}" in refusal(tmp_path / "t.txt", (RUSSIAN * 20).encode(encoding))


def test_a_wrong_encoding_is_refused_by_its_control_characters(tmp_path: Path) -> None:
    message = refusal(tmp_path / "t.txt", (ENGLISH * 20).encode("cp1252"), "latin-1")
    assert "line 1 holds the control character U+0093" in message
    assert "cp1252" in message


@pytest.mark.parametrize(
    ("data", "encoding", "reason"),
    [
        (GERMAN.encode("cp1252"), "ascii", "line 1 is not ascii (0xf6 at byte 6); check --encoding"),
        (b"one\ntwo \x81\n", "cp1252", "line 2 is not cp1252 (0x81 at byte 8); check --encoding"),
        (b"one\ntwo\n!", "utf-16-le", "line 1 is not utf-16-le"),
        (b"a\0b\n" * 20, "latin-1", "line 1 holds NUL"),
    ],
)
def test_what_the_stated_encoding_cannot_read(tmp_path: Path, data: bytes, encoding: str, reason: str) -> None:
    assert reason in refusal(tmp_path / "t.txt", data, encoding)


@pytest.mark.parametrize(
    "name", ["nonsense", "rot13", "base64", "idna", "punycode", "unicode_escape", "", "x" * 5000, "a\0"]
)
def test_names_of_no_encoding(name: str) -> None:
    with pytest.raises(UserError, match="--encoding .*: no such encoding of text; e.g. utf-8"):
        CorpusConfig(encoding=name)


def test_a_text_to_score_has_an_encoding_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(GERMAN.encode("cp850"))
    split = read_split(tmp_path / "t.txt", CorpusConfig(encoding="koi8-r"), TOKENIZERS["words"], encoding="cp850")
    assert split.sentences[0][1] == "größe"
