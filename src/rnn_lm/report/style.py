"""How every figure looks: one color, dash and marker per model, one altair theme, one way to save.

The colors are Okabe and Ito's palette for all kinds of color vision ("Color Universal Design", 2008). Each model also
has its own dash and marker, so that a figure keeps its meaning in a black-and-white print.

Figures are made by ``report/figures_*.py`` from plain result dicts. They say which model a row belongs to in a field
``model`` that holds the model's label, and take the three channels from ``ModelScales``::

    scales = ModelScales({"lstm": "LSTM", "rnn": "RNN"})
    base = alt.Chart(alt.Data(values=rows)).encode(x="step:Q", y="norm:Q")
    save_chart(lines_with_markers(base, scales), Path("norms.png"))

The theme uses the few neutral colors named here and nothing else, which lets the report's style sheet swap them in a
dark page without drawing the figure again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import altair as alt

from rnn_lm.errors import UserError
from rnn_lm.files import make_folder, write_atomically
from rnn_lm.labels import ModelStyle, style_of
from rnn_lm.report.drawing import DrawingFailed, draw

INK = "#1f2328"
"""Titles and labels."""
MUTED = "#5b636d"
"""Tick labels, reference lines and whatever should stand back."""
RULE = "#c9ced6"
"""Axis lines and ticks."""
GRID = "#e8ebef"
"""Grid lines."""
PAPER = "#ffffff"
"""What a figure is drawn on."""

FIGURE_WIDTH = 680
"""Default width of a figure in px, where it is not stretched to the page."""
FIGURE_HEIGHT = 300
"""Default height of a figure in px."""

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


HOUSE_MODELS = ["ngram", "rnn", "gru", "lstm", "lstm-random", "attention"]
"""The models whose colors an altair chart of one's own goes through, in this order."""

SPARE_STYLES = (
    ModelStyle("#e69f00", (4, 4), "triangle-right"),
    ModelStyle("#7a6a00", (14, 3, 3, 3), "triangle-left"),
    ModelStyle("#8c510a", (5, 2), "wedge"),
)


Say = Callable[[str], None]
"""What is told of a figure that is missing: a progress' ``say``."""


def model_styles(names: list[str]) -> dict[str, ModelStyle]:
    """The style of each of ``names``: its fixed one, or for an unknown name a spare one, in order of appearance."""
    unknown = [name for name in names if style_of(name) is None]
    spare = {name: SPARE_STYLES[i % len(SPARE_STYLES)] for i, name in enumerate(unknown)}
    return {name: style_of(name) or spare[name] for name in names}


class ModelScales:
    """The color, dash and marker channels for a field ``model`` that holds labels.

    Args:
        labels: name to label, in the order of the legend.
        field: the field that holds the label.
    """

    def __init__(self, labels: Mapping[str, str], field: str = "model") -> None:
        self._name = field
        self._field = f"{field}:N"
        self._labels = list(labels.values())
        self._styles = list(model_styles(list(labels)).values())

    def color(self, legend: alt.Legend | None = None) -> alt.Color:
        """The model's color; ``legend`` is drawn where one is given (see ``model_legend``)."""
        return alt.Color(self._field, scale=self._scale([style.color for style in self._styles]), legend=legend)

    def dash(self, legend: alt.Legend | None = None) -> alt.StrokeDash:
        """The model's line dash."""
        return alt.StrokeDash(self._field, scale=self._scale([list(s.dash) for s in self._styles]), legend=legend)

    def dash_without_scale(self) -> alt.StrokeDashValue:
        """The model's line dash for a line beside markers: a scale would dash the markers in the legend as well."""
        dashes = zip(self._labels, self._styles, strict=True)
        cases = [{"test": f"datum[{json.dumps(self._name)}] === {json.dumps(label)}", "value": list(style.dash)}
                 for label, style in dashes]  # fmt: skip
        return alt.StrokeDashValue([1, 0], condition=cases)

    def marker(self, legend: alt.Legend | None = None) -> alt.Shape:
        """The model's point marker."""
        return alt.Shape(self._field, scale=self._scale([style.marker for style in self._styles]), legend=legend)

    def _scale(self, values: list[Any]) -> alt.Scale:
        return alt.Scale(domain=self._labels, range=values)


def model_legend(**options: Any) -> alt.Legend:
    """A legend above the figure, without a title.

    Give the same one to every channel and layer that is to share it: Vega-Lite draws equal legends as one. ``options``
    override; ``symbolType="stroke", symbolSize=900`` makes it show the dashes of bare lines.
    """
    return alt.Legend(**{"title": None, "orient": "top", "direction": "horizontal", "columns": 6, **options})


def lines_with_markers(base: alt.Chart, scales: ModelScales) -> alt.LayerChart | alt.FacetChart:
    """``base`` (data, x, y and tooltips) as one line per model, each in its color and dash, with its markers.

    A click on a name in the legend makes the others stand back.
    """
    legend = model_legend()
    picked, opacity = _pick_in_legend()
    lines = base.mark_line().encode(color=scales.color(legend), strokeDash=scales.dash_without_scale(), opacity=opacity)
    points = base.mark_point().encode(color=scales.color(legend), shape=scales.marker(legend), opacity=opacity)
    return lines.add_params(picked) + points


def bare_lines(base: alt.Chart, scales: ModelScales) -> alt.Chart:
    """``base`` as one line per model in its color and dash, without markers: for dense curves."""
    legend = model_legend(symbolType="stroke", symbolSize=900)
    picked, opacity = _pick_in_legend()
    channels = {"color": scales.color(legend), "strokeDash": scales.dash(legend), "opacity": opacity}
    return base.mark_line().encode(**channels).add_params(picked)


