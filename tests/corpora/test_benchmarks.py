"""The corpora that are downloaded: each layout of a copy, exact sizes, and nothing lost between text and tokens."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.file_server import FileServer
from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import CORPORA, Downloads, RawCorpus, build_vocabulary, enwik8, load_corpus, ptb, text8
from rnn_lm.corpora import tiny_shakespeare as shakespeare
from rnn_lm.corpora.access import SPLITS, Access, RemoteFile
from rnn_lm.corpora.published import PublishedSizes
from rnn_lm.corpora.text8 import sentences_at_spaces
from rnn_lm.corpora.wikitext import VARIANTS, Variant, wikitext
from rnn_lm.errors import UserError
from rnn_lm.text import TOKENIZERS

WIKI = {"train": " \n = Tōkyō = \n \n The city <unk> . \n", "valid": " \n a b \n", "test": " \n c \n"}
TINY_WIKI = Variant(
    "wikitext-2",
    "WikiText-2",
    RemoteFile("wikitext-2/wikitext-2-v1.zip", "http://127.0.0.1:9/w.zip", 0, ""),
    tokens=(11, 4, 3),
    lines=(4, 2, 2),
)


def zipped(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def wiki_zip() -> bytes:
    return zipped(**{f"wikitext-2/wiki.{split}.tokens": text.encode() for split, text in WIKI.items()})


def served(server: FileServer, file: RemoteFile, content: bytes) -> RemoteFile:
    """``file`` as it would be published if ``content`` were all of it, on the server."""
    server.files[f"/{file.path}"] = content
    return replace(file, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        read()
    message = str(caught.value)
    assert "\n" not in message
    return message


def sentences(raw: RawCorpus) -> list[list[str]]:
    return [list(split) for split in (raw.train, raw.valid, raw.test)]


@pytest.mark.parametrize("name", [name for name in CORPORA if CORPORA[name].files])
def test_every_downloaded_file_is_pinned(name: str) -> None:
    for file in CORPORA[name].files:
        assert file.path.startswith(f"{name}/")
        assert file.size > 0
        assert len(bytes.fromhex(file.sha256)) == 32


def test_published_wikitext_counts_agree_with_each_other() -> None:
    assert [variant.tokens[1:] for variant in VARIANTS] == [(217_646, 245_569)] * 2
    assert [variant.lines[1:] for variant in VARIANTS] == [(3_760, 4_358)] * 2


def test_wikitext_is_downloaded_and_blank_lines_count(downloads: Downloads, server: FileServer) -> None:
    variant = replace(TINY_WIKI, archive=served(server, TINY_WIKI.archive, wiki_zip()))
    raw = wikitext(variant, Access("wikitext-2", downloads))
    assert list(raw.train) == ["", "= Tōkyō =", "", "The city <unk> ."]
    assert list(raw.test) == ["", "c"]
    assert raw.source.endswith(variant.archive.url)
    assert not raw.notes
    assert sentences(raw) == sentences(wikitext(variant, Access("wikitext-2", downloads)))
    assert len(server.requests) == 1


@pytest.mark.parametrize("folder", ["", "wikitext-2/"])
def test_wikitext_that_is_there_already(downloads: Downloads, tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    for split, text in WIKI.items():
        (tmp_path / folder / f"wiki.{split}.tokens").write_text(text)
    raw = wikitext(TINY_WIKI, Access("wikitext-2", downloads, tmp_path))
    assert list(raw.valid) == ["", "a b"]
    assert raw.source.endswith(str(tmp_path))


def test_wikitext_in_its_archive(downloads: Downloads, tmp_path: Path) -> None:
    (tmp_path / "wikitext-2-v1.zip").write_bytes(wiki_zip())
    assert list(wikitext(TINY_WIKI, Access("wikitext-2", downloads, tmp_path)).valid) == ["", "a b"]


def test_raw_wikitext_is_checked_by_its_lines_and_noted(downloads: Downloads, tmp_path: Path) -> None:
    for split, text in WIKI.items():
        (tmp_path / f"wiki.{split}.raw").write_text(text.replace("<unk>", "of words"))
    access = Access("wikitext-2", downloads, tmp_path)
    assert "open" in wikitext(TINY_WIKI, access).notes[0]
    message = refusal(lambda: sentences(wikitext(replace(TINY_WIKI, lines=(5, 2, 2)), access)))
    assert "train has 4 lines, but WikiText-2 has 5" in message


def test_wikitext_of_another_size(downloads: Downloads, tmp_path: Path) -> None:
    for split, text in WIKI.items():
        (tmp_path / f"wiki.{split}.tokens").write_text(text)
    (tmp_path / "wiki.valid.tokens").write_text("a\n")
    message = refusal(lambda: sentences(wikitext(TINY_WIKI, Access("wikitext-2", downloads, tmp_path))))
    assert f"{tmp_path}/wiki.train.tokens: valid has 2 tokens with <eos>, but WikiText-2 has 4" in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no archive", "no zip archive"),
        (wiki_zip()[:-30], "no zip archive"),
        (zipped(other=b"a"), "there is no wikitext-2/wiki.train.tokens in this archive"),
        (wiki_zip().replace(b"wikitext-2/wiki.train.tokens", b"wikitext-2/wiki.valid.tokens", 1), "no zip archive"),
    ],
)
def test_damaged_archives(downloads: Downloads, tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "wikitext-2-v1.zip").write_bytes(content)
    message = refusal(lambda: sentences(wikitext(TINY_WIKI, Access("wikitext-2", downloads, tmp_path))))
    assert f"{tmp_path}/wikitext-2-v1.zip: " in message
    assert reason in message


@pytest.mark.parametrize(
    ("name", "looked_for"),
    [
        ("ptb", ["ptb.{train,valid,test}.txt", "{train,valid,test}.txt.gz"]),
        ("wikitext-2", ["wiki.{train,valid,test}.tokens", "wiki.{train,valid,test}.raw", "wikitext-2-v1.zip"]),
        ("wikitext-103", ["wikitext-103/wiki.{train,valid,test}.tokens", "wikitext-103-v1.zip"]),
        ("text8", ["text8", "text8.zip"]),
        ("enwik8", ["enwik8", "enwik8.zip"]),
        ("tiny-shakespeare", ["input.txt", "tiny-shakespeare.txt"]),
    ],
)
def test_a_folder_without_the_corpus_says_what_was_looked_for(
    name: str, looked_for: list[str], tmp_path: Path, downloads: Downloads, server: FileServer
) -> None:
    message = refusal(lambda: load_corpus(CorpusConfig(corpus=(name,), data_dir=str(tmp_path)), downloads))
    assert f"--data-dir {tmp_path}: {name} is not in it" in message
    assert all(file in message for file in looked_for)
    missing = str(tmp_path / "missing")
    message = refusal(lambda: load_corpus(CorpusConfig(corpus=(name,), data_dir=missing), downloads))
    assert f"--data-dir {missing}: there is no such folder" in message
    assert server.requests == []


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Corpora of a few characters, so that a test can write them."""
    for module, sizes in ((ptb, (7, 3, 3)), (text8, (40, 8, 8)), (enwik8, (30, 6, 6)), (shakespeare, (20, 5, 5))):
        monkeypatch.setattr(module, "SIZES", replace(module.SIZES, sizes=sizes))
    monkeypatch.setattr(text8, "SENTENCE", 10)


