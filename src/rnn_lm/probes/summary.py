"""One probe's outcomes as plain JSON: curves, half-lives, attractors and claims."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_lm.evaluation.intervals import Measurements
from rnn_lm.probes.claims import CLAIMS, STATE_CLAIMS, judged
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.curves import accuracies, curve, half_life, measured
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.models import probe_label
from rnn_lm.probes.outcomes import Outcome
from rnn_lm.probes.results import AttractorCell, Example, LoadCell, ModelHalfLife, ProbedModel, ProbeResult
from rnn_lm.probes.tasks import PROBES, Probe


def probe_summary(name: str, config: ProbeConfig, outcomes: Sequence[Outcome]) -> ProbeResult:
    """Everything a reader sees of one probe."""
    probe = PROBES[name](config)
    suite = probe.suites["distance"]
    by_model = {model: [one for one in outcomes if one.model == model] for model in config.models}
    tables = {model: measured(members, suite, "distance") for model, members in by_model.items()}
    summary: ProbeResult = {
        "name": name,
        "label": probe.label,
        "question": probe.question,
        "distance_unit": probe.distance_unit,
        "chance": suite.chance,
        "trained_distance": config.trained_distance,
        "items_per_distance": config.items,
        "example": _example(probe, suite, min(3, len(config.distances) - 1) * config.items),
        "models": [_model_facts(model, members) for model, members in by_model.items()],
        "curves": [{"model": model, "points": curve(table, config.distances)} for model, table in tables.items()],
        "half_lives": [_half_life(model, table, config, suite) for model, table in tables.items()],
        "attractors": _attractors(by_model, probe.suites["attractors"]) if "attractors" in probe.suites else [],
        "claims": judged(
            tables,
            config.distances,
            suite.chance,
            STATE_CLAIMS if probe.expected == "states" else CLAIMS,
            config.trained_distance,
        ),
    }
    if "load" in probe.suites:
        summary["loads"] = _loads(by_model, probe.suites["load"])
        summary["load_unit"] = probe.load_unit
        summary["filler_unit"] = probe.filler_unit or probe.distance_unit
    return summary


def _example(probe: Probe, suite: Suite, index: int) -> Example:
    """One item in words, with the right answer and a wrong one."""
    right, wrong = (probe.tokens[choice] for choice in suite.choices_nc[index, :2].tolist())
    return {"text": " ".join(probe.tokens[token] for token in suite.prefixes[index]), "right": right, "wrong": wrong}


def _model_facts(model: str, members: Sequence[Outcome]) -> ProbedModel:
    losses = [one.loss for one in members if one.loss is not None]
    clipped = [one.clipped_share for one in members if one.clipped_share is not None]
    return {
        "name": model,
        "label": probe_label(model),
        "parameters": round(sum(one.parameters for one in members) / len(members)),
        "seconds": sum(one.seconds for one in members) / len(members),
        "tokens": round(sum(one.tokens for one in members) / len(members)),
        "train_loss": losses,
        "clipped_share": clipped,
    }


def _half_life(model: str, table: Measurements, config: ProbeConfig, suite: Suite) -> ModelHalfLife:
    return {"model": model, **half_life(table, config.distances, suite.chance).to_json()}


def _attractors(by_model: dict[str, list[Outcome]], suite: Suite) -> list[AttractorCell]:
    """Accuracy by number of attractors at each distance, per model."""
    factors = ("distance", "attractors")
    cells = suite.groups(*factors)
    return [
        {"model": model, "distance": int(distance), "attractors": int(attractors), **facts}
        for model, members in by_model.items()
        for (distance, attractors), facts in zip(
            cells, accuracies(measured(members, suite, "attractors", *factors)), strict=True
        )
    ]


def _loads(by_model: dict[str, list[Outcome]], suite: Suite) -> list[LoadCell]:
    """Accuracy by distance at each load, per model."""
    factors = ("load", "distance")
    cells = suite.groups(*factors)
    return [
        {"model": model, "load": int(load), "distance": int(distance), **facts}
        for model, members in by_model.items()
        for (load, distance), facts in zip(cells, accuracies(measured(members, suite, "load", *factors)), strict=True)
    ]
