"""``rnn-lm cache``: what is there, and what is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from refusals import refused
from rnn_lm.cli import main
from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import CORPORA, Downloads, load_corpus
from rnn_lm.progress import SilentProgress


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with a tokenized corpus, half a download, and something of the person's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RNN_LM_CACHE", str(folder))
    text = tmp_path / "mine.txt"
    text.write_text("a b c\n" * 100)
    load_corpus(CorpusConfig(corpus=(str(text),)), Downloads(folder, SilentProgress()), stored_from=0)
    download = folder / f"{CORPORA['text8'].files[0].path}.part"
    download.parent.mkdir()
    download.write_bytes(b"0" * 3_000_000)
    (folder / "notes.txt").write_text("of the person's own")
    return folder


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["cache", *arguments]) == 0
    return capsys.readouterr().out


def test_says_what_is_there_and_where(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / "tokens" / "half.part").mkdir()
    text = shown(capsys)
    assert "mine.txt, words, lower-cased" in text
    assert "unfinished or damaged  (half.part)" in text
    assert "downloads: 3.0 MB" in text
    assert "text8/text8.zip.part" in text
    assert str(cache) in text.replace("\n", "")


@pytest.mark.parametrize(
    ("clear", "tokens", "downloads"), [("tokens", False, True), ("downloads", True, False), ("all", False, False)]
)
def test_clears_what_it_is_told_to(
    cache: Path, capsys: pytest.CaptureFixture[str], clear: str, tokens: bool, downloads: bool
) -> None:
    text = shown(capsys, "--clear", clear)
    assert ("mine.txt" in text) == tokens == (cache / "tokens").exists()
    assert ("text8.zip" in text) == downloads == (cache / "text8").exists()
    assert (cache / "notes.txt").exists()


def test_an_empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RNN_LM_CACHE", str(tmp_path / "nowhere"))
    assert "tokenized corpora: 0.0 MB" in shown(capsys, "--clear", "all")


def test_a_wrong_wish(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--clear" in refused(capsys, "cache", "--clear", "everything")


@pytest.mark.parametrize("name", ["file", "file/within"])
def test_a_cache_that_is_no_folder_is_not_called_usable(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RNN_LM_CACHE", str(tmp_path / name))
    said = refused(capsys, "cache")
    assert f"{tmp_path / 'file'}: is not a folder" in said
    assert "set RNN_LM_CACHE to another folder" in said
    monkeypatch.delenv("RNN_LM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert "/dev/null: is not a folder" in refused(capsys, "cache", "--clear", "all")