def read(name: str, folder: Path, downloads: Downloads) -> RawCorpus:
    return CORPORA[name].read(Access(name, downloads, folder))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("pattern", ["{}.txt", "ptb.{}.txt", "data/ptb.{}.txt"])
def test_penn_treebank_that_is_there_already(pattern: str, tmp_path: Path, downloads: Downloads) -> None:
    (tmp_path / "data").mkdir()
    for split, text in zip(SPLITS, (" a N <unk> \n b c \n", " a b \n", " c d \n"), strict=True):
        (tmp_path / pattern.format(split)).write_text(text)
    raw = read("ptb", tmp_path, downloads)
    assert list(raw.train) == ["a N <unk>", "b c"]
    (tmp_path / pattern.format("test")).write_text("c\n")
    assert "test has 2 tokens with <eos>, but the Penn Treebank has 3" in refusal(
        lambda: read("ptb", tmp_path, downloads)
    )


@pytest.mark.usefixtures("small")
def test_text8_keeps_every_character(tmp_path: Path, downloads: Downloads) -> None:
    text = " anarchism originated as a term of abuse first used ag"[:50] + "ainst "
    (tmp_path / "text8").write_text(text)
    raw = read("text8", tmp_path, downloads)
    assert " ".join(raw.train) + " ".join(raw.valid) + " ".join(raw.test) == text
    assert list(raw.train) == [" anarchism", "originated", "as a term of", "abuse"]
    (tmp_path / "text8").unlink()
    (tmp_path / "text8.zip").write_bytes(zipped(text8=text.encode()))
    assert read("text8", tmp_path, downloads).train == raw.train
    (tmp_path / "text8.zip").write_bytes(zipped(text8=text[:-1].encode()))
    assert "test has 7 characters, but text8 has 8" in refusal(lambda: read("text8", tmp_path, downloads))


