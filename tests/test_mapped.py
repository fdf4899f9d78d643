"""What stays on the disk reads as what was written there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnn_lm import mapped
from rnn_lm.corpora.store import _write_types
from rnn_lm.mapped import MappedArray, MappedStrings, blocks_of, positions_of


@pytest.fixture
def numbers(tmp_path: Path) -> MappedArray:
    np.arange(5000, dtype=np.uint16).tofile(tmp_path / "numbers")
    return MappedArray(tmp_path / "numbers", np.uint16)


def test_slices_and_positions(numbers: MappedArray) -> None:
    assert (len(numbers), numbers.dtype) == (5000, np.uint16)
    assert numbers[10:13].tolist() == [10, 11, 12]
    assert numbers[np.array([[4999, 0], [7, 7]])].tolist() == [[4999, 0], [7, 7]]
    assert [block.tolist() for block in blocks_of(numbers, 3000)] == [[*range(3000)], [*range(3000, 5000)]]
    assert positions_of(numbers, 77).tolist() == [77]


def test_what_was_read_stays_when_pages_are_handed_back(numbers: MappedArray, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_back, hand_back = [], mapped._hand_back
    monkeypatch.setattr(mapped, "_hand_back", lambda pages: (handed_back.append(pages), hand_back(pages)))
    kept = [numbers[start : start + 2] for start in range(1000)]
    assert len(handed_back) == 3
    assert all(pair.tolist() == [start, start + 1] for start, pair in enumerate(kept))


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert len(MappedArray(tmp_path / "empty", np.int64)) == 0


def test_strings(tmp_path: Path) -> None:
    words = ["<eos>", "<unk>", "", "é", "line\nbreak", "\udce9", *(f"w{index}" for index in range(70_000))]
    _write_types(tmp_path, words)
    strings = MappedStrings(tmp_path / "types.text", tmp_path / "types.ends")
    assert len(strings) == len(words)
    assert list(strings) == words
    assert [strings[index] for index in (0, 2, 3, 4, 5, 70_005)] == [words[index] for index in (0, 2, 3, 4, 5, 70_005)]
    assert strings[3:5] == words[3:5]
    with pytest.raises(IndexError):
        strings[len(words)]
