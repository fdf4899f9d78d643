"""Which attention holds beyond the distances it was trained on: every position encoding, with and without sharpening.

    python -m rnn_lm.probes.positions

prints the table of ``docs/probes.md``. It takes about 5 minutes on one core.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import get_args

from rnn_lm.models.attention import AttentionConfig, Positions, Sharpness
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.minimal_pairs import right_choices
from rnn_lm.probes.models import PRESETS
from rnn_lm.probes.outcomes import training_config
from rnn_lm.probes.tasks import PROBES
from rnn_lm.probes.training import train
from rnn_lm.runtime import single_thread
from rnn_lm.seeding import generator

SEED = 1001
"""Not among the seeds that are reported."""
DISTANCES = (0, 8, 24, 48, 96)


def accuracies(probe_name: str, positions: Positions, sharpness: Sharpness) -> list[float]:
    """Accuracy at each of ``DISTANCES`` of the control with these two settings, all else as in the preset."""
    config = ProbeConfig(distances=DISTANCES)
    probe = PROBES[probe_name](config)
    preset = PRESETS["attention"]
    assert isinstance(preset.model, AttentionConfig)
    changed = replace(preset, model=replace(preset.model, positions=positions, sharpness=sharpness))
    model = changed.build(len(probe.tokens), generator(SEED, "probe start attention"))
    text = probe.train_text(config, SEED)
    train(
        model,
        text,
        config.steps,
        training_config(preset.setting(probe_name), config.batch_size),
        generator(SEED, "probe order"),
    )
    right_n = right_choices(model, probe.suites["distance"], probe.eos_id).double()
    groups = probe.suites["distance"].groups("distance").values()
    return [float(right_n[items].mean()) for items in groups]


if __name__ == "__main__":
    columns = ["probe", "positions", "scores", *(f"d = {distance}" for distance in DISTANCES)]
    print("| " + " | ".join(columns) + " |")
    print("| " + " | ".join(["---"] * len(columns)) + " |")
    with single_thread():
        for setting in product(("agreement", "reference"), get_args(Positions), get_args(Sharpness)):
            row = [*setting, *(f"{100 * accuracy:.0f}" for accuracy in accuracies(*setting))]
            print("| " + " | ".join(row) + " |", flush=True)
