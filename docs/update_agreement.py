"""Put agreement on real text into a page: stored models on Linzen et al.'s sentences, and on their corpus' own words.

    python docs/update_agreement.py docs/probes.md --runs RUN RUN... --linzen FOLDER --title "Penn Treebank"

The first run is what the others are compared with, pair by pair. Between ``<!-- agreement TITLE -->`` and a line with a
slash it writes accuracy by attractors with coverage and McNemar's test, and on pairs of the corpus' own words accuracy
by attractors and by distance; beside the page, ``figures/agreement-TITLE.png``.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import altair as alt
from markers import put

from rnn_lm.labels import label_of
from rnn_lm.models.storage import StoredModel, load_model
from rnn_lm.probes.natural import natural_results, natural_suite
from rnn_lm.progress import SilentProgress
from rnn_lm.report import numbers
from rnn_lm.report.markdown import table_markdown
from rnn_lm.report.style import ModelScales, model_legend, save_chart
from rnn_lm.report.tables import Column, Table, text_column
from rnn_lm.seeding import generator
from rnn_lm.suites.evaluate import evaluate_suites, open_suites
from rnn_lm.suites.figures import SuiteModel

ITEMS = 400
"""Own pairs per construction."""


def kind(stored: StoredModel) -> str:
    """The registered name that a folder of ``compare`` begins with: "lstm" of "lstm-seed1"."""
    return re.sub(r"-(seed\d+|sentence|stream)$", "", stored.name)


def linzen_table(models: Sequence[SuiteModel], names: Sequence[str]) -> tuple[Table, list[dict]]:
    """A row per model: coverage, accuracy by attractors on covered pairs, and the test."""
    levels = [group.name for group in models[0].groups if group.level == "attractors"]
    columns = (text_column("Model"), Column("Covered"), Column("All"), *(Column(one) for one in sorted(levels)),
               Column("Against the first, p"))  # fmt: skip
    rows, points = [], []
    for name, model in zip(names, models, strict=True):
        covered = model.overall.covered
        cells = []
        for level in sorted(levels):
            found = model[f"attractors: {level}"].covered.accuracy
            cells.append(f"{found.value:.1%}")
            points.append({"model": label_of(name), "at": level, "accuracy": found.value, "low": found.low,
                           "high": found.high, "panel": "Linzen et al.: attractors"})  # fmt: skip
        tested = "–" if model.paired is None else (
            f"{model.paired.difference:+.1%}, {numbers.p_value(model.paired.p_value)}"
        )  # fmt: skip
        rows.append((label_of(name), f"{covered.count:,}", f"{covered.accuracy.value:.1%}", *cells, tested))
    return Table(
        "Sentences of Linzen et al. (2016): accuracy on covered pairs, by attractors", columns, tuple(rows)
    ), points


def own_tables(stored: Sequence[StoredModel], names: Sequence[str]) -> tuple[list[Table], list[dict]]:
    """Accuracy on minimal pairs of the corpus' own words, by attractors and by distance."""
    vocabulary = stored[0].vocabulary
    suite = natural_suite(vocabulary, ITEMS, generator(0, "natural suite"))
    if suite is None:
        return [], []
    models = {name: [one.model] for name, one in zip(names, stored, strict=True)}
    found = natural_results(models, suite, vocabulary)
    tables, points = [], []
    for field, caption in (("attractors", "attractors"), ("distance", "tokens between subject and verb")):
        cells = {(cell["model"], cell[field]): cell for cell in found[f"by_{field}"]}
        values = sorted({value for _, value in cells})
        rows = [
            (label_of(name), *(f"{cells[name, value]['accuracy']:.1%}" for value in values)) for name in names
        ]  # fmt: skip
        title = f"{len(suite):,} pairs of the corpus' own words: accuracy by {caption}"
        tables.append(Table(title, (text_column("Model"), *(Column(str(v)) for v in values)), tuple(rows)))
        points += [
            {"model": label_of(name), "at": str(value), "accuracy": cell["accuracy"], "low": cell["low"],
             "high": cell["high"], "panel": f"Own words: {field}"}
            for (name, value), cell in cells.items()
        ]  # fmt: skip
    return tables, points


def figure(points: Sequence[dict], names: Sequence[str]) -> alt.TopLevelMixin:
    """Accuracy of every model with 95% intervals, a panel per way of dividing the pairs."""
    scales = ModelScales({name: label_of(name) for name in names})
    panels = []
    for panel in dict.fromkeys(point["panel"] for point in points):
        rows = [point for point in points if point["panel"] == panel]
        base = alt.Chart(alt.InlineData(values=rows), width=240, height=240, title=panel)
        y = alt.Y("accuracy:Q", title="Accuracy", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
        x = alt.X("at:O", title=panel.split(": ")[1].capitalize(), axis=alt.Axis(labelAngle=0))
        bars = base.mark_rule(strokeWidth=1.5).encode(
            x=x, y=y.copy(), y2="high:Q", color=scales.color(model_legend())
        )  # fmt: skip
        bars.encoding.y.shorthand = "low:Q"
        # Not lines_with_markers: panels side by side would share its named selections, and their data.
        line = base.mark_line().encode(x=x, y=y, color=scales.color(model_legend()), strokeDash=scales.dash())
        points_layer = base.mark_point(size=45, filled=True).encode(
            x=x, y=y, color=scales.color(model_legend()), shape=scales.marker(model_legend())
        )
        panels.append(bars + line + points_layer)
    return alt.hconcat(*panels, spacing=24)


def main() -> None:
    """Rewrite the page and draw."""
    parser = argparse.ArgumentParser(description="Put agreement on real text into a page.")
    parser.add_argument("page", type=Path)
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--linzen", type=Path, required=True)
    parser.add_argument("--title", required=True)
    arguments = parser.parse_args()
    stored = [load_model(run) for run in arguments.runs]
    names = [kind(one) for one in stored]
    (suite,) = open_suites([arguments.linzen], SilentProgress())
    (evaluated,) = evaluate_suites(stored, [suite], SilentProgress()).suites
    linzen, points = linzen_table(evaluated.models, names)
    own, more = own_tables(stored, names)
    key = re.sub(r"\W+", "-", arguments.title.lower())
    image = arguments.page.parent / "figures" / f"agreement-{key}.png"
    save_chart(figure([*points, *more], names), image)
    picture = f"![Agreement on real text, models of {arguments.title}](figures/{image.name})"
    text = "\n\n".join([picture, f"Of {evaluated.questions:,} sentences.", *map(table_markdown, [linzen, *own])])
    page = arguments.page.read_text(encoding="utf-8")
    arguments.page.write_text(put(page, f"agreement {key}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
