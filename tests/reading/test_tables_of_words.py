"""Tables of words in and out: what is written reads back as it was, and item files keep their other columns."""

from __future__ import annotations

import json
import math

import pytest

from rnn_lm.errors import UserError
from rnn_lm.reading.sources import Items, TextLines
from rnn_lm.reading.tables import write_rows

COLUMNS = {"line": int, "word": str, "is_unk": bool, "surprisal_bits": float, "rank": int}
WORDS = ["NA", '"', '"Go', "nan", "1", "é", "a,b", "a\\", "#x", "'", "<unk>", "null", "TRUE", "\u2028"]
ROWS = [(i, word, i % 2 == 0, i / 3, None if i == 2 else i) for i, word in enumerate(WORDS, start=1)]


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl", ".parquet"])
def test_pandas_reads_back_exactly_what_was_written(tmp_path, suffix):
    """As docs/surprisal.md says how."""
    pandas = pytest.importorskip("pandas")
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"rows{suffix}"
    assert write_rows(path, COLUMNS, iter(ROWS)) == len(ROWS)
    options = {"keep_default_na": False, "na_values": [""], "dtype": {"word": str}}
    if suffix == ".parquet":
        frame = pandas.read_parquet(path)
    elif suffix == ".jsonl":
        frame = pandas.read_json(path, lines=True, dtype={"word": str}, precise_float=True)
    else:
        frame = pandas.read_csv(path, sep="\t" if suffix == ".tsv" else ",", **options)
    assert list(frame.columns) == list(COLUMNS)
    assert frame["word"].tolist() == WORDS
    assert frame["is_unk"].tolist() == [row[2] for row in ROWS]
    assert frame["surprisal_bits"].tolist() == pytest.approx(
        [row[3] for row in ROWS], abs=0 if suffix != ".jsonl" else 1e-15
    )
    assert [None if math.isnan(one) else one for one in frame["rank"]] == [row[4] for row in ROWS]


def test_json_has_no_infinity(tmp_path):
    write_rows(tmp_path / "x.jsonl", {"surprisal_bits": float}, [(math.inf,), (1.5,)])
    assert [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()] == [
        {"surprisal_bits": None},
        {"surprisal_bits": 1.5},
    ]


def test_what_fails_on_the_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("old")

    def rows():
        yield (1,)
        raise UserError("no more")

    with pytest.raises(UserError, match="no more"):
        write_rows(path, {"line": int}, rows())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"x.xls: rows are written as"):
        write_rows(tmp_path / "x.xls", {}, [])


def items(path, content, column="sentence", taken=("word", "line")):
    path.write_text(content, encoding="utf-8")
    return Items(TextLines(path), column, taken)


def test_a_table_gives_its_column_and_keeps_the_others(tmp_path):
    found = items(tmp_path / "x.tsv", 'cond\tsentence\tword\nA\t"Come," he said.\tx\n\nB\t"a ""b"""\ty\n')
    assert found.carried == ("item", "cond", "item_word")
    assert [(one.line, one.text, one.carried) for one in found] == [
        (2, '"Come," he said.', (1, "A", "x")),
        (4, 'a "b"', (2, "B", "y")),
    ]


def test_a_column_called_item_is_the_id(tmp_path):
    found = items(tmp_path / "x.csv", 'item,sentence\n7a,"the king, he"\n')
    assert [(one.text, one.carried) for one in found] == [("the king, he", ("7a",))]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\nx\ty\n", "unknown column 'sentence'"),
        ("sentence\tb\nx\n", r"x.tsv: line 2 has 1 columns, the first line has 2"),
        ("sentence\tb\tb\n", "two columns have one name"),
        ('sentence,b\n"x,1\n', "line 2 is no line of CSV"),
    ],
)
def test_a_bad_table_is_named_by_file_and_line(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        list(items(tmp_path / "x.tsv", content))
