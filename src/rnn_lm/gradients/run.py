"""``rnn-lm gradients``: everything, part by part, each kept as soon as it is done."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from rnn_lm.config import to_json
from rnn_lm.errors import UserError
from rnn_lm.gradients.clipping import CLIPS, small_data, summarize, train_clipped
from rnn_lm.gradients.config import GradientsConfig
from rnn_lm.gradients.coordinates import require_cell_within_reach, require_within_reach
from rnn_lm.gradients.measure import measure_jacobians, measure_lags
from rnn_lm.gradients.parts import Parts, rounded
from rnn_lm.gradients.results import Clipping, Described, GradientModel, GradientsPart, TrainedRun
from rnn_lm.gradients.subjects import Subject, fresh_like, train_subject, weights_digest
from rnn_lm.gradients.unroll import in_float64
from rnn_lm.prepare import PreparedCorpus
from rnn_lm.progress import Progress, Task
from rnn_lm.runtime import Runtime
from rnn_lm.training.trainer import TrainingData

PARTS = "parts"
"""Where in the folder finished parts are kept."""
IDENTICAL_SEEDS = 2
"""Seeds of the vanishing setting: it shows an equality of bits, not an average."""


def run_gradients(
    config: GradientsConfig,
    prepared: PreparedCorpus,
    folder: Path,
    progress: Progress,
    trained: Sequence[Subject] = (),
    runtime: Runtime | None = None,
) -> GradientsPart:
    """Measure gradients by lag, Jacobians, exponents and the effect of clipping.

    Finished parts are kept in ``folder`` and read back by the next call with the same settings and models.

    Args:
        config: what and how much.
        prepared: the text; models are trained on train and looked into on valid.
        folder: where parts and models trained here are kept.
        progress: told of everything.
        trained: models to look into; where none are given, one of each cell in ``config.cells`` is trained.
        runtime: where models are trained and looked into; default: the CPU. The clipping experiment stays there: it is
            about equal bits and the very step at which a run diverges.

    Returns:
        The "gradients" part of results.json: ``docs/gradients.md`` explains the entries.

    Raises:
        UserError: an unknown cell, one that cannot be looked into, or a text too short for ``config.lags``.
        TrainingInterrupted: Ctrl-C while training.
    """
    runtime = runtime or Runtime()
    require_reach(config, trained)
    data = TrainingData(prepared.texts["train"], prepared.texts["valid"], prepared.counts_v)
    trained = trained or [
        train_subject(cell, config, data, folder / f"{cell}-trained", progress, runtime) for cell in config.cells
    ]
    results: GradientsPart = {
        "config": to_json(config),
        "text": f"valid split of {prepared.corpus.name}",
        "models": look_into(trained, config, prepared, folder, progress, runtime.device),
        "clipping": clip(config, data, folder, progress),
    }
    return rounded(results)


def require_reach(config: GradientsConfig, trained: Sequence[Subject] = ()) -> None:
    """Raise ``UserError`` where a cell is unknown, or a model's Jacobians are too large to be computed.

    Args:
        config: what and how much.
        trained: models to look into; where none are given, it is the cells of ``config``.
    """
    for one in trained:
        require_within_reach(one.name, one.model.cells[-1], "give a smaller model")
    if not trained:
        for cell in config.cells:
            require_cell_within_reach(cell, config.probe_size)


def has_float64(device: torch.device) -> bool:
    """Whether ``device`` knows the numbers in which gradients and Jacobians are measured."""
    return device.type != "mps"


def require_float64(device: torch.device) -> None:
    """Raise ``UserError`` where ``device`` has no float64."""
    if not has_float64(device):
        raise UserError("--device mps: gradients are measured in float64, which Apple GPUs lack; say --device cpu")


def look_into(
    trained: Sequence[Subject],
    config: GradientsConfig,
    prepared: PreparedCorpus,
    folder: Path,
    progress: Progress,
    device: torch.device,
) -> list[GradientModel]:
    """Measure each of ``trained``, within reach, beside a fresh start of its own; see ``run_gradients``."""
    subjects = [subject for one in trained for subject in (fresh_like(one, config.gradients_seed), one)]
    parts = Parts(folder / PARTS)
    text, tokens = prepared.texts["valid"], prepared.vocabulary.tokens
    results: list[GradientModel] = []
    with progress.task("gradients", 2.0 * len(subjects)) as task:
        for subject in subjects:
            key = {"config": to_json(config), "weights": weights_digest(subject.model), "corpus": prepared.describe()}
            name, model = f"{subject.name}-{subject.weights}", in_float64(subject.model, device)
            _show(task, len(results) * 2, f"{name}: by lag")
            lags = parts.get(f"{name}-lags", key, partial(measure_lags, model, text, config))
            _show(task, len(results) * 2 + 1, f"{name}: Jacobians")
            jacobians = parts.get(f"{name}-jacobians", key, partial(measure_jacobians, model, text, tokens, config))
            results.append({**_described(subject), **lags, **jacobians})
            _say(results[-1], progress)
    return results


def _described(subject: Subject) -> Described:
    config = subject.model.config
    return {
        "name": subject.name,
        "label": subject.label,
        "weights": subject.weights,
        "hidden_size": config.hidden_size,
        "layers": config.layers,
        "facts": subject.facts,
    }


def clip(config: GradientsConfig, data: TrainingData, folder: Path, progress: Progress) -> Clipping:
    """Do the clipping experiment, which needs no model; see ``run_gradients``."""
    small, parts = small_data(data), Parts(folder / PARTS)
    planned = [
        (setting, clip, config.gradients_seed + index)
        for index in range(config.clipping_seeds)
        for setting, clips in CLIPS.items()
        if setting.name == "exploding" or index < IDENTICAL_SEEDS
        for clip in clips
    ]
    runs: list[TrainedRun] = []
    with progress.task("clipping", float(len(planned))) as task:
        for setting, clip, seed in planned:
            _show(task, len(runs), f"{setting.name}, {clip.name}, seed {seed}")
            name = f"clipping-{setting.name}-{clip.clip}-{clip.threshold:g}-{seed}"
            key = {"setting": to_json(setting), "clip": to_json(clip), "steps": config.clipping_steps}
            compute = partial(train_clipped, setting, clip, seed, config.clipping_steps, small)
            runs.append(parts.get(name, key, compute))
    rows = summarize(runs)
    for row in rows:
        progress.say(
            f"clipping    {row['setting']['name']}, {row['clip']['name']}: {row['diverged']} of {row['runs']} diverged"
        )
    return {"rows": rows, "runs": [*runs], "vocabulary_size": len(small.counts_v)}


def _show(task: Task, done: int, what: str) -> None:
    task.update(float(done), now=what)


def _say(result: GradientModel, progress: Progress) -> None:
    slope, exponent = result["slope"]["mean"], result["lyapunov"]["exponents"][0]
    progress.say(
        f"gradients   {result['label']:<5} {result['weights']:<8} norm by lag {slope:+.4f} nats/step, predicted "
        f"{result['prediction']['predicted_slope']:+.4f}; largest Lyapunov exponent {exponent:+.4f}"
    )
