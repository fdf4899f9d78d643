"""Tokens as numbers: the same from any number of workers, and from blocks of any size."""

from __future__ import annotations

import gc
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.corpora import encode
from rnn_lm.corpora.encode import BLOCKS_WORTH_WORKERS, EOS_TYPE, Cutter, blocks_of_lines, encoded_blocks
from rnn_lm.corpora.split import Split, splits_in_memory
from rnn_lm.errors import UserError
from rnn_lm.text.white_space import words_of
from rnn_lm.text.words import words
from rnn_lm.vocabulary import EOS, UNK

LABELLED = [("train", f"Line {index} isn't {index % 13}.") for index in range(200)] + [("test", "line 7 <unk>")]
SENTENCES = st.lists(st.lists(st.sampled_from(["a", "b", "c", UNK]), max_size=5).map(" ".join), max_size=12)


def splits(workers: int = 1) -> dict[str, Split]:
    return splits_in_memory(encoded_blocks(LABELLED, Cutter(words, lowercase=True), workers), ["train", "test"])


@given(SENTENCES, st.integers(1, 30))
@settings(deadline=None, max_examples=100)
def test_every_token_is_there_whatever_the_blocks(lines: list[str], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "BLOCK_CHARACTERS", size)
        split = Split.of(lines, words_of)
    assert split.sentences == [line.split() for line in lines]
    assert split.characters == sum(map(len, lines)) + len(lines)
    found = np.bincount(split.types_n[:].astype(np.int64), minlength=len(split.types))
    assert split.counts_t.tolist() == found.tolist()
    assert split.types[:2] == [EOS, UNK]
    in_order = dict.fromkeys(token for line in lines for token in line.split() if token != UNK)
    assert split.types[2:] == list(in_order)


def test_workers_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "BLOCK_CHARACTERS", 200)
    assert len(list(blocks_of_lines(LABELLED))) > BLOCKS_WORTH_WORKERS
    alone, together = splits(1), splits(2)
    for name, split in alone.items():
        assert together[name] == split
        assert together[name].types == split.types
        assert together[name].types_n[:].tolist() == split.types_n[:].tolist()
        assert together[name].counts_t.tolist() == split.counts_t.tolist()


def test_blocks_wait_for_their_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the text, only a few blocks of it are in memory."""
    monkeypatch.setattr(encode, "BLOCK_CHARACTERS", 100)
    read = 0

    def lines() -> object:
        nonlocal read
        for label in LABELLED * 10:
            read += 1
            yield label

    blocks = encoded_blocks(lines(), Cutter(words), workers=2)  # pyright: ignore[reportArgumentType]
    next(blocks)
    assert read < 100
    blocks.close()  # pyright: ignore[reportAttributeAccessIssue]


def test_nothing_of_a_block_stays_in_memory() -> None:
    """The table of numbers must not keep itself alive: over a long text there would be thousands of them."""
    gc.collect()
    gc.disable()
    try:
        for block in encoded_blocks(LABELLED, Cutter(words)):
            assert block.types_n.size
        assert not [one for one in gc.get_objects() if type(one) is defaultdict and EOS in one]
    finally:
        gc.enable()


@given(st.integers(1, 60))
@settings(deadline=None, max_examples=20)
def test_the_digest_is_of_the_text_whatever_the_blocks(size: int) -> None:
    lines = ["A line", "", "another Σ", "ΑΣ", "x"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "BLOCK_CHARACTERS", size)
        blocks = list(encoded_blocks((("", line) for line in lines), Cutter(words, lowercase=True)))
    text = "".join(f"{line.lower()}\n" for line in lines)
    assert blocks[-1].digest == hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    assert sum(block.words for block in blocks) == len(text.split()) + len(lines)


def test_a_literal_eos_is_found_where_it_is_a_token_of_its_own() -> None:
    def with_eos(*lines: str) -> int | None:
        return next(encoded_blocks((("", line) for line in lines), Cutter(words_of))).sentence_with_eos

    assert with_eos("a", "b <eos> c", "<eos>") == 1
    assert with_eos("a", "x<eos>") is None


def test_a_split_knows_its_sentences_by_number() -> None:
    sentences = splits()["train"].sentences
    listed = list(sentences)
    assert sentences[0] == listed[0] == ["line", "0", "is", "n't", "0", "."]
    assert (sentences[-1], sentences[17:20]) == (listed[-1], listed[17:20])
    assert sentences != listed[:-1]
    with pytest.raises(IndexError):
        sentences[200]
    assert EOS_TYPE not in [splits()["train"].types.index(token) for token in sentences[3]]


class Deadly:
    """A tokenizer that ends its process."""

    def __call__(self, line: str) -> list[str]:
        os.kill(os.getpid(), signal.SIGKILL)
        return [line]


def test_a_worker_that_is_killed_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "BLOCK_CHARACTERS", 100)
    with pytest.raises(UserError, match="a process that tokenizes was ended from outside"):
        list(encoded_blocks(LABELLED, Cutter(Deadly()), workers=2))


@pytest.mark.slow
def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import time\n"
        "from itertools import count\n"
        "from rnn_lm.corpora.encode import Cutter, encoded_blocks\n"
        "from rnn_lm.text.words import words\n"
        "if __name__ == '__main__':\n"
        "    for block in encoded_blocks((('', 'a b c ' * 1000) for _ in count()), Cutter(words), 2):\n"
        "        print('block', flush=True)\n"
        "        time.sleep(1)\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "block\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
    assert children
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.1)
