from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from rnn_lm.errors import UserError
from rnn_lm.evaluation.surprisal import SurprisalRow, surprisal, write_surprisal

ROWS = [[0.25] * 4 + [0.0], *[[0.5, 0.125, 0.125, 0.125, 0.125]] * 4]


def test_rows_are_the_tokens_of_the_text_in_bits(table_model_of, vocabulary):
    rows = list(surprisal(table_model_of(ROWS), [["a", "zebra", "b"], [], ["c"]], vocabulary, "sentence"))
    assert rows == [
        (1, None, "a", 2, 3.0),
        (1, None, "zebra", 0, 1.0),
        (1, None, "b", 3, 2.0),
        (1, None, "<eos>", 1, 3.0),
        (2, None, "<eos>", 1, 3.0),
        (3, None, "c", 4, 3.0),
        (3, None, "<eos>", 1, 3.0),
    ]


def test_each_row_names_the_line_of_the_file(table_model_of, vocabulary):
    rows = list(surprisal(table_model_of(ROWS), [["a"], ["b"]], vocabulary, "sentence", lines=iter([2, 5])))
    assert [(row.sentence, row.line, row.token) for row in rows] == [
        (1, 2, "a"),
        (1, 2, "<eos>"),
        (2, 5, "b"),
        (2, 5, "<eos>"),
    ]


def test_the_policy_decides_what_the_model_has_seen(gru_model, vocabulary):
    sentences = [["a", "b"], ["c", "a"]]
    stream, sentence = (
        np.array([row.surprisal_bits for row in surprisal(gru_model(5), sentences, vocabulary, policy)])
        for policy in ("stream", "sentence")
    )
    np.testing.assert_allclose(stream[:3], sentence[:3], rtol=1e-5)
    assert np.abs(stream[3:] - sentence[3:]).max() > 1e-3


def test_the_table_reads_back_whatever_the_tokens_are(tmp_path: Path):
    rows = [SurprisalRow(1, 1, token, 2, 1.5) for token in ["a", '"', "\t", "\n", "é", "a\\b"]]
    write_surprisal(tmp_path / "out.tsv", iter(rows))
    with (tmp_path / "out.tsv").open(encoding="utf-8", newline="") as file:
        header, *read = csv.reader(file, dialect="excel-tab")
    assert header == ["sentence", "line", "token", "id", "surprisal_bits"]
    assert [(int(n), int(line), token, int(index), float(bits)) for n, line, token, index, bits in read] == rows


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="nowhere"):
        write_surprisal(tmp_path / "nowhere" / "out.tsv", iter([]))
