"""The ``probes`` part of a results file, read: where entries that are each as expected do not go together."""

from __future__ import annotations

from collections.abc import Iterator

from rnn_lm.probes.results import NaturalResult, ProbesPart


def inconsistencies(part: ProbesPart) -> Iterator[str]:
    """Where entries that are each as expected do not go together."""
    known = {model["name"] for model in part["models"]}
    names = [probe["name"] for probe in part["probes"]]
    if len(set(names)) < len(names):
        yield "probes: two have the same name"
    for index, probe in enumerate(part["probes"]):
        where = f"probes[{index}]"
        if not probe["curves"] or not all(curve["points"] for curve in probe["curves"]):
            yield f"{where}.curves has none, or an empty one"
            return
        own = {model["name"] for model in probe["models"]}
        distances = [point["distance"] for point in probe["curves"][0]["points"]]
        if min(distances) < 0 or len(set(distances)) < len(distances):
            yield f"{where}.curves: distances are below 0 or stand there twice"
        asked = {curve["model"] for curve in probe["curves"]}
        for curve in probe["curves"]:
            if [point["distance"] for point in curve["points"]] != distances:
                yield f"{where}.curves: models were asked at different distances"
            if not all(point["per_seed"] for point in curve["points"]):
                yield f"{where}.curves: a point has no seeds"
        if not asked <= own or not asked <= {one["model"] for one in probe["half_lives"]}:
            yield f"{where}.curves: a model has no entry in models or half_lives"
        if not asked <= known or not {cell["model"] for cell in probe["attractors"]} <= known:
            yield f"{where}: a model is not one of the probes' models"
        if not {cell["model"] for cell in probe.get("loads", [])} <= own:
            yield f"{where}.loads: a model has no entry in models"
        cells = [*(p for c in probe["curves"] for p in c["points"]), *probe["attractors"], *probe.get("loads", [])]
        if not all(0 <= value <= 1 for value in (probe["chance"], *(cell["accuracy"] for cell in cells))):
            yield f"{where}: an accuracy is not between 0 and 1"
    if "natural" in part:
        yield from _natural_inconsistencies(part["natural"])


def _natural_inconsistencies(natural: NaturalResult) -> Iterator[str]:
    cells = [*natural["by_construction"], *natural["by_attractors"]]
    if not {cell["model"] for cell in cells} <= natural["labels"].keys():
        yield "natural.labels lacks a model"
    models = {cell["model"] for cell in natural["by_construction"]}
    there = {(cell["model"], cell["construction"]) for cell in natural["by_construction"]}
    wanted = {(model, example["construction"]) for model in models for example in natural["examples"]}
    if not cells or not wanted <= there:
        yield "natural.by_construction lacks a construction of a model"
    if not all(0 <= cell["accuracy"] <= 1 for cell in cells):
        yield "natural: an accuracy is not between 0 and 1"
