"""The figures of the long-range probe, from the plain results of ``probes.run`` and ``probes.natural``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt

from rnn_lm.report.style import GRID, INK, MUTED, ModelScales, lines_with_markers, model_legend

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart

_INTERVAL_TIPS = [
    alt.Tooltip("model:N", title="Model"),
    alt.Tooltip("accuracy:Q", title="Accuracy", format=".1%"),
    alt.Tooltip("low:Q", title="95% from", format=".1%"),
    alt.Tooltip("high:Q", title="95% to", format=".1%"),
]


def probe_figures(results: Mapping[str, Any]) -> dict[str, AnyChart]:
    """Every figure of a probe by the name of its file: a curve per probe, attractors and loads where there are any."""
    figures = {f"probe-{probe['name']}": distance_figure(results, probe["name"]) for probe in results["probes"]}
    attractors = {
        f"probe-{probe['name']}-attractors": attractors_figure(results, probe["name"])
        for probe in results["probes"]
        if probe["attractors"]
    }
    loads = {
        f"probe-{probe['name']}-loads": loads_figure(results, probe["name"])
        for probe in results["probes"]
        if probe.get("loads")
    }
    return figures | attractors | loads


def distance_figure(results: Mapping[str, Any], name: str) -> AnyChart:
    """Accuracy by distance, a line per model with its 95% intervals; the trained range shaded, chance dashed.

    Args:
        results: what ``run_probe`` returned.
        name: which of its probes.
    """
    probe = _probe(results, name)
    labels = _labels(results)
    rows = [
        {"model": labels[curve["model"]], **_interval(point), "distance": point["distance"]}
        for curve in probe["curves"]
        for point in curve["points"]
    ]
    distances = [point["distance"] for point in probe["curves"][0]["points"]]
    x = alt.X(
        "distance:Q",
        title=f"Distance ({probe['distance_unit']})",
        scale=alt.Scale(type="symlog", constant=2, domain=[0, max(distances)], nice=False),
        axis=alt.Axis(values=distances),
    )
    tips = [*_INTERVAL_TIPS, alt.Tooltip("distance:Q", title="Distance")]
    lowest = _lowest(probe)
    backdrop = _trained_range(probe["trained_distance"], max(distances), x), _chance_line(probe["chance"], lowest)
    return alt.layer(*backdrop, *_lines_with_bars(alt.Chart(_data(rows)).encode(x=x, tooltip=tips), labels, lowest))


def attractors_figure(results: Mapping[str, Any], name: str = "agreement") -> AnyChart:
    """Accuracy by number of attractors, a panel per distance."""
    probe, labels = _probe(results, name), _labels(results)
    rows = [
        {"model": labels[cell["model"]], **_interval(cell), "attractors": cell["attractors"],
         "panel": f"{cell['distance']} tokens", "order": cell["distance"], "chance": probe["chance"]}
        for cell in probe["attractors"]
    ]  # fmt: skip
    base = alt.Chart(_data(rows), width=140, height=220)
    return _panels(base, labels, "attractors", "Attractors", "Distance between subject and verb", 0.0)


def loads_figure(results: Mapping[str, Any], name: str) -> AnyChart:
    """Accuracy by distance, a panel per load: along a panel what time costs, from panel to panel what load costs."""
    probe, labels = _probe(results, name), _labels(results)
    unit = probe.get("load_unit", "to keep")
    rows = [
        {"model": labels[cell["model"]], **_interval(cell), "distance": cell["distance"],
         "panel": f"{cell['load']} {unit}", "order": cell["load"], "chance": probe["chance"]}
        for cell in probe["loads"]
    ]  # fmt: skip
    base = alt.Chart(_data(rows), width=220, height=240)
    title = f"Distance ({probe.get('filler_unit', probe['distance_unit'])})"
    return _panels(base, labels, "distance", title, "Load", _lowest(probe))


def _lowest(probe: Mapping[str, Any]) -> float:
    """Where the axis of accuracy begins: a little below chance."""
    return max(0.0, round(probe["chance"] - 0.1, 1))


def _panels(
    base: alt.Chart, labels: dict[str, str], field: str, title: str, over: str, lowest: float
) -> alt.FacetChart:
    """Accuracy by ``field`` of every model, chance as a dashed line, a panel for each value of what is ``over``."""
    x = alt.X(f"{field}:O", title=title, axis=alt.Axis(labelAngle=0))
    tips = [*_INTERVAL_TIPS, alt.Tooltip(f"{field}:O", title=title.partition(" (")[0])]
    across = {"x": alt.value(0), "x2": alt.value("width"), "y": _accuracy("chance", lowest)}
    chance = base.mark_rule(strokeDash=[4, 4], color=MUTED).encode(**across)
    layers = alt.layer(chance, *_lines_with_bars(base.encode(x=x, tooltip=tips), labels, lowest))
    return layers.facet(column=alt.Column("panel:N", title=over, sort=alt.SortField("order")))


def natural_figure(natural: Mapping[str, Any], labels: Mapping[str, str]) -> AnyChart:
    """Accuracy on a corpus' own minimal pairs by construction, markers side by side with 95% intervals.

    Args:
        natural: what ``natural_results`` returned.
        labels: label of each model name in it, in the order of the legend.
    """
    order = [example["construction"] for example in natural["examples"]]
    return _natural(natural, labels, "by_construction", "construction", None, order)


def natural_attractors_figure(natural: Mapping[str, Any], labels: Mapping[str, str]) -> AnyChart:
    """The same by number of attractors."""
    order = sorted({cell["attractors"] for cell in natural["by_attractors"]})
    return _natural(natural, labels, "by_attractors", "attractors", "Attractors", order)


def _natural(
    natural: Mapping[str, Any],
    labels: Mapping[str, str],
    cells: str,
    field: str,
    title: str | None,
    order: Iterable[str | int],
) -> AnyChart:
    rows = [
        {"model": labels[cell["model"]], field: cell[field], **_interval(cell), "items": cell["items"]}
        for cell in natural[cells]
    ]
    scales, names = ModelScales(dict(labels)), list(labels.values())
    x = alt.X("accuracy:Q", title="Accuracy: P(right) > P(wrong)", scale=alt.Scale(domain=[0, 1]),
              axis=alt.Axis(format="%", grid=True))  # fmt: skip
    y = alt.Y(f"{field}:N", title=title, sort=[str(one) for one in order], scale=alt.Scale(paddingInner=0.35),
              axis=alt.Axis(labelColor=INK, labelLimit=240, grid=False))  # fmt: skip
    tips = [*_INTERVAL_TIPS, alt.Tooltip("items:Q", title="Pairs")]
    offset = alt.YOffset("model:N", sort=names)
    base = alt.Chart(_data(rows), width=460, height=alt.Step(14)).encode(x=x, y=y, yOffset=offset, tooltip=tips)
    bars = base.mark_rule(strokeWidth=1.5).encode(x="low:Q", x2="high:Q", color=scales.color())
    legend = model_legend()
    points = base.mark_point(size=45).encode(color=scales.color(legend), shape=scales.marker(legend))
    chance = alt.Chart(_data([{"chance": natural["chance"]}])).mark_rule(strokeDash=[4, 4], color=MUTED)
    return chance.encode(x="chance:Q") + bars + points


def _probe(results: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next(probe for probe in results["probes"] if probe["name"] == name)


def _labels(results: Mapping[str, Any]) -> dict[str, str]:
    return {model["name"]: model["label"] for model in results["models"]}


def _lines_with_bars(base: alt.Chart, labels: dict[str, str], lowest: float) -> tuple[AnyChart, AnyChart]:
    """Each model's accuracy as a line with markers, and its intervals as bars."""
    scales = ModelScales(labels)
    bars = base.mark_rule(strokeWidth=1.5)
    intervals = bars.encode(y=_accuracy("low", lowest), y2="high:Q", color=scales.color(model_legend()))
    return intervals, lines_with_markers(base.encode(y=_accuracy("accuracy", lowest)), scales)


