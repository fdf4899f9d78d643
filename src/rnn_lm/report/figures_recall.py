"""The figure of exercise 5: what trained networks recall of lists, and what can be computed of fixed states."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt

from rnn_lm.labels import label_of
from rnn_lm.report.panels import (
    AnyChart,
    Rows,
    Series,
    color_of,
    data,
    linear_x,
    linear_y,
    log_y,
    ordered_series,
    panel,
    side_by_side,
)
from rnn_lm.report.style import MUTED, model_styles
from rnn_lm.theory.results import CapacityCurves, Network

SMALLEST_SHOWN = 0.1
"""Bits recalled below this are drawn at it: the axis is logarithmic."""
NETWORKS = ("rnn", "gru", "lstm", "mingru", "mlstm", "deltanet", "attention")
"""The networks that recall, in the order of the legend."""
SHOWN_NUMBERS = 32
"""The size of state nearest to this is the one that is drawn by length of list."""


def capacity_figure(curves: CapacityCurves) -> AnyChart:
    """Bits recalled: trained networks by length, numbers and bits of state; linear memory; machines read through."""
    networks = curves["recall"]
    return alt.vconcat(
        side_by_side(_by_length(networks), _by_numbers(networks)),
        side_by_side(_by_state(networks), _memory(curves["memory"], curves["units"])),
        alt.hconcat(_machines(curves["machines"])).resolve_scale(color="independent", shape="independent"),
        spacing=30,
    )


def _by_length(networks: list[Network]) -> AnyChart:
    drawn = {name: _nearest(networks, name) for name in _there(networks)}
    rows = [
        {**point, "series": label_of(name), "measured": point["bits"]}
        for name, network in drawn.items()
        for point in network["by_length"]
    ]
    series = _series(drawn)
    everything = [
        {"stored": row["stored"], "all": row["stored"]} for row in rows if row["series"] == label_of("attention")
    ]
    ceiling = alt.Chart(data(everything)).mark_line(color=MUTED, strokeWidth=1.5).encode(x="stored:Q", y="all:Q")
    sizes = sorted({network["numbers"] for name, network in drawn.items() if name != "attention"})
    chart = panel(
        rows,
        series,
        linear_x("stored", "Bits stored (k log₂ K)"),
        linear_y("Bits recalled"),
        f"State of {' or '.join(str(size) for size in sizes)} numbers; line: all that was stored",
        behind=ceiling,
    )
    interval = alt.Chart(data(rows)).mark_rule(strokeWidth=1.5).encode(
        x="stored:Q", y="low:Q", y2="high:Q", color=color_of(series, None)
    )  # fmt: skip
    return chart + interval


def _series(names: Iterable[str]) -> list[Series]:
    """How each network is drawn, in every panel alike; those without a style of their own have spare ones in turn."""
    styles = model_styles([*NETWORKS])
    return [Series(label_of(name), styles[name].color, styles[name].dash, styles[name].marker) for name in names]


def _nearest(networks: list[Network], name: str) -> Network:
    """The network of this name whose state is nearest in size to ``SHOWN_NUMBERS``."""
    return min(
        (network for network in networks if network["name"] == name),
        key=lambda network: abs(network["numbers"] - SHOWN_NUMBERS),
    )


def _by_numbers(networks: list[Network]) -> AnyChart:
    """The most bits recalled of any length, by numbers of state; attention, whose state has no size, as a line."""
    rows = [
        {
            "numbers": network["numbers"],
            "series": label_of(network["name"]),
            "measured": max(point["bits"] for point in network["by_length"]),
        }
        for network in networks
        if network["name"] != "attention"
    ]
    ends = sorted({row["numbers"] for row in rows})
    control = [
        {
            "numbers": numbers,
            "series": label_of("attention"),
            "measured": max(point["bits"] for point in n["by_length"]),
        }
        for n in networks
        if n["name"] == "attention"
        for numbers in (ends[0], ends[-1])
    ]
    series = _series(_there(networks))
    x = linear_x(
        "numbers", "Numbers in the state (attention: per position)",
        scale=alt.Scale(type="log", base=2, nice=False, padding=8),
    )  # fmt: skip
    y = linear_y("Most bits recalled")
    chart = panel([*rows, *control], series, x, y, "By size of state")
    return chart + alt.Chart(data([*rows, *control])).mark_line(strokeWidth=1).encode(
        x=x, y=y, color=color_of(series, None)
    )


def _there(networks: list[Network]) -> list[str]:
    """Those of ``NETWORKS`` that were trained: older results have fewer."""
    return [name for name in NETWORKS if any(network["name"] == name for network in networks)]


def _by_state(networks: list[Network]) -> AnyChart:
    rows = [
        {
            "state_bits": point["state_bits"],
            "network": f"{network['name']} {network['numbers']}",
            "series": label_of(network["name"]),
            "measured": max(point["bits"], SMALLEST_SHOWN),
        }
        for network in networks
        for point in network["by_rounding"]
    ]
    series = _series(name for name in _there(networks) if name != "attention")
    ends = [min(row["state_bits"] for row in rows), max(row["state_bits"] for row in rows)]
    x = linear_x(
        "state_bits", "Bits of state (numbers × bits each is rounded to)",
        scale=alt.Scale(type="log", base=2, nice=False, padding=8),
    )  # fmt: skip
    most = max(row["measured"] for row in rows)
    y = log_y("Most bits recalled", [*rows, {"measured": min(ends[1], 2 * most)}])
    bound = alt.Chart(data([{"state_bits": bits, "measured": bits} for bits in ends])).mark_line(
        color=MUTED, strokeWidth=1.5, clip=True
    ).encode(x=x, y=y)  # fmt: skip
    chart = panel(rows, series, x, y, "Every size of state; line: counting bound", behind=bound)
    by_network = alt.Chart(data(rows)).mark_line(strokeWidth=1).encode(
        x=x, y=y, detail="network:N", color=color_of(series, None)
    )  # fmt: skip
    return chart + by_network


def _memory(points: Rows, units: int) -> AnyChart:
    series = [Series("share of the input's variance", "#0072b2", (1, 0), "circle")]
    rows = [{**point, "series": series[0].label} for point in points]
    return panel(
        rows, series, linear_x("delay", "Delay j (steps)"), linear_y("Recalled by the best linear reader"),
        f"Linear memory of {units} units: sums to {units}", every=3,
    )  # fmt: skip


def _machines(points: Rows) -> AnyChart:
    sizes = sorted({point["bits"] for point in points})
    rows = [
        {**point, "series": f"{point['bits']}-bit state", "predicted": point["bound"], "measured": point["recalled"]}
        for point in points
    ]
    return panel(
        rows,
        ordered_series([f"{bits}-bit state" for bits in sizes]),
        linear_x("stored", "Bits stored"),
        linear_y("Bits recalled (line: bound)"),
        "Three tanh units, rounded",
    )
