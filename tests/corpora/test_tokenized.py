"""Corpora in the cache: equal to those in memory, keyed by content and settings, whole or not there at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import Corpus, Downloads, build_vocabulary, encode, load_corpus, read_split, store
from rnn_lm.corpora.store import FACTS, TokenStore
from rnn_lm.errors import UserError
from rnn_lm.mapped import MappedArray
from rnn_lm.progress import SilentProgress
from rnn_lm.text import TOKENIZERS

LINES = [f"Line {index} isn't {index % 13}, is it?" for index in range(300)]


class Said(SilentProgress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES))
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Downloads:
    return Downloads(tmp_path / "cache", Said())


@pytest.fixture
def load(text: Path, cache: Downloads) -> Callable[..., Corpus]:
    """The corpus of ``text``, kept in the cache."""

    def kept(**settings: object) -> Corpus:
        return load_corpus(CorpusConfig(corpus=(str(text),), **settings), cache, stored_from=0)  # pyright: ignore[reportArgumentType]

    return kept


def folders(cache: Downloads) -> list[str]:
    return sorted(path.name for path in (cache.cache / "tokens").iterdir())


def is_stored(corpus: Corpus) -> bool:
    return all(isinstance(split.types_n, MappedArray) for split in corpus.splits.values())


@pytest.mark.parametrize("tokens", ["words", "whitespace", "characters", "bytes"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_stored_and_in_memory_are_equal(
    text: Path, cache: Downloads, load: Callable[..., Corpus], tokens: str, lowercase: bool
) -> None:
    settings = {"tokens": tokens, "lowercase": lowercase, "max_vocabulary": 50}
    config = CorpusConfig(corpus=(str(text),), **settings)  # pyright: ignore[reportArgumentType]
    plain = load_corpus(config, cache)
    assert not is_stored(plain)
    for _ in range(2):  # made, and read back
        stored = load(**settings)
        assert is_stored(stored)
        assert stored == plain
        vocabulary = build_vocabulary(plain, config)
        assert build_vocabulary(stored, config) == vocabulary
        for name, split in stored.splits.items():
            other = plain.splits[name]
            assert list(split.types) == list(other.types)
            assert split.statistics(vocabulary) == other.statistics(vocabulary)
            mine, theirs = split.encoded(vocabulary), other.encoded(vocabulary)
            assert mine.ids_n.equal(theirs.ids_n)
            assert mine.sentence_ends.equal(theirs.sentence_ends)
            assert (len(mine), mine.characters, mine.words) == (len(theirs), theirs.characters, theirs.words)
            assert (split.characters, split.words, split.digest) == (other.characters, other.words, other.digest)
    assert len(folders(cache)) == 1


@pytest.mark.slow
def test_subwords_are_keyed_by_the_tokenizer_that_was_trained(
    text: Path, cache: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tokenizers")
    monkeypatch.setattr(encode, "BLOCK_CHARACTERS", 300)  # so that worker processes are given the tokenizer
    config = CorpusConfig(corpus=(str(text),), tokens="bpe", subwords=300)
    stored = load_corpus(config, cache, stored_from=0)
    assert is_stored(stored)
    assert stored.splits == load_corpus(config, cache, stored.tokenizer).splits
    load_corpus(config, cache, stored.tokenizer, stored_from=0)
    assert len(folders(cache)) == 1
    load_corpus(CorpusConfig(corpus=(str(text),), tokens="bpe", subwords=290), cache, stored_from=0)
    assert len(folders(cache)) == 2


def test_the_default_keeps_small_texts_in_memory_and_large_ones_in_the_cache(text: Path, cache: Downloads) -> None:
    config, size = CorpusConfig(corpus=(str(text),)), text.stat().st_size
    assert not is_stored(load_corpus(config, cache, stored_from=size + 1))
    assert is_stored(load_corpus(config, cache, stored_from=size))


def test_a_text_to_score_is_kept_too(text: Path, cache: Downloads) -> None:
    stored = read_split(text, CorpusConfig(), TOKENIZERS["words"], cache, stored_from=0)
    assert isinstance(stored.types_n, MappedArray)
    assert stored == read_split(text, CorpusConfig(), TOKENIZERS["words"], cache)


def test_what_is_kept_is_not_tokenized_again(load: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch) -> None:
    first = load()

    def refuse(*_: object) -> None:
        raise AssertionError("tokenized again")

    monkeypatch.setattr("rnn_lm.corpora.tokenized.encoded_blocks", refuse)
    assert load() == first
    with pytest.raises(AssertionError):
        load(lowercase=False)


def test_other_content_or_settings_have_another_key(text: Path, cache: Downloads, load: Callable[..., Corpus]) -> None:
    load()
    for number, settings in enumerate(
        ({"tokens": "characters"}, {"lowercase": False}, {"split": (0.5, 0.25, 0.25)}), 2
    ):
        load(**settings)
        assert len(folders(cache)) == number
    time_before = text.stat().st_mtime_ns
    text.write_text(text.read_text().replace("Line 7 ", "Line 8 "))
    os.utime(text, ns=(time_before, time_before))
    assert load().train.sentences[7][1] == "8"
    # What the vocabulary keeps does not change what is kept on the disk.
    load(min_count=1, max_vocabulary=3)
    assert len(folders(cache)) == 5


@pytest.mark.slow
def test_text_without_files_is_keyed_by_itself(cache: Downloads) -> None:
    stored = load_corpus(CorpusConfig(), cache, stored_from=0)
    assert is_stored(stored)
    assert stored == load_corpus(CorpusConfig(), cache)


@pytest.mark.parametrize("name", ["train.types", "types.text", "types.ends", "valid.counts", FACTS])
@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_what_is_damaged_is_made_again_with_a_note(
    cache: Downloads, load: Callable[..., Corpus], name: str, damage: str
) -> None:
    first = list(load().train.sentences)
    (folder,) = (cache.cache / "tokens").iterdir()
    data = (folder / name).read_bytes()
    if damage == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(data[:-3] if damage == "cut" else bytes([data[0] ^ 1]) + data[1:])
    said = cache.progress.lines  # pyright: ignore[reportAttributeAccessIssue]
    assert len(said) == 1
    assert f"kept in {folder}" in said.pop()
    assert list(load().train.sentences) == first
    assert len(said) == 2
    assert folder.name in said[0]
    assert "tokenized again" in said[0]
    load()
    assert len(said) == 2
    assert folders(cache) == [folder.name]


def test_a_full_disk_is_one_line_and_leaves_nothing(
    cache: Downloads, load: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store._TypeFile, "append", full)
    with pytest.raises(UserError) as caught:
        load()
    assert "No space left on device; free space" in str(caught.value)
    assert "RNN_LM_CACHE" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert folders(cache) == []


def test_ctrl_c_leaves_nothing(cache: Downloads, load: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store._TypeFile, "append", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load()
    assert folders(cache) == []


def test_of_two_that_make_the_same_the_second_does_not_disturb_the_first(
    cache: Downloads, load: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_name, others = TokenStore._take_name, []

    def with_another(self: TokenStore, part: Path, key: str) -> None:
        """Another process makes the same from start to end just before the first one is done."""
        monkeypatch.setattr(TokenStore, "_take_name", take_name)
        others.append(load())
        take_name(self, part, key)

    monkeypatch.setattr(TokenStore, "_take_name", with_another)
    mine = load()
    assert mine == others[0]
    assert mine == load()
    assert len(folders(cache)) == 1


def test_text_that_changes_meanwhile_is_refused(
    text: Path, cache: Downloads, load: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = TokenStore.make

    def change(*arguments: object) -> object:
        made = make(*arguments)  # pyright: ignore[reportArgumentType]
        text.write_text("other\n" * 9)
        return made

    monkeypatch.setattr(TokenStore, "make", change)
    with pytest.raises(UserError, match="the text changed while it was being read"):
        load()
    assert folders(cache) == []


def test_the_rest_of_a_killed_process_is_removed_after_a_day(cache: Downloads, load: Callable[..., Corpus]) -> None:
    old, young = (cache.cache / "tokens" / name for name in ("old.part", "young.part"))
    for path in (old, young):
        path.mkdir(parents=True)
        (path / "train.types").write_bytes(b"half")
    ago = time.time() - 2 * 24 * 3600
    for path in (old / "train.types", old):
        os.utime(path, (ago, ago))
    load()
    assert not old.exists()
    assert young.exists()


def test_numbers_of_types_become_wider_when_there_are_more_than_two_bytes_hold(tmp_path: Path) -> None:
    numbers_n = np.arange(70_000, dtype=np.uint32)
    with store._TypeFile(tmp_path / "train.types") as file:
        file.append(numbers_n[:60_000])
        assert file.dtype == np.uint16
        file.append(numbers_n[60_000:])
        file.append(numbers_n[:5])
    assert file.dtype == np.uint32
    assert MappedArray(tmp_path / "train.types", file.dtype)[:].tolist() == [*range(70_000), *range(5)]


@pytest.mark.slow
def test_a_kill_half_way_leaves_nothing_that_is_taken_for_whole(tmp_path: Path) -> None:
    text = tmp_path / "long.txt"
    text.write_text("".join(f"word{index % 999} is number {index}.\n" for index in range(400_000)))
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from rnn_lm.config import CorpusConfig\n"
        "from rnn_lm.corpora import Downloads, load_corpus\n"
        "from rnn_lm.progress import SilentProgress\n"
        "cache = Downloads(Path(sys.argv[2]), SilentProgress())\n"
        "if __name__ == '__main__':\n"
        "    print(hash(len(load_corpus(CorpusConfig(corpus=(sys.argv[1],)), cache, stored_from=0).train.types_n)))\n"
    )
    script, cache = tmp_path / "load.py", tmp_path / "cache"
    script.write_text(program)
    command = [sys.executable, str(script), str(text), str(cache)]
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not list(cache.glob("tokens/*.part/train.types")) or not any(
            path.stat().st_size for path in cache.glob("tokens/*.part/train.types")
        ):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not [path for path in (cache / "tokens").iterdir() if path.suffix != ".part"]
        for path in (cache / "tokens").iterdir():
            (path / "train.types").write_bytes(b"")
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(found) == len(load_corpus(CorpusConfig(corpus=(str(text),))).train.types_n)
