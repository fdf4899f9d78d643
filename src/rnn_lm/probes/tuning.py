"""How the presets were chosen: the same search for every neural model, by its loss on fresh sentences.

First the learning rate, then, at the best one, the clipping threshold.

    python -m rnn_lm.probes.tuning FOLDER

prints one line per probe and model with the best setting, and keeps each result in FOLDER, so that it can be stopped
and started again. It takes about half an hour on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch

from rnn_lm.files import make_folder, read_json, write_json
from rnn_lm.probes.config import PROBE_NAMES, ProbeConfig
from rnn_lm.probes.models import PRESETS, Setting
from rnn_lm.probes.outcomes import training_config
from rnn_lm.probes.tasks import PROBES, Probe
from rnn_lm.probes.training import mean_nll, train
from rnn_lm.runtime import single_thread
from rnn_lm.seeding import generator

LEARNING_RATES = (2e-3, 5e-3, 1e-2, 2e-2)
CLIP_NORM, OTHER_CLIP_NORM = 1.0, 0.25
SEEDS = (1001, 1002, 1003)
"""Not among the seeds that are reported. More than one: a setting may learn with one start and not with another."""
STEPS = 1000
"""Fewer than the probe's own, to save time: settings are compared, not models."""
FRESH_SENTENCES = 4000


def fresh_loss(
    probe_name: str, probe: Probe, model_name: str, setting: Setting, config: ProbeConfig, seeds: Sequence[int] = SEEDS
) -> float:
    """Nats per token on sentences that were not trained on, after training with ``setting``; mean over ``seeds``."""
    fresh = probe.train_text(replace(config, sentences=FRESH_SENTENCES), max(SEEDS) + 1)
    total = 0.0
    for seed in seeds:
        model = PRESETS[model_name].build(len(probe.tokens), generator(seed, f"probe start {model_name}"), probe_name)
        text = probe.train_text(config, seed)
        train(model, text, config.steps, training_config(setting, config.batch_size), generator(seed, "probe order"))
        with torch.no_grad():
            total += float(mean_nll(model, fresh.segment(torch.arange(FRESH_SENTENCES))))
    return total / len(seeds)


def tune(folder: Path, probe_name: str, model_name: str, seeds: Sequence[int] = SEEDS) -> None:
    """Fill a file in ``folder`` with the losses found, and print the best setting."""
    config = ProbeConfig(steps=STEPS)
    probe = PROBES[probe_name](config)
    fewer = "" if seeds == SEEDS else "-seeds-" + "-".join(map(str, seeds))
    path = make_folder(folder) / f"{probe_name}-{model_name}{fewer}.json"
    losses: dict[str, float] = read_json(path) if path.exists() else {}

    def loss_at(rate: float, clip: float) -> float:
        key = f"learning rate {rate:g}, clip {clip:g}"
        if key not in losses:
            losses[key] = fresh_loss(probe_name, probe, model_name, Setting(rate, clip), config, seeds)
            write_json(path, losses)
        return losses[key]

    best_rate = min(LEARNING_RATES, key=lambda rate: loss_at(rate, CLIP_NORM))
    loss_at(best_rate, OTHER_CLIP_NORM)
    best = min(losses, key=losses.__getitem__)
    print(f"{probe_name:<10} {model_name:<10} {best}: {losses[best]:.4f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Choose the presets of the long-range probe.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--probes", nargs="+", default=PROBE_NAMES)
    parser.add_argument("--models", nargs="+", default=tuple(PRESETS))
    parser.add_argument("--seeds", nargs="+", type=int, choices=SEEDS, default=SEEDS, help="fewer, to save time")
    chosen = parser.parse_args()
    with single_thread():
        for probe_name, model_name in product(chosen.probes, chosen.models):
            tune(chosen.folder, probe_name, model_name, tuple(chosen.seeds))
