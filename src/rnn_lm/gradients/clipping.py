"""What clipping does: one run, repeated with each way of clipping, where gradients explode and where they vanish.

Between the runs of one seed everything but the clipping is equal: start, text, order, learning rate.

    exploding   an Elman network with relu, its recurrent matrix starting at a spectral radius of 1.5, plain gradient
                descent at a high learning rate: none, norm, value
    vanishing   the tanh network, starting at a radius of 0.5: none; norm and value with thresholds that are never
                reached, which must change no bit; and norm with a threshold that every step reaches
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import torch

from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.gradients.by_lag import geometric_summary, norms_by_lag
from rnn_lm.gradients.results import ClipJson, ClippingRow, Outcome, SettingJson, TrainedRun
from rnn_lm.gradients.subjects import weights_digest
from rnn_lm.gradients.unroll import in_float64
from rnn_lm.gradients.windows import spread_windows
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.progress import SilentProgress
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText
from rnn_lm.training.trainer import Trainer, TrainingData, TrainingDiverged
from rnn_lm.vocabulary import Vocabulary

VOCABULARY_SIZE = 1000
"""The most frequent tokens of the text; the others are read as <unk>. Keeps a run at a few seconds."""
TRAIN_TOKENS = 40_000
VALID_TOKENS = 2_000
HIDDEN_SIZE = 64
BATCH_SIZE = 16
BPTT_LENGTH = 50
LAG_ROWS = 40
"""Longest lag at which the vanishing runs' gradients are compared."""


@dataclass(frozen=True)
class Setting:
    """A network and learning rate under which gradients misbehave.

    Attributes:
        name: "exploding" or "vanishing".
        cell: of the network.
        recurrent_gain: spectral radius of the recurrent matrix at the start.
        learning_rate: of plain gradient descent, constant.
    """

    name: str
    cell: str
    recurrent_gain: float
    learning_rate: float

    def to_json(self) -> SettingJson:
        """Return it as plain values."""
        return {
            "name": self.name,
            "cell": self.cell,
            "recurrent_gain": self.recurrent_gain,
            "learning_rate": self.learning_rate,
        }


@dataclass(frozen=True)
class Clip:
    """One way of clipping.

    Attributes:
        name: for tables.
        clip: as in ``TrainingConfig``.
        threshold: as ``clip_threshold`` there.
    """

    name: str
    clip: Literal["norm", "value", "none"]
    threshold: float

    def to_json(self) -> ClipJson:
        """Return it as plain values."""
        return {"name": self.name, "clip": self.clip, "threshold": self.threshold}


EXPLODING = Setting("exploding", "rnn-relu", recurrent_gain=1.5, learning_rate=2.0)
VANISHING = Setting("vanishing", "rnn", recurrent_gain=0.5, learning_rate=1.0)
CLIPS: dict[Setting, tuple[Clip, ...]] = {
    EXPLODING: (
        Clip("no clipping", "none", 1.0),
        Clip("norm clipped at 1", "norm", 1.0),
        Clip("values clipped at 0.05", "value", 0.05),
    ),
    VANISHING: (
        Clip("no clipping", "none", 1.0),
        Clip("norm clipped at 100 (never reached)", "norm", 100.0),
        Clip("values clipped at 100 (never reached)", "value", 100.0),
        Clip("norm clipped at 0.1 (always reached)", "norm", 0.1),
    ),
}
"""The experiment; the first of each is the run without clipping."""


def small_data(data: TrainingData) -> TrainingData:
    """The first tokens of both texts with a small vocabulary; ids are ordered by frequency, so a bound will do."""
    size = min(VOCABULARY_SIZE, len(data.counts_v))
    train, valid = _reduced(data.train, TRAIN_TOKENS, size), _reduced(data.valid, VALID_TOKENS, size)
    return TrainingData(train, valid, torch.bincount(train.ids_n, minlength=size))


def _reduced(text: EncodedText, tokens: int, size: int) -> EncodedText:
    ids_n = text.at(torch.arange(min(tokens, len(text))))
    return EncodedText(ids_n.where(ids_n < size, Vocabulary.unk_id), text.eos_id, text.characters)


