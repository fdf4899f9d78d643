"""Tables of the long-range probe, for page and terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnn_lm.report import numbers
from rnn_lm.report.tables import Column, Table, missing_intervals, text_column

Part = Mapping[str, Any]


def probes_tables(probes: Part) -> tuple[Table, ...]:
    """Accuracy by distance and claims of every probe, and accuracy on natural pairs where they were asked."""
    tables: list[Table] = []
    for probe in probes["probes"]:
        tables += [accuracy_table(probe), *([claims_table(probe)] if probe["claims"] else [])]
        tables += [loads_table(probe)] if probe.get("loads") else []
    if "natural" in probes:
        tables.append(natural_table(probes["natural"]))
    return tuple(tables)


def accuracy_table(probe: Part) -> Table:
    """A row per model: parameters, accuracy at each distance, half-life."""
    labels = {model["name"]: model["label"] for model in probe["models"]}
    parameters = {model["name"]: model["parameters"] for model in probe["models"]}
    half_lives = {one["model"]: one["text"] for one in probe["half_lives"]}
    distances = [point["distance"] for point in probe["curves"][0]["points"]]
    columns = (
        text_column("Model"), Column("Parameters"), *(Column(str(one)) for one in distances), Column("Half-life"),
    )  # fmt: skip
    rows = tuple(
        (
            labels[curve["model"]],
            numbers.count(parameters[curve["model"]]),
            *(f"{point['accuracy']:.0%}" for point in curve["points"]),
            half_lives[curve["model"]],
        )
        for curve in probe["curves"]
    )
    trained = f"trained up to {probe['trained_distance']} {probe['distance_unit']}"
    return Table(f"{probe['label']}: accuracy by distance; {trained}; chance {probe['chance']:.0%}", columns, rows)


def claims_table(probe: Part) -> Table:
    """What was expected of the probe, tested over seeds and items."""
    columns = (
        text_column("Claim"), text_column("Verdict"), Column("Effect"), Column("95% interval"), Column("p"),
        text_column("Effect is"),
    )  # fmt: skip
    rows = []
    for claim in probe["claims"]:
        effect, low, high = numbers.signed(claim["effect"], claim["low"], claim["high"])
        shown = numbers.MISSING if claim["low"] is None else f"{low} to {high}"
        row = (claim["statement"], claim["verdict"], effect, shown, numbers.p_value(claim["p_value"]))
        rows.append((*row, claim["note"]))
    classes = tuple(claim["verdict"].replace(" ", "-") for claim in probe["claims"])
    notes = missing_intervals(((claim["statement"], claim) for claim in probe["claims"]), "reason")
    return Table(f"{probe['label']}: claims", columns, tuple(rows), classes, notes)


def loads_table(probe: Part) -> Table:
    """A row per model and load: accuracy at each distance."""
    labels = {model["name"]: model["label"] for model in probe["models"]}
    cells = {(cell["model"], cell["load"], cell["distance"]): cell["accuracy"] for cell in probe["loads"]}
    models, loads, distances = (list(dict.fromkeys(key[place] for key in cells)) for place in range(3))
    columns = (text_column("Model"), Column("Load"), *(Column(str(distance)) for distance in distances))
    rows = tuple(
        (labels[model], str(load), *(f"{cells[model, load, distance]:.0%}" for distance in distances))
        for load in loads
        for model in models
    )
    return Table(f"{probe['label']}: accuracy by load and distance", columns, rows)


def natural_table(natural: Part) -> Table:
    """Accuracy of the corpus' own models on minimal pairs from its vocabulary, by construction."""
    models = list(dict.fromkeys(cell["model"] for cell in natural["by_construction"]))
    accuracy = {(cell["model"], cell["construction"]): cell for cell in natural["by_construction"]}
    constructions = [example["construction"] for example in natural["examples"]]
    columns = (text_column("Construction"), *(Column(natural["labels"][name]) for name in models))
    rows = tuple(
        (construction, *(_with_interval(accuracy[name, construction]) for name in models))
        for construction in constructions
    )
    return Table(
        "Agreement on the corpus' own words: accuracy with 95% interval, by construction",
        columns,
        rows,
        notes=_notes(natural),
    )


def _notes(natural: Part) -> tuple[str, ...]:
    labels = natural["labels"]
    return missing_intervals((labels[cell["model"]], cell) for cell in natural["by_construction"])


def _with_interval(cell: Part) -> str:
    shown = "" if cell["low"] is None else f" [{cell['low']:.0%}, {cell['high']:.0%}]"
    return f"{cell['accuracy']:.0%}{shown}"
