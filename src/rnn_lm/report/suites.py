"""The figures of suites of minimal pairs as tables, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterator

from rnn_lm.evaluation.intervals import Interval
from rnn_lm.report.numbers import MISSING
from rnn_lm.report.tables import Column, Table, text_column
from rnn_lm.report.terminal import WIDTH, tables_text
from rnn_lm.suites.comparison import PairedTest
from rnn_lm.suites.figures import SuiteFigures, SuitesEvaluated, Tally
from rnn_lm.suites.published import Published, published

NOTE = (
    "accuracy: right / (right + wrong), in %; equally probable texts are no answer.\n"
    "Covered: pairs whose deciding words the model knows. Intervals of 95% over pairs (Wilson), as if each were drawn\n"
    "by itself; of a mean of paradigms over paradigms (Student): what it would be on other paradigms of the kind"
)


def suite_lines(evaluated: SuitesEvaluated, width: int = WIDTH) -> Iterator[str]:
    """Every line that ``rnn-lm evaluate --suite`` prints, in ``width`` columns."""
    yield from tables_text(suite_tables(evaluated), width).splitlines()


def suite_tables(evaluated: SuitesEvaluated) -> list[Table]:
    """Two tables for each suite: the models, and the groups."""
    return [table for suite in evaluated.suites for table in by_suite(suite)]


def by_suite(suite: SuiteFigures) -> list[Table]:
    """The table of the models on one suite, and one for each level of groups."""
    return [_models(suite), *_groups(suite)]


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
    notes = (NOTE, *_means(suite), *_published_means(suite))
    if several:
        columns += (text_column("Against the first"),)
        notes += (f"against {suite.models[0].name}: on pairs that both cover and answer; exact McNemar test",)
    caption = f"{suite.name}: {suite.format}, {suite.questions:,} pairs"
    if suite.reading == "word":
        caption += ", asked of the word that decides"
    if suite.policy == "stream":
        caption += ", the state carried over the file"
    return Table(caption, columns, rows, notes=notes)


def _means(suite: SuiteFigures) -> Iterator[str]:
    """The mean over paradigms, where there are several."""
    for model in suite.models:
        paradigms = sum(group.level == "paradigm" for group in model.groups)
        if paradigms > 1 and model.mean_over_paradigms is not None:
            over = model.paired.by_paradigm if model.paired is not None else None
            beside = "" if over is None else f"; against {suite.models[0].name} {_difference(over)}"
            yield f"{model.name}: mean of {paradigms} paradigms {mean_text(model.by_paradigm)}{beside}"


def _published_means(suite: SuiteFigures) -> Iterator[str]:
    """The same as published, a line for each source."""
    by_source: dict[str, list[str]] = {}
    for one in published_on(suite):
        if ("mean", "") in one.groups:
            by_source.setdefault(one.source, []).append(f"{one.system} {100 * one.groups['mean', '']:.1f}")
    yield from (f"as published ({source}), mean: {', '.join(found)}" for source, found in by_source.items())


def published_on(suite: SuiteFigures) -> list[Published]:
    """What was published on a suite."""
    paradigms = [group.name for group in suite.models[0].groups if group.level == "paradigm"]
    return published(suite.format, suite.reading, paradigms)


def _groups(suite: SuiteFigures) -> Iterator[Table]:
    """A table for each level with more than one group."""
    levels = dict.fromkeys(group.level for group in suite.models[0].groups)
    for level in levels:
        by_model = [[group for group in model.groups if group.level == level] for model in suite.models]
        if len(by_model[0]) < 2:
            continue
        names = [model.name for model in suite.models]
        beside = [one for one in published_on(suite) if any((level, group.name) in one.groups for group in by_model[0])]
        columns = [text_column(level.capitalize()), Column("Pairs")]
        for name in names:
            own = f"{name}: " if len(names) > 1 else ""
            columns += [Column(f"{own}accuracy"), Column(f"{own}of covered")]
        columns += [Column(f"{one.system}, published") for one in beside]
        rows = tuple(
            (
                groups[0].name,
                f"{groups[0].all.count:,}",
                *(cell for group in groups for cell in (_of_answered(group.all), _of_covered(group.covered))),
                *(_as_published(one, level, groups[0].name) for one in beside),
            )
            for groups in zip(*by_model, strict=True)
        )
        sources = ", ".join(dict.fromkeys(one.source for one in beside))
        notes = (f"published: {sources}; not measured here",) if beside else ()
        yield Table(f"{suite.name} by {level}", tuple(columns), rows, notes=notes)


def _as_published(one: Published, level: str, name: str) -> str:
    value = one.groups.get((level, name))
    return MISSING if value is None else f"{100 * value:.1f}"


def mean_text(mean: Interval) -> str:
    """A mean over paradigms with its interval, where there is one."""
    return f"{100 * mean.value:.1f}" if mean.low is None else _with_interval(mean)


def _difference(over: Interval) -> str:
    assert over.low is not None and over.high is not None  # noqa: PT018 (else there is no such interval)
    return f"{100 * over.value:+.1f} [{100 * over.low:+.1f}, {100 * over.high:+.1f}]"


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
