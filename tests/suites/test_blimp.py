"""BLiMP's format: whole sentences, scored as an independent loop scores them."""

from __future__ import annotations

import json
import zipfile

import pytest

from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress
from rnn_lm.suites import open_suite
from rnn_lm.suites.evaluate import evaluate_suites
from rnn_lm.suites.opening import asked_so
from rnn_lm.suites.published import published
from rnn_lm.suites.scoring import answer
from rnn_lm.text.words import words

QUIET = SilentProgress()


@pytest.fixture(params=[25, pytest.param(100, marks=pytest.mark.slow)])
def part(request, shared, tmp_path):
    """The first pairs of two paradigms, as a zip with a folder in it."""
    path = tmp_path / "blimp.zip"
    with zipfile.ZipFile(shared("blimp/BLiMP.zip")) as whole, zipfile.ZipFile(path, "w") as archive:
        archive.writestr("README.md", "what it is")
        for name in ("anaphor_number_agreement", "wh_island"):
            lines = whole.read(f"data/{name}.jsonl").splitlines(keepends=True)[: request.param]
            archive.writestr(f"data/{name}.jsonl", b"".join(lines))
    return path


@pytest.fixture
def records(part):
    with zipfile.ZipFile(part) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith("jsonl"))
        return [json.loads(line) for name in names for line in archive.read(name).splitlines()]


def test_an_independent_scorer_agrees(part, records, model_of, by_steps):
    model = model_of(*(one[f"sentence_{which}"] for one in records for which in ("good", "bad")))
    (suite,) = open_suite(part, QUIET)
    found = answer(model, suite)
    assert len(found.right_q) == len(records)
    for record, right, good, bad in zip(records, found.right_q, found.good_q, found.bad_q, strict=True):
        ours, theirs = (sum(by_steps(model, words(record[f"sentence_{which}"].lower()))) for which in ("good", "bad"))
        assert (good, bad) == (pytest.approx(ours, abs=1e-9), pytest.approx(theirs, abs=1e-9))
        assert right == (ours > theirs)


def test_prefixes_are_read_as_the_file_says(part, records, model_of, by_steps):
    model = model_of(*(one[f"sentence_{which}"] for one in records for which in ("good", "bad")))
    whole, by_word = asked_so(open_suite(part, QUIET), ("sentence", "word"))
    assert (whole.name, by_word.name, len(by_word.questions)) == ("blimp", "blimp, the word", len(records))
    found = answer(model, by_word)
    for index, record in enumerate(one for one in records if one["one_prefix_method"]):
        before = words(record["one_prefix_prefix"].lower())
        ours, theirs = (
            by_steps(model, [*before, record[f"one_prefix_word_{which}"]])[len(before)] for which in ("good", "bad")
        )
        assert (found.good_q[index], found.bad_q[index]) == (pytest.approx(ours), pytest.approx(theirs))


TWO = {
    "sentence_good": "No dog has ever run.", "sentence_bad": "The dog has ever run.", "UID": "npi", "pairID": "0",
    "two_prefix_method": True, "two_prefix_prefix_good": "No dog has", "two_prefix_prefix_bad": "The dog has",
    "two_prefix_word": " ever",
}  # fmt: skip


def test_two_prefixes_ask_for_one_word_after_both(tmp_path, model_of, by_steps):
    (tmp_path / "x.jsonl").write_text(json.dumps(TWO))
    model = model_of(TWO["sentence_good"], TWO["sentence_bad"])
    (suite,) = asked_so(open_suite(tmp_path / "x.jsonl", QUIET), ("word",))
    assert suite.questions[0].groups == {"method": "two beginnings"}
    found = answer(model, suite)
    ours, theirs = (by_steps(model, [one, "dog", "has", "ever"])[3] for one in ("no", "the"))
    assert (found.good_q[0], found.bad_q[0]) == (pytest.approx(ours), pytest.approx(theirs))


def test_a_prefix_that_is_promised_and_missing_is_named_with_its_line(tmp_path):
    (tmp_path / "x.jsonl").write_text(json.dumps({**TWO, "two_prefix_word": ""}))
    with pytest.raises(UserError, match=r'x.jsonl: line 1: "two_prefix_word" is blank'):
        open_suite(tmp_path / "x.jsonl", QUIET)


def test_figures_as_published_are_those_of_the_authors(shared):
    rows = [json.loads(line) for line in shared("blimp/published_accuracies.jsonl").read_text().splitlines()]
    paradigms = [row["UID"] for row in rows if row["UID"] != "overall"]
    for system, key in zip(published("BLiMP", "sentence", paradigms), ("ngram", "lstm", "txl", "gpt2"), strict=True):
        for row in rows:
            level = "paradigm" if row["UID"] != "overall" else "phenomenon"
            name = row["UID"] if level == "paradigm" else row["linguistics_term"]
            group = ("mean", "") if name == "overall" else (level, name)
            assert system.groups[group] == pytest.approx(row[key], abs=1e-6)
    assert not published("BLiMP", "word", paradigms)
    assert ("phenomenon", "ellipsis") not in published("BLiMP", "sentence", ["ellipsis_n_bar_1"])[0].groups


def test_figures_are_by_field_phenomenon_and_paradigm(part, records, model_of):
    model = model_of(*(one["sentence_good"] + one["sentence_bad"] for one in records))
    figures = evaluate_suites([model], open_suite(part, QUIET), QUIET)["blimp"]["small"]
    assert [group.level for group in figures.groups] == [
        level for level in ("field", "phenomenon", "paradigm") for _ in "ab"
    ]
    paradigm = figures["wh_island"].all
    right = sum(group.all.right for group in figures.groups if group.level == "paradigm")
    assert (paradigm.count, right) == (len(records) // 2, figures.overall.all.right)
    assert figures.mean_over_paradigms == pytest.approx(figures.accuracy.value)
