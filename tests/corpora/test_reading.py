"""Text read a block at a time is the text read at once, wherever blocks happen to end."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.corpora import reading
from rnn_lm.corpora.reading import decode_text, lines_of_blocks, text_blocks
from rnn_lm.errors import UserError


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK", 7)


@given(text=st.lists(st.sampled_from(["a", "é", "東", "\n", "\r", "\r\n", " ", "\u2028"]), min_size=1).map("".join))
@settings(deadline=None, max_examples=200)
@pytest.mark.parametrize("block", [1, 2, 5])
def test_blocks_are_the_text(block: int, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BLOCK", block)
        unix = text.replace("\r\n", "\n")
        assert decode_text(text.encode(), "here") == (unix if "\n" in unix else unix.replace("\r", "\n"))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", ["text.txt", "text.txt.gz"])
def test_blocks_end_where_lines_do(tmp_path: Path, name: str) -> None:
    lines = ["one", "two three four five", "", "six", "seven"]
    data = "\n".join(lines).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    blocks = list(text_blocks(tmp_path / name))
    assert len(blocks) > 2
    assert all(block.endswith("\n") for block in blocks[:-1])
    assert list(lines_of_blocks(blocks)) == lines


@pytest.mark.usefixtures("small_blocks")
def test_places_are_counted_over_all_blocks() -> None:
    before = b"abc\n" * 10
    with pytest.raises(UserError, match="here: line 12 is not UTF-8 .0xe9 at byte 44."):
        decode_text(before + b"abc\n\xe9", "here")
    with pytest.raises(UserError, match="here: not text: byte 41 is NUL"):
        decode_text(before + b"a\0b\n", "here")
