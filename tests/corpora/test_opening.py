"""What is given as text and is none, or has no end: one line, in bounded time and memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import threading
import zipfile
import zlib
from pathlib import Path

import pytest

from rnn_lm import pipes
from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import load_corpus, opening, read_split, reading, zips
from rnn_lm.errors import UserError
from rnn_lm.text import TOKENIZERS

TEXT = "".join(f"line {index}\n" for index in range(100)).encode()


def refusal(*names: Path | str) -> str:
    with pytest.raises(UserError) as caught:
        load_corpus(CorpusConfig(corpus=tuple(map(str, names))))
    message = str(caught.value)
    assert "\n" not in message
    return message


def tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("text.txt")
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT))
    return packed.getvalue()


def a_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("text.txt", TEXT)
    return packed.getvalue()


@pytest.mark.parametrize("name", ["t.txt", "t.gz", "t.bz2", "t.xz"])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_text_is_read_whatever_its_name(tmp_path: Path, name: str, pack: object) -> None:
    (tmp_path / "plain.txt").write_bytes(TEXT)
    (tmp_path / name).write_bytes(pack(TEXT))  # pyright: ignore[reportCallIssue]
    plain, packed = (load_corpus(CorpusConfig(corpus=(str(tmp_path / one),))) for one in ("plain.txt", name))
    assert packed.splits == plain.splits


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("bzip2", bz2.compress), ("xz", lzma.compress)])
def test_damaged_packed_text(tmp_path: Path, name: str, pack: object) -> None:
    whole = pack(bytes(range(32, 127)) * 9)  # pyright: ignore[reportCallIssue]
    for data in (whole[: len(whole) // 2], whole[:-6], whole[:20] + b"xxxxxxxx" + whole[28:]):
        (tmp_path / "t.txt").write_bytes(data)
        assert f"cut off, damaged, or no {name} file" in refusal(tmp_path / "t.txt")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x28\xb5\x2f\xfd\x04", "packed by zstd"),
        (a_zip(), "a zip archive"),
        (tar(), "a tar archive"),
        (gzip.compress(tar()), "a tar archive"),
        (gzip.compress(bz2.compress(TEXT)), "packed twice"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\xba\x16\x4f\x2f\x0c\0\0\0", "a fastText model (.bin), not text; word vectors go to --embedding"),
        (b"PAR1\x15", "a Parquet table"),
        (b"{\\rtf1 text", "an RTF document"),
        (b"\x80\x04\x95\x10\0", "a Python pickle"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "t.txt").write_bytes(data)
    assert f"t.txt: {what}" in refusal(tmp_path / "t.txt")


def test_a_long_line_is_refused_in_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LONGEST_LINE", 1000)
    monkeypatch.setattr(reading, "BLOCK", 100)
    (tmp_path / "t.txt").write_bytes(b"a\n" * 5 + b"b" * 2000)
    assert "line 6 is longer than 1,000 characters" in refusal(tmp_path / "t.txt")
    (tmp_path / "t.txt").write_bytes(b"b" * 1000 + b"\na\nc\n")
    load_corpus(CorpusConfig(corpus=(str(tmp_path / "t.txt"),)))


def test_what_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "RATIO_FROM", 10_000)
    monkeypatch.setattr(reading, "BLOCK", 1000)
    (tmp_path / "t.txt").write_bytes(gzip.compress(b"a\n" * 100_000))
    assert "unpacks to more than 250 times its size" in refusal(tmp_path / "t.txt")
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("text8", b"\0" * 1_000_000)
    monkeypatch.setattr(zips, "BLOCK", 1000)
    with pytest.raises(UserError, match="unpacks to more than 250 times"):
        zips.read_zip_member(tmp_path / "t.zip", "text8")


@pytest.mark.slow
def test_four_gigabytes_in_four_megabytes(tmp_path: Path) -> None:
    packer, zeros = zlib.compressobj(9, zlib.DEFLATED, 31), b"a" * (1 << 24)
    with (tmp_path / "t.gz").open("wb") as file:
        for _ in range(256):
            file.write(packer.compress(zeros))
        file.write(packer.flush())
    assert "line 1 is longer than 16,777,216 characters" in refusal(tmp_path / "t.gz")


@pytest.mark.slow
def test_a_gigabyte_of_blank_lines(tmp_path: Path) -> None:
    with (tmp_path / "t.txt").open("wb") as file:
        for _ in range(1024):
            file.write(b"\n" * (1 << 20))
        file.write(b"end\n")
    assert "only 1 sentence" in refusal(tmp_path / "t.txt")


def test_devices_and_folders(tmp_path: Path) -> None:
    assert "--corpus /dev/zero: is no file but a device" in refusal("/dev/zero")
    assert f"--corpus {tmp_path}: a named corpus or a folder stands alone" in refusal(tmp_path, tmp_path)
    with pytest.raises(UserError, match=f"--text {tmp_path}: is a folder; give a file"):
        read_split(tmp_path, CorpusConfig(), TOKENIZERS["words"])


def test_a_pipe_is_no_corpus(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert "pipe.txt: is a pipe, which can be read only once" in refusal(tmp_path / "pipe.txt")


def test_a_pipe_can_be_scored_also_by_several_models(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe.txt").write_bytes(TEXT))
    writer.start()
    first, second = (read_split(tmp_path / "pipe.txt", CorpusConfig(), TOKENIZERS["words"]) for _ in range(2))
    writer.join()
    assert first == second
    assert len(first.sentences) == 100


def test_a_pipe_that_nobody_writes_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(UserError, match="--text .*pipe.txt: is a pipe that nobody writes to"):
        read_split(tmp_path / "pipe.txt", CorpusConfig(), TOKENIZERS["words"])


def test_the_flag_that_named_the_file_is_blamed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nosuch.txt: there is no such file; check the path given to --text"):
        read_split(tmp_path / "nosuch.txt", CorpusConfig(), TOKENIZERS["words"])
    assert "nosuch.txt: there is no such file; check the path given to --corpus" in refusal(tmp_path / "nosuch.txt")


@pytest.mark.parametrize("names", [["x" * 300], ["x" * 300 + ".txt"], ["x" * 300, "y"], ["a" * 9000 + "/b.txt"]])
def test_names_that_are_too_long(names: list[str]) -> None:
    message = refusal(*names)
    assert "too long" in message
    assert len(message) < 400


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    with open(path, "wb") as file:
        file.write(TEXT)
    message = refusal(os.fsdecode(path))
    assert "the name holds bytes that are not UTF-8; rename it" in message
    message.encode()


@pytest.mark.parametrize("content", [b"", b" \n", b"<s> </s>\n"])
def test_a_text_to_score_with_nothing_in_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(UserError, match="t.txt: (the file is empty|no sentence in it, only white space)"):
        read_split(tmp_path / "t.txt", CorpusConfig(), TOKENIZERS["words"])
