"""One probe's outcomes as plain JSON: curves, half-lives, attractors and claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rnn_lm.evaluation.bootstrap import interval_of, resampled_means
from rnn_lm.probes.claims import Curves, judged
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.curves import curve, half_life, measured
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.models import probe_label
from rnn_lm.probes.outcomes import Outcome
from rnn_lm.probes.tasks import PROBES, Probe
from rnn_lm.seeding import numpy_generator


def probe_summary(name: str, config: ProbeConfig, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Everything a reader sees of one probe."""
    probe = PROBES[name](config)
    suite = probe.suites["distance"]
    by_model = {model: [one for one in outcomes if one.model == model] for model in config.models}
    curves = _curves(by_model, suite)
    facts = {"name": name, "label": probe.label, "question": probe.question, "distance_unit": probe.distance_unit}
    return {
        **facts,
        "chance": suite.chance,
        "trained_distance": config.trained_distance,
        "items_per_distance": config.items,
        "example": _example(probe, suite, min(3, len(config.distances) - 1) * config.items),
        "models": [_model_facts(model, members) for model, members in by_model.items()],
        "curves": [
            {"model": model, "points": curve(one.measurements, one.resampled_rd, config.distances)}
            for model, one in curves.items()
        ],
        "half_lives": [_half_life(model, one, config, suite) for model, one in curves.items()],
        "attractors": _attractors(by_model, probe.suites["attractors"]) if "attractors" in probe.suites else [],
        "claims": judged(curves, config.distances, suite.chance),
    }


def _example(probe: Probe, suite: Suite, index: int) -> dict[str, str]:
    """One item in words, with the right answer and a wrong one."""
    right, wrong = (probe.tokens[choice] for choice in suite.choices_nc[index, :2].tolist())
    return {"text": " ".join(probe.tokens[token] for token in suite.prefixes[index]), "right": right, "wrong": wrong}


def _curves(by_model: dict[str, list[Outcome]], suite: Suite) -> dict[str, Curves]:
    """All models resampled together, so that differences between them are paired by item."""
    tables = {model: measured(members, suite, "distance") for model, members in by_model.items()}
    resampled = resampled_means(list(tables.values()), numpy_generator(0, "probe bootstrap"))
    return {model: Curves(table, rows) for (model, table), rows in zip(tables.items(), resampled, strict=True)}


def _model_facts(model: str, members: Sequence[Outcome]) -> dict[str, Any]:
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


def _half_life(model: str, one: Curves, config: ProbeConfig, suite: Suite) -> dict[str, Any]:
    fitted = half_life(one.measurements, one.resampled_rd, config.distances, suite.chance)
    return {"model": model, **asdict(fitted), "text": fitted.text}


def _attractors(by_model: dict[str, list[Outcome]], suite: Suite) -> list[dict[str, Any]]:
    """Accuracy by number of attractors at each distance, per model."""
    factors = ("distance", "attractors")
    groups = suite.groups(*factors)
    tables = [measured(members, suite, "attractors", *factors) for members in by_model.values()]
    rows = []
    resampled = resampled_means(tables, numpy_generator(0, "attractor bootstrap"), resamples=2000)
    for model, table, resampled_rg in zip(by_model, tables, resampled, strict=True):
        for index, (distance, attractors) in enumerate(groups):
            interval = interval_of(float(table.mean_g[index]), resampled_rg[:, index])
            cell = {"model": model, "distance": distance, "attractors": attractors}
            rows.append({**cell, "accuracy": interval.value, "low": interval.low, "high": interval.high})
    return rows
