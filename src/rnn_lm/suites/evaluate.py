"""Stored models on suites, side by side; and the table of every single answer."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rnn_lm.errors import UserError
from rnn_lm.evaluation.score import Policy
from rnn_lm.files import write_atomically
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.suites.comparison import PairedTest
from rnn_lm.suites.figures import GroupFigures, SuiteFigures, SuiteModel, SuitesEvaluated, Tally, groups_of
from rnn_lm.suites.opening import Reading, Suite, asked_so, open_suite
from rnn_lm.suites.scoring import Answers, answer, prepare

RESULT_COLUMNS = ("suite", "paradigm", "item", "good_logprob", "bad_logprob", "correct", "covered", "model")


def open_suites(
    paths: Sequence[Path],
    progress: Progress,
    readings: Sequence[Reading] = ("sentence",),
    policies: Sequence[Policy] = ("sentence",),
) -> list[Suite]:
    """Return the suites at some paths, in every way in which they are to be asked (``asked_so``).

    Raises:
        UserError: one cannot be read or asked so, or two have one name.
    """
    suites = asked_so([suite for path in paths for suite in open_suite(path, progress)], readings, policies)
    for index, suite in enumerate(suites):
        if any(other.name == suite.name for other in suites[:index]):
            raise UserError(
                f"--suite {suite.source}: another suite is called {suite.name!r}, too; give each its own name"
            )
    return suites


def evaluate_suites(models: Sequence[StoredModel], suites: Sequence[Suite], progress: Progress) -> SuitesEvaluated:
    """Return every model's figures on every suite; models after the first are compared with it, pair by pair.

    Raises:
        UserError: a model knows the deciding words of no question of a suite, which is found before any is scored.
    """
    prepared = [[prepare(stored, suite) for stored in models] for suite in suites]
    found = []
    for suite, reading in zip(suites, prepared, strict=True):
        answers = [answer(stored, suite, one, progress=progress) for stored, one in zip(models, reading, strict=True)]
        found.append(figures_of(suite, [stored.name for stored in models], answers))
    return SuitesEvaluated(tuple(found))


def figures_of(suite: Suite, names: Sequence[str], answers: Sequence[Answers]) -> SuiteFigures:
    """Return the figures on one suite, given the models' names and what each of them answered."""
    levels = _levels(suite)
    paradigms, models = [question.paradigm for question in suite.questions], []
    for name, one in zip(names, answers, strict=True):
        overall = GroupFigures("suite", suite.name, Tally.of(one.right_q), Tally.of(one.right_q[one.covered_q]))
        paired = PairedTest.of(names[0], one, answers[0], paradigms) if models else None
        models.append(SuiteModel(name, overall, groups_of(levels, one), paired, one))
    return SuiteFigures(
        suite.name, suite.format, suite.source, len(suite.questions), tuple(models), suite.reading, suite.policy
    )


def _levels(suite: Suite) -> list[tuple[str, list[str]]]:
    """The levels of a suite's groups, the coarsest first: those with more groups come later."""
    names = dict.fromkeys(level for question in suite.questions for level in question.groups)
    levels = [(level, [question.groups.get(level, "") for question in suite.questions]) for level in names]
    levels.append(("paradigm", [question.paradigm for question in suite.questions]))
    return sorted(levels, key=lambda level: len(set(level[1])))


def write_results(path: Path, suites: Sequence[Suite], evaluated: SuitesEvaluated) -> None:
    """Write every answer as tab-separated values: ``RESULT_COLUMNS``, log-probabilities in nats.

    ``correct`` is 1 or 0, and blank for no answer; ``covered`` is 1 or 0. Log-probabilities are blank where a formula
    compares more than two.

    Raises:
        UserError: the file cannot be written.
    """
    table = io.StringIO()
    writer = csv.writer(table, "excel-tab", lineterminator="\n")
    writer.writerow(RESULT_COLUMNS)
    for suite, figures in zip(suites, evaluated.suites, strict=True):
        for model in figures.models:
            for question, right, covered, good, bad in zip(
                suite.questions, *_columns(model.answers), strict=True
            ):  # fmt: skip
                correct = "" if right < 0 else right
                cells = (question.paradigm, question.item, _cell(good), _cell(bad), correct, int(covered))
                writer.writerow((suite.name, *cells, model.name))
    write_atomically(path, table.getvalue())


def _columns(answers: Answers) -> tuple[list[int], list[bool], list[float], list[float]]:
    columns: Sequence[np.ndarray] = (answers.right_q, answers.covered_q, answers.good_q, answers.bad_q)
    right, covered, good, bad = (column.tolist() for column in columns)
    return right, covered, good, bad


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6f}"
