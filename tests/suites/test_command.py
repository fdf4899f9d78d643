"""``rnn-lm evaluate --suite`` from end to end, with the kept models of version 0.1, and a format from elsewhere."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import rnn_lm
from refusals import refused
from rnn_lm.cli import main
from rnn_lm.progress import SilentProgress
from rnn_lm.suites import FORMATS, Pair, SuiteFormat, open_suite

GOLDEN = Path(__file__).parents[1] / "golden" / "run-0.1"
MODELS = [str(GOLDEN / name) for name in ("lstm", "ngram")]


@pytest.fixture
def pairs(tmp_path):
    """Sentences of the models' corpus, and the same backwards; one of words that nobody knows."""
    lines = (GOLDEN / "corpus" / "test.txt").read_text().splitlines()[:30]
    rows = [f"{line}\t{' '.join(reversed(line.split()))}\tbackwards" for line in lines if len(line.split()) > 2]
    path = tmp_path / "mine.tsv"
    path.write_text("\n".join([*rows, "qwx zzv .\tzzv qwx .\tunknown"]) + "\n")
    return path


def test_models_are_shown_side_by_side_and_every_answer_is_written(capsys, pairs, tmp_path):
    table, figures = tmp_path / "answers.tsv", tmp_path / "figures.json"
    arguments = ["evaluate", *MODELS, "--suite", str(pairs), "--suite-results", str(table), "--json", str(figures)]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "mine: pairs" in said
    assert "against lstm: on pairs that both cover and answer" in said
    assert "mine by paradigm" in said
    with table.open() as file:
        rows = list(csv.DictReader(file, dialect="excel-tab"))
    count = len(pairs.read_text().splitlines())
    assert [row["model"] for row in rows] == ["lstm"] * count + ["ngram"] * count
    assert list(rows[0]) == ["suite", "paradigm", "item", "good_logprob", "bad_logprob", "correct", "covered", "model"]
    assert (rows[count - 1]["correct"], rows[count - 1]["covered"]) == ("", "0")
    found = json.loads(figures.read_text())["suites"][0]["models"]
    for model in found:
        right = [row["correct"] == "1" for row in rows if row["model"] == model["name"]]
        assert model["all"]["right"] == sum(right)
        assert model["all"]["unanswered"] == 1
    assert found[1]["paired"]["baseline"] == "lstm"
    assert "add --overwrite" in refused(capsys, *arguments)
    assert main([*arguments, "--overwrite"]) == 0


def test_from_python_it_is_the_same(pairs):
    evaluation = rnn_lm.load(MODELS[1], progress=False).evaluate(pairs)
    assert evaluation["mine"]["ngram"].accuracy.value > 0.5
    assert "mine: pairs" in repr(evaluation)
    assert "<table" in evaluation._repr_html_()
    with pytest.raises(rnn_lm.MissingFileError, match="nothing.tsv"):
        rnn_lm.load(MODELS[1], progress=False).evaluate(["nothing.tsv"])


def test_several_models_from_python_and_the_page(pairs, tmp_path):
    evaluation = rnn_lm.evaluate(MODELS, suite=pairs, reading=["sentence", "word"], progress=False)
    assert [model.name for model in evaluation["mine"].models] == ["lstm", "ngram"]
    evaluation.report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<figure" in page
    assert "mine by paradigm" in page
    with pytest.raises(rnn_lm.SettingError, match="reading must be 'sentence' or 'word'"):
        rnn_lm.evaluate(MODELS, suite=pairs, reading=[], progress=False)
    with pytest.raises(rnn_lm.UserError, match="leave text and encoding out"):
        rnn_lm.evaluate(MODELS, suite=pairs, text="the", progress=False)  # pyright: ignore


def test_two_suites_of_one_name_are_refused(capsys, pairs):
    assert "another suite is called 'mine'" in refused(capsys, "evaluate", *MODELS, "--suite", str(pairs), str(pairs))


class Stars(SuiteFormat):
    """``good * bad``."""

    label = "stars"

    def recognizes(self, file):
        return file.suffix == ".stars"

    def read(self, file):
        for number, line in file.lines():
            good, bad = line.split(" * ")
            yield Pair(paradigm="stars", item=str(number), where=file.at(number), good=good, bad=bad)


def test_a_format_from_elsewhere_is_read(monkeypatch, tmp_path):
    monkeypatch.setitem(FORMATS._entries, "stars", Stars)
    path = tmp_path / "x.stars"
    path.write_text("it is * it are\n")
    (suite,) = open_suite(path, SilentProgress())
    assert (suite.format, suite.questions[0].texts()) == ("stars", (("it is",), ("it are",)))


def test_a_group_says_of_how_many_where_some_have_no_answer(capsys, pairs):
    pairs.write_text(pairs.read_text().replace("\tunknown", "\tbackwards") + "the .\t. the\tanother\n")
    assert main(["evaluate", MODELS[1], "--suite", str(pairs)]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("backwards"))
    count = int(line.split()[1])
    assert f" of {count - 1} " in line


@pytest.mark.parametrize("flags", ["--split valid", "--text a.txt", "--surprisal a.tsv", "--adapt cache"])
def test_what_belongs_to_a_text_is_refused_with_a_suite(capsys, pairs, flags):
    said = refused(capsys, "evaluate", MODELS[0], "--suite", str(pairs), *flags.split())
    assert f"{flags} does nothing with" in said
