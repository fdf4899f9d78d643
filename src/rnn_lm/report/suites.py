"""The figures of suites of minimal pairs as tables, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterator

from rnn_lm.evaluation.intervals import Interval
from rnn_lm.report.numbers import MISSING
from rnn_lm.report.tables import Column, Table, text_column
from rnn_lm.report.terminal import tables_text
from rnn_lm.suites.comparison import PairedTest
from rnn_lm.suites.figures import SuiteFigures, SuitesEvaluated, Tally

NOTE = (
    "accuracy: right / (right + wrong), in %; equally probable texts are no answer.\n"
    "Covered: pairs whose deciding words the model knows. Intervals of 95% over pairs (Wilson)"
)


def suite_lines(evaluated: SuitesEvaluated) -> Iterator[str]:
    """Every line that ``rnn-lm evaluate --suite`` prints."""
    yield from tables_text(suite_tables(evaluated)).splitlines()


def suite_tables(evaluated: SuitesEvaluated) -> list[Table]:
    """Two tables for each suite: the models, and the groups."""
    return [table for suite in evaluated.suites for table in (_models(suite), *_groups(suite))]


def _models(suite: SuiteFigures) -> Table:
    several = len(suite.models) > 1
    columns = (text_column("Model"), Column("Accuracy"), Column("No answer"), Column("Covered"), Column("of covered"))
    rows = tuple(
        (
            model.name,
            _with_interval(model.accuracy),
            f"{model.overall.all.unanswered:,}",
            f"{model.overall.covered.count:,}",
            _with_interval(model.overall.covered.accuracy),
            *([_paired(model.paired)] if several else []),
        )
        for model in suite.models
    )
    notes = (NOTE, *_means(suite))
    if several:
        columns += (text_column("Beside the first"),)
        notes += (f"beside {suite.models[0].name}: on pairs that both cover and answer; exact McNemar test",)
    return Table(f"{suite.name}: {suite.format}, {suite.questions:,} pairs", columns, rows, notes=notes)


def _means(suite: SuiteFigures) -> Iterator[str]:
    """The mean over paradigms, where there are several."""
    for model in suite.models:
        paradigms = sum(group.level == "paradigm" for group in model.groups)
        if paradigms > 1 and model.mean_over_paradigms is not None:
            yield f"{model.name}: mean of {paradigms} paradigms {100 * model.mean_over_paradigms:.1f}"


def _groups(suite: SuiteFigures) -> Iterator[Table]:
    """A table for each level with more than one group."""
    levels = dict.fromkeys(group.level for group in suite.models[0].groups)
    for level in levels:
        by_model = [[group for group in model.groups if group.level == level] for model in suite.models]
        if len(by_model[0]) < 2:
            continue
        names = [model.name for model in suite.models]
        columns = [text_column(level.capitalize()), Column("Pairs")]
        for name in names:
            own = f"{name}: " if len(names) > 1 else ""
            columns += [Column(f"{own}accuracy"), Column(f"{own}of covered")]
        rows = tuple(
            (
                groups[0].name,
                f"{groups[0].all.count:,}",
                *(cell for group in groups for cell in (_of_answered(group.all), _of_covered(group.covered))),
            )
            for groups in zip(*by_model, strict=True)
        )
        yield Table(f"{suite.name} by {level}", tuple(columns), rows)


def _with_interval(accuracy: Interval) -> str:
    if accuracy.low is None or accuracy.high is None:
        return MISSING
    return f"{100 * accuracy.value:.1f} [{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}]"


def _of_answered(tally: Tally) -> str:
    """The accuracy with its interval, and of how many where some have no answer."""
    answered = f" of {tally.right + tally.wrong:,}" if 0 < tally.unanswered < tally.count else ""
    return f"{_with_interval(tally.accuracy)}{answered}"


def _of_covered(tally: Tally) -> str:
    """The accuracy, and of how many."""
    answered = tally.right + tally.wrong
    return f"{100 * tally.accuracy.value:.1f} of {answered:,}" if answered else MISSING


def _paired(paired: PairedTest | None) -> str:
    if paired is None:
        return ""
    if paired.difference is None:
        return "no pair that both cover and answer"
    return f"{100 * paired.difference:+.1f}, p = {paired.p_value:.2g}"
