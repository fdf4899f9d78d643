"""The page of ``rnn-lm evaluate --suite --report``: tables and figures of suites, which need nothing else."""

from __future__ import annotations

import datetime
from importlib.metadata import version
from pathlib import Path

from rnn_lm.files import write_atomically
from rnn_lm.report.figures_suites import has_published, level_figures
from rnn_lm.report.html import Head, page_html
from rnn_lm.report.sections import Block, Details, Figure, Paragraph, Section
from rnn_lm.report.suites import by_suite, mean_text
from rnn_lm.suites.figures import SuiteFigures, SuitesEvaluated


def write_suites_page(evaluated: SuitesEvaluated, path: Path) -> None:
    """Write the figures of models on suites as one HTML file; raises ``UserError`` where it cannot be written."""
    write_atomically(path, suites_page(evaluated))


def suites_page(evaluated: SuitesEvaluated) -> str:
    """Return the page as text, a section for each suite."""
    names = list(dict.fromkeys(model.name for suite in evaluated.suites for model in suite.models))
    run = f"{', '.join(names)} on {', '.join(suite.name for suite in evaluated.suites)}."
    made = f"rnn_lm {version('rnn-lm')}, {datetime.date.today().isoformat()}"
    sections = [_section(number, suite) for number, suite in enumerate(evaluated.suites, start=1)]
    return page_html(Head("Language models on minimal pairs", run, made, _outcome(evaluated)), sections)


def _outcome(evaluated: SuitesEvaluated) -> str:
    found = []
    for suite in evaluated.suites:
        best = max(suite.models, key=lambda model: model.accuracy.value)
        found.append(f"{suite.name}: {best.name} {100 * best.accuracy.value:.1f}%")
    return f"The most pairs right, of those answered: {'; '.join(found)}."


def _section(number: int, suite: SuiteFigures) -> Section:
    tables = by_suite(suite)
    blocks: list[Block] = [Paragraph(_way(suite)), tables[0]]
    rest = tables[1:]
    for level, chart in level_figures(suite):
        gray = (
            "; gray ticks: as published, not measured here, by name in the numbers"
            if has_published(suite, level)
            else ""
        )
        caption = f"Accuracy by {level}, with 95% intervals over pairs (Wilson){gray}."
        description = f"{caption} {_described(suite, level)}"
        numbers = tuple(table for table in rest if table.caption.endswith(f" by {level}"))
        rest = [table for table in rest if table not in numbers]
        blocks.append(Figure(f"suite-{number}-{level}", chart, caption, description, numbers))
    if rest:
        blocks.append(Details("More groups", tuple(rest)))
    return Section(suite.name, f"suite-{number}", tuple(blocks))


def _way(suite: SuiteFigures) -> str:
    compared = "the word that decides, after its beginning" if suite.reading == "word" else "what the format compares"
    read = "each text from the initial state" if suite.policy == "sentence" else "the state carried over the whole file"
    return f"{suite.format}, {suite.questions:,} pairs from {Path(suite.source).name}: {compared}; {read}."


def _described(suite: SuiteFigures, level: str) -> str:
    """The figure in words: how many groups, and each model's mean over them."""
    groups = sum(group.level == level for group in suite.models[0].groups)
    means = "; ".join(f"{model.name} {mean_text(model.by_paradigm)}" for model in suite.models)
    return f"{groups} groups. Mean over paradigms in %: {means}."
