"""Everything that a person gives as text, changed at random: it is read, or refused with one line."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.harness import SECONDS, fuzz, mutated_bytes, mutated_json
from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import TOKENIZERS, build_vocabulary, load_corpus, read_split, tokenize_line
from rnn_lm.corpora.zips import read_zip_member, zip_text_blocks
from rnn_lm.text import TOKENIZER, TextCodec, TextSettings
from rnn_lm.text.subwords import train_subwords

TEXT = "The café isn't <unk> open.\r\n\n<s> Zwölf Boxkämpfer </s>\n“don’t”\u2028a\u00a0b\n" * 8
JSON = b'{"text": "a b"}\n{"text": "c"}\n' * 5
TEXTS = (TEXT.encode(), TEXT.encode("utf-16"), TEXT.encode("cp1252", "replace"), JSON, b"id\ttext\n1\ta b\n2\tc d\n")
SPLITS = ("train", "valid", "test")


def read(path: Path, **settings: object) -> None:
    config = CorpusConfig(corpus=(str(path),), **settings)  # pyright: ignore[reportArgumentType]
    build_vocabulary(load_corpus(config), config)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", [None, "cp1252", "utf-16", "shift-jis", "gb18030"])
def test_texts(tmp_path: Path, encoding: str | None) -> None:
    contents = mutated_bytes(*TEXTS)
    assert fuzz(lambda path: read(path, encoding=encoding), contents, tmp_path / "t.txt", seconds=SECONDS / 5) > 0


@pytest.mark.slow
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_texts(tmp_path: Path, pack: object) -> None:
    contents = mutated_bytes(*(pack(text) for text in TEXTS[:2]))  # pyright: ignore[reportCallIssue]
    assert fuzz(read, contents, tmp_path / "t.gz", seconds=SECONDS / 3) > 0


@pytest.mark.slow
def test_texts_to_score(tmp_path: Path) -> None:
    def score(path: Path) -> None:
        split = read_split(path, CorpusConfig(), TOKENIZERS["words"])
        assert split.line_numbers is not None
        assert len(list(split.line_numbers())) == len(split.sentences)

    assert fuzz(score, mutated_bytes(*TEXTS), tmp_path / "t.txt", seconds=SECONDS / 2) > 0


@pytest.mark.slow
def test_folders(tmp_path: Path) -> None:
    for split in SPLITS:
        (tmp_path / f"{split}.txt").write_text("a b\nc\n")
    assert (
        fuzz(lambda path: read(path.parent), mutated_bytes(TEXTS[0]), tmp_path / "valid.txt", seconds=SECONDS / 2) > 0
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives(tmp_path: Path, method: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("text8", TEXT * 3)
        archive.writestr("ü/other", TEXT)

    def unpack(path: Path) -> None:
        read_zip_member(path, "text8")
        list(zip_text_blocks(path, "text8"))

    assert fuzz(unpack, mutated_bytes(packed.getvalue()), tmp_path / "t.zip", seconds=SECONDS / 4) > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_tokenizer_files(tmp_path: Path, kind: str) -> None:
    import json

    original = json.loads(train_subwords(kind, 300, ["a café in the <unk> house"] * 3).text)

    def cut(path: Path) -> None:
        tokenizer = TOKENIZERS["bpe"].load(path.parent)
        tokenizer.cut("a café <unk> x")
        assert len(tokenizer.pieces) >= 0

    assert fuzz(cut, mutated_json(original), tmp_path / TOKENIZER, seconds=SECONDS / 2) > 0


@pytest.mark.slow
def test_codec_files(tmp_path: Path) -> None:
    TextCodec.learn(["a café in the <unk> house"], TextSettings("bpe"), size=300).save(tmp_path)
    for name in ("codec.json", "vocabulary.json"):
        path = tmp_path / name
        original = path.read_bytes()

        def use(path: Path) -> None:
            codec = TextCodec.load(path.parent)
            codec.decode(codec.encode("a café"))

        assert fuzz(use, mutated_bytes(original), path, seconds=SECONDS / 4) > 0
        path.write_bytes(original)


@given(st.text(), st.sampled_from(["nfc", "none"]), st.booleans())
@settings(deadline=None, max_examples=300)
@pytest.mark.parametrize("tokens", ["words", "whitespace", "characters", "bytes"])
def test_any_line_is_cut_and_joined(tokens: str, line: str, normalize: str, lowercase: bool) -> None:
    line = line.encode("utf-8", "replace").decode()
    config = CorpusConfig(tokens=tokens, normalize=normalize, lowercase=lowercase)  # pyright: ignore[reportArgumentType]
    TOKENIZERS[tokens].join(tokenize_line(line, config, TOKENIZERS[tokens]))


@given(st.text(st.characters(exclude_categories=("Cs",))))
@settings(deadline=None, max_examples=300)
def test_bytes_come_back(line: str) -> None:
    assert TOKENIZERS["bytes"].join(TOKENIZERS["bytes"].cut(line)) == line