@given(st.text(alphabet="ab ", min_size=1), st.integers(1, 20))
def test_sentences_at_spaces_are_the_text(text: str, length: int) -> None:
    sentences = sentences_at_spaces(text, length)
    assert " ".join(sentences) in {text, text.removesuffix(" ")}
    assert all(len(sentence) >= length for sentence in sentences[:-1])


@pytest.mark.usefixtures("small")
def test_enwik8_keeps_every_byte_even_of_a_character_cut_in_two(tmp_path: Path, downloads: Downloads) -> None:
    data = ("<page>\n  é\n\n" + "\t" * 15 + "東京 " + "x" * 20).encode()[:42]
    (tmp_path / "enwik8").write_bytes(data)
    raw = read("enwik8", tmp_path, downloads)
    tokenize = TOKENIZERS["bytes"].cut
    number = {token: byte for byte, token in enumerate(tokenize("".join(map(chr, range(128)))))}
    ids = [
        [number[token] if token in number else int(token[3:5], 16) for token in tokenize("\n".join(part))]
        for part in (raw.train, raw.valid, raw.test)
    ]
    assert [bytes(part) for part in ids] == [data[:30], data[30:36], data[36:42]]
    with pytest.raises(UnicodeDecodeError):
        data[:30].decode()
    assert "" in raw.train


@pytest.mark.usefixtures("small")
def test_tiny_shakespeare_keeps_every_character(tmp_path: Path, downloads: Downloads) -> None:
    text = "Speak:\n\n  Ay & no.\n12\n$ 456789"
    (tmp_path / "input.txt").write_text(text)
    config = CorpusConfig(corpus=("tiny-shakespeare",), data_dir=str(tmp_path))
    corpus = load_corpus(config, downloads)
    assert (corpus.tokens, corpus.lowercase) == ("characters", False)
    for split, part in zip(corpus.splits.values(), (text[:20], text[20:25], text[25:]), strict=True):
        assert "\n".join("".join(sentence) for sentence in split.sentences) == part.removesuffix("\n")
        assert split.characters == sum(map(len, split.sentences)) + len(split.sentences)
    assert "S" in build_vocabulary(corpus, config)  # seen once
    words = replace(config, tokens="words", lowercase=True)
    assert load_corpus(words, downloads).train.sentences[0] == ["speak", ":"]


def test_sizes_are_required_exactly() -> None:
    sizes = PublishedSizes("X", "bytes", (1, 2, 3))
    sizes.require({"train": 1, "valid": 2, "test": 3}, "file")
    with pytest.raises(UserError, match="file: test has 4 bytes, but X has 3: another version"):
        sizes.require({"train": 1, "valid": 2, "test": 4}, "file")


def test_penn_treebank_as_published(ptb_folder: Path, downloads: Downloads, server: FileServer) -> None:
    config = CorpusConfig(corpus=("ptb",), data_dir=str(ptb_folder))
    corpus = load_corpus(config, downloads)
    assert (corpus.tokens, corpus.lowercase) == ("whitespace", False)
    vocabulary = build_vocabulary(corpus, config)
    assert [split.statistics(vocabulary).tokens for split in corpus.splits.values()] == [929_589, 73_760, 82_430]
    assert len(vocabulary) == 10_000
    for split in SPLITS:
        server.files[f"/ptb/ptb.{split}.txt"] = (ptb_folder / f"{split}.txt").read_bytes()
    downloaded = load_corpus(CorpusConfig(corpus=("ptb",)), downloads)
    assert downloaded.splits == corpus.splits