def _pick_in_legend() -> tuple[alt.Parameter, Any]:
    picked = alt.selection_point(name="picked", fields=["model"], bind="legend")
    return picked, alt.condition(picked, alt.value(1), alt.value(0.15))


def theme() -> dict[str, Any]:
    """The altair theme: quiet axes, system fonts, a light grid.

    ``chart_spec`` applies it to every figure of the laboratory. To have it in a notebook:
    ``alt.theme.register("rnn_lm", enable=True)(theme)``.
    """
    return {"config": _config()}


def _config() -> dict[str, Any]:
    axis = {
        "domainColor": RULE, "tickColor": RULE, "gridColor": GRID, "labelColor": MUTED, "titleColor": INK,
        "labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 10, "labelPadding": 4,
        "tickSize": 4, "labelFlush": False,
    }  # fmt: skip
    return {
        "font": SANS,
        "background": PAPER,
        "padding": 8,
        "view": {"continuousWidth": FIGURE_WIDTH, "continuousHeight": FIGURE_HEIGHT, "discreteWidth": FIGURE_WIDTH,
                 "stroke": None},
        "axis": axis,
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False, "labelPadding": 9},
        "header": {"labelColor": INK, "labelFontSize": 12, "titleColor": INK, "titleFontWeight": "normal"},
        "legend": {"labelColor": INK, "labelFontSize": 12, "titleColor": INK, "titleFontWeight": "normal",
                   "symbolSize": 90, "symbolStrokeWidth": 2, "columnPadding": 18, "rowPadding": 5, "labelLimit": 240},
        "title": {"color": INK, "fontSize": 13, "fontWeight": 600, "anchor": "start", "offset": 10,
                  "subtitleColor": MUTED, "subtitleFontSize": 12, "subtitlePadding": 4},
        "line": {"strokeWidth": 2, "strokeJoin": "round", "strokeCap": "butt"},
        "point": {"filled": True, "size": 48, "opacity": 1},
        "rule": {"color": MUTED, "strokeWidth": 1},
        "text": {"color": INK, "fontSize": 11},
        "errorbar": {"rule": True, "ticks": False},
        "errorband": {"opacity": 0.15},
        "range": {"category": [style.color for style in (*model_styles(HOUSE_MODELS).values(), *SPARE_STYLES)]},
    }  # fmt: skip


def chart_spec(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The figure as a Vega-Lite specification with the theme in it; the same figure gives the same specification.

    Settings made on the chart itself (``configure_axis`` and kin) win over the theme.
    """
    with alt.data_transformers.enable("default", max_rows=None):
        # Not validated: half of a page's time, and a test does it for every figure.
        spec = chart.to_dict(validate=False)  # pyright: ignore[reportAttributeAccessIssue]
    own = getattr(chart, "config", alt.Undefined)
    chosen = own.to_dict() if isinstance(own, alt.Config) else {}
    spec["config"] = _merged(_config(), chosen)
    return _with_stable_names(spec)


def with_own_ids(svg: str, prefix: str) -> str:
    """A picture as Vega draws it, its ids beginning with ``prefix``: several may stand in one page.

    Vega numbers ids over the life of the process; here they count from 0 in each figure.
    """
    order = {name: f"{prefix}-{i}" for i, name in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))}
    pattern = r"(\bid=\"|url\(['\"]?#)([^\"')]+)"
    return re.sub(pattern, lambda match: match[1] + order.get(match[2], match[2]), svg)


def save_chart(chart: alt.TopLevelMixin, path: Path) -> None:
    """Write a figure: .png (at twice the size, for print and dense screens), .svg or .json (Vega-Lite).

    Raises:
        UserError: the ending is another one, the figure cannot be drawn, or the file cannot be written.
    """
    require_figure(path)
    writers: dict[str, Callable[[dict[str, Any]], str | bytes]] = {
        ".png": lambda spec: draw("png", spec),
        ".svg": lambda spec: with_own_ids(draw("svg", spec).decode(), path.stem),
        ".json": lambda spec: json.dumps(spec, indent=1),
    }
    write_atomically(path, writers[path.suffix](chart_spec(chart)))


def require_figure(path: Path, flag: str = "") -> None:
    """Raise ``UserError``, naming ``flag``, where a figure is not written to such a file."""
    if path.suffix not in (".png", ".svg", ".json"):
        raise UserError(f"{flag} {path}: a figure is written as .png, .svg or .json".lstrip())


def save_charts(charts: Iterable[tuple[str, alt.TopLevelMixin]], folder: Path, suffix: str, say: Say) -> list[Path]:
    """Write figures by name into ``folder``; returns the files.

    A figure that cannot be drawn is left out, and ``say`` is told so: the numbers behind it are what took the time.

    Raises:
        UserError: the folder or a file cannot be written, or the suffix is another one.
    """
    make_folder(folder)
    written = []
    for name, chart in charts:
        path = folder / f"{name}{suffix}"
        try:
            save_chart(chart, path)
        except DrawingFailed as error:
            say(f"note        {path.name}: {error}")
        else:
            written.append(path)
    return written


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {**base, **over}
    nested = [key for key in base if isinstance(base[key], dict) and isinstance(over.get(key), dict)]
    return both | {key: _merged(base[key], over[key]) for key in nested}


def _with_stable_names(spec: dict[str, Any]) -> dict[str, Any]:
    """Altair numbers views and parameters over the life of the process; number them within the figure instead."""
    text = json.dumps(spec)
    pattern = r"\b(?:view|param)_[0-9a-f]+\b"
    order = {name: f"{name.split('_')[0]}_n{i}" for i, name in enumerate(dict.fromkeys(re.findall(pattern, text)))}
    return json.loads(re.sub(pattern, lambda match: order[match[0]], text))