def _accuracy(field: str, lowest: float) -> alt.Y:
    """The accuracy axis from ``lowest`` to 1; layers that share it must all give it."""
    scale = alt.Scale(domain=[lowest, 1], clamp=True, nice=False)
    return alt.Y(f"{field}:Q", title="Accuracy", scale=scale, axis=alt.Axis(format="%", tickCount=6))


def _trained_range(trained: int, longest: int, x: alt.X) -> AnyChart:
    area = [{"distance": 0, "to": min(trained, longest), "text": "trained distances"}]
    chart = alt.Chart(_data(area))
    band = chart.mark_rect(color=GRID, opacity=0.6).encode(x=x, x2="to:Q")
    text = chart.mark_text(align="left", baseline="bottom", dx=6, dy=-6, color=MUTED)
    return band + text.encode(x=x, y=alt.value("height"), text="text:N")


def _chance_line(chance: float, lowest: float) -> AnyChart:
    base = alt.Chart(_data([{"chance": chance, "text": "chance"}])).encode(y=_accuracy("chance", lowest))
    text = base.mark_text(align="left", baseline="bottom", dx=6, dy=-3, color=MUTED)
    return base.mark_rule(strokeDash=[4, 4], color=MUTED) + text.encode(x=alt.value(0), text="text:N")


def _interval(cell: Mapping[str, Any]) -> dict[str, float | None]:
    return {key: None if cell[key] is None else float(f"{cell[key]:.6g}") for key in ("accuracy", "low", "high")}


def _data(rows: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=rows)
