"""BLiMP's format: whole sentences, scored as an independent loop scores them."""

from __future__ import annotations

import json
import zipfile

import pytest

from rnn_lm.progress import SilentProgress
from rnn_lm.suites import open_suite
from rnn_lm.suites.evaluate import evaluate_suites
from rnn_lm.suites.scoring import answer
from rnn_lm.text.words import words

QUIET = SilentProgress()


@pytest.fixture
def part(shared, tmp_path):
    """The first 25 pairs of two paradigms, as a zip with a folder in it."""
    path = tmp_path / "blimp.zip"
    with zipfile.ZipFile(shared("blimp/BLiMP.zip")) as whole, zipfile.ZipFile(path, "w") as archive:
        archive.writestr("README.md", "what it is")
        for name in ("anaphor_number_agreement", "wh_island"):
            lines = whole.read(f"data/{name}.jsonl").splitlines(keepends=True)[:25]
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
    assert len(found.right_q) == 50
    for record, right, good, bad in zip(records, found.right_q, found.good_q, found.bad_q, strict=True):
        ours, theirs = (sum(by_steps(model, words(record[f"sentence_{which}"].lower()))) for which in ("good", "bad"))
        assert (good, bad) == (pytest.approx(ours, abs=1e-9), pytest.approx(theirs, abs=1e-9))
        assert right == (ours > theirs)


def test_figures_are_by_field_phenomenon_and_paradigm(part, records, model_of):
    model = model_of(*(one["sentence_good"] + one["sentence_bad"] for one in records))
    figures = evaluate_suites([model], open_suite(part, QUIET), QUIET)["blimp"]["small"]
    assert [group.level for group in figures.groups] == [
        level for level in ("field", "phenomenon", "paradigm") for _ in "ab"
    ]
    paradigm = figures["wh_island"].all
    right = sum(group.all.right for group in figures.groups if group.level == "paradigm")
    assert (paradigm.count, right) == (25, figures.overall.all.right)
    assert figures.mean_over_paradigms == pytest.approx(figures.accuracy.value)
