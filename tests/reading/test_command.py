"""``rnn-lm surprisal``, and what ``rnn-lm evaluate`` says of short texts and of ARPA files, as they are typed."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import pytest

import rnn_lm
from models.test_arpa_as_kenlm import ARPA
from rnn_lm.cli import main


@pytest.fixture
def arpa(tmp_path):
    path = tmp_path / "model.arpa"
    path.write_text(ARPA)
    return path


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text('a b\n\nzebra "\na b a\n')
    return path


def table(out):
    return list(csv.DictReader(io.StringIO(out), dialect="excel-tab"))


def test_every_word_of_the_file_has_a_row(capsys, arpa, text):
    assert main(["surprisal", str(arpa), str(text), "--policy", "sentence"]) == 0
    rows = table(capsys.readouterr().out)
    assert [(row["line"], row["sentence"], row["word"], row["is_unk"]) for row in rows] == [
        ("1", "1", "a", "FALSE"),
        ("1", "1", "b", "FALSE"),
        ("3", "2", "zebra", "TRUE"),
        ("3", "2", '"', "TRUE"),
        ("4", "3", "a", "FALSE"),
        ("4", "3", "b", "FALSE"),
        ("4", "3", "a", "FALSE"),
    ]
    assert float(rows[0]["surprisal_bits"]) == pytest.approx(0.25 / math.log10(2))  # <s> a
    assert float(rows[1]["surprisal_bits"]) == pytest.approx(0.15 / math.log10(2))  # <s> a b
    assert float(rows[0]["unigram_bits"]) == pytest.approx(0.4 / math.log10(2))


def test_standard_input_is_a_file_and_the_table_is_all_that_is_printed(capsys, monkeypatch, arpa, text):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.read_bytes())))
    assert main(["surprisal", str(arpa), "-"]) == 0
    assert len(table(capsys.readouterr().out)) == 7


def test_items_keep_their_columns(capsys, arpa, tmp_path):
    (tmp_path / "items.tsv").write_text("cond\tsentence\nx\ta b\ny\tb\n")
    out = tmp_path / "out.jsonl"
    given = ["surprisal", str(arpa), str(tmp_path / "items.tsv"), "--column", "sentence", "--out", str(out)]
    assert main(given) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["item"], row["cond"], row["word"], row["policy"]) for row in rows] == [
        ("1", "x", "a", "sentence"),
        ("1", "x", "b", "sentence"),
        ("2", "y", "b", "sentence"),
    ]
    assert main(given) != 0
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["{arpa}", "{folder}/nowhere.txt"], "FILE .*nowhere.txt: there is no such file"),
        (["{arpa}", "{folder}"], "FILE .*: is a folder"),
        (["{arpa}"], "surprisal needs models and then a FILE"),
        (["{arpa}", "{arpa}", "-"], "standard input can be read once"),
        (["{arpa}", "{text}", "--out", "x.xls"], "--out x.xls: rows are written as"),
        (["{arpa}", "{text}", "--space", "after"], "whole words"),
        (["{arpa}", "{text}", "--figure", "x.png"], "--reading-times"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(capsys, arpa, text, tmp_path, given, message):
    names = {"arpa": arpa, "text": text, "folder": tmp_path}
    assert main(["surprisal", *(one.format(**names) for one in given)]) != 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert "--corpus" not in captured.err
    assert re.search(message, captured.err)


def test_python_gives_the_same_rows(arpa, text):
    model = rnn_lm.load(arpa, progress=False)
    rows = model.word_surprisal(text, previous=1)
    assert rows["word"] == ["a", "b", "zebra", '"', "a", "b", "a"]
    assert rows[1].previous1_word == "a"
    assert rows[0].previous1_surprisal_bits is None
    assert model.word_surprisal("a b\n\nb")["line"] == [1, 1, 3]
    with pytest.raises(rnn_lm.SettingError, match="previous"):
        model.word_surprisal("a", previous=-1)


def test_a_text_of_one_sentence_gets_no_interval_but_its_table(arpa, tmp_path):
    (tmp_path / "one.txt").write_text("a b\n")
    out = tmp_path / "out.tsv"
    assert main(["evaluate", str(arpa), "--text", str(tmp_path / "one.txt"), "--surprisal", str(out)]) == 0
    assert [row["token"] for row in table(out.read_text())] == ["a", "b", "<eos>"]


def test_evaluate_agrees_with_kenlm_with_and_without_unknown_words(arpa, tmp_path):
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed: pip install kenlm")
    config = kenlm.Config()
    config.show_progress = False
    lines = ["a b", "zebra a", "a b a zebra zebra", "b"] * 12
    (tmp_path / "text.txt").write_text("\n".join(lines))
    assert main(["evaluate", str(arpa), "--text", str(tmp_path / "text.txt"), "--json", str(tmp_path / "x.json")]) == 0
    found = json.loads((tmp_path / "x.json").read_text())["policies"]["sentence"]["models"][0]
    model = kenlm.LanguageModel(str(arpa), config)
    theirs = [one for line in lines for one in model.full_scores(line)]
    known = [score for score, _, unknown in theirs if not unknown]
    perplexity = found["score"]
    assert perplexity["perplexity"] == pytest.approx(10 ** -(sum(one for one, *_ in theirs) / len(theirs)), rel=1e-4)
    assert perplexity["perplexity_without_unk"] == pytest.approx(10 ** -(sum(known) / len(known)), rel=1e-4)