def train_clipped(setting: Setting, clip: Clip, seed: int, steps: int, data: TrainingData) -> TrainedRun:
    """One run. It has diverged if the loss or the gradient stopped being a number, or the model ended up worse than
    guessing every token with the same probability.

    Args:
        setting: see ``Setting``.
        clip: see ``Clip``.
        seed: of start and training.
        steps: how many.
        data: see ``small_data``.

    Returns:
        Plain JSON values: outcome, gradient norms by step, digest of the weights, and (where it ended in numbers) the
        norm of d loss(T) / d h(T-k) of the model it ended with.
    """
    vocabulary_size = len(data.counts_v)
    config = ModelConfig(cell=setting.cell, hidden_size=HIDDEN_SIZE, recurrent_gain=setting.recurrent_gain)
    model = RecurrentLanguageModel(vocabulary_size, HIDDEN_SIZE, config, generator(seed, "initialization"))
    trainer = Trainer(model, data, _training(setting, clip, seed, steps), None, SilentProgress())
    stopped = None
    try:
        trainer.run(f"{setting.name}, {clip.name}")
    except TrainingDiverged:
        stopped = trainer.position.step + 1
    nll = trainer.log.validations[-1].valid_nll if stopped is None else math.nan
    ended_in_numbers = math.isfinite(nll)
    return {
        "setting": setting.name,
        "clip": clip.name,
        "seed": seed,
        "diverged": not (ended_in_numbers and nll < math.log(vocabulary_size)),
        "stopped_at": stopped,
        "final_perplexity": math.exp(nll) if ended_in_numbers and nll < 700 else None,
        "norms": {
            "before": [record.norm_before for record in trainer.log.steps],
            "after": [record.norm_after for record in trainer.log.steps],
        },
        "weights": weights_digest(model),
        "by_lag": _by_lag(model, data.valid) if ended_in_numbers else None,
    }


def _training(setting: Setting, clip: Clip, seed: int, steps: int) -> TrainingConfig:
    return TrainingConfig(
        budget=f"{steps}steps",
        batch_size=BATCH_SIZE,
        bptt_length=BPTT_LENGTH,
        optimizer="sgd",
        learning_rate=setting.learning_rate,
        schedule="constant",
        warmup=0.0,
        clip=clip.clip,
        clip_threshold=clip.threshold,
        softmax="exact",
        validations=1,
        valid_tokens=VALID_TOKENS,
        seed=seed,
    )


def _by_lag(model: RecurrentLanguageModel, valid: EncodedText) -> list[float]:
    windows = spread_windows(valid, 2 * LAG_ROWS, 32)
    return geometric_summary(norms_by_lag(in_float64(model), windows, LAG_ROWS)["hidden"])["mean"]


def summarize(runs: Sequence[TrainedRun]) -> list[ClippingRow]:
    """One row per setting and way of clipping: the outcome over seeds, and whether clipping changed any weight."""
    rows: list[ClippingRow] = []
    for setting, clips in CLIPS.items():
        unclipped = {run["seed"]: run["weights"] for run in _of(runs, setting.name, clips[0].name)}
        for clip in clips:
            chosen = _of(runs, setting.name, clip.name)
            rows.append({**_row(chosen, unclipped), "setting": setting.to_json(), "clip": clip.to_json()})
    return rows


def _of(runs: Sequence[TrainedRun], setting: str, clip: str) -> list[TrainedRun]:
    return [run for run in runs if (run["setting"], run["clip"]) == (setting, clip)]


def _row(runs: Sequence[TrainedRun], unclipped: dict[int, str]) -> Outcome:
    kept = sorted(
        run["final_perplexity"] for run in runs if not run["diverged"] and run["final_perplexity"] is not None
    )
    lags = [by_lag[-1] / by_lag[0] for run in runs if (by_lag := run["by_lag"])]
    count = len(runs)
    return {
        "runs": count,
        "diverged": sum(run["diverged"] for run in runs),
        "perplexity": {"low": kept[0], "median": median(kept), "high": kept[-1]} if kept else None,
        "largest_norm": max((norm for run in runs for norm in run["norms"]["before"]), default=0.0),
        "clipped_share": sum(map(_clipped_share, runs)) / count,
        "same_weights_as_unclipped": all(run["weights"] == unclipped[run["seed"]] for run in runs),
        "long_lag_share": math.exp(sum(math.log(max(lag, 1e-300)) for lag in lags) / len(lags)) if lags else None,
    }


def _clipped_share(run: TrainedRun) -> float:
    """Share of steps that clipping shortened, by more than rounding."""
    pairs = list(zip(run["norms"]["before"], run["norms"]["after"], strict=True))
    return sum(after < before * (1 - 1e-5) for before, after in pairs) / max(1, len(pairs))
