"""One model, one seed, one probe: train, ask, and keep which answers were right."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from jaxtyping import Float64

from rnn_lm.config import TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.files import read_json
from rnn_lm.kept import read_kept, write_kept
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.minimal_pairs import right_choices
from rnn_lm.probes.models import NGRAM, PRESETS, Setting, parameter_count
from rnn_lm.probes.sentences import Sentences
from rnn_lm.probes.tasks import PROBES
from rnn_lm.probes.training import train
from rnn_lm.runtime import Runtime, float32_is_float32, single_thread
from rnn_lm.schema import first_problem
from rnn_lm.seeding import generator


@dataclass(frozen=True)
class Job:
    """What one process does in one go."""

    probe: str
    model: str
    seed: int

    def path(self, folder: Path) -> Path:
        """Where its outcome is kept."""
        return folder / "runs" / f"{self.probe}-{self.model}-{self.seed}.json"


@dataclass(frozen=True)
class Outcome:
    """What a job found.

    Attributes:
        probe, model, seed: of the job.
        parameters: trained numbers, or n-grams stored.
        seconds: of training and asking.
        loss: final training loss in nats per token; None for the n-gram.
        clipped_share: share of steps whose gradient was clipped; None for the n-gram.
        tokens: training tokens read.
        right: for each suite, a 1 or a 0 per item: right or wrong.
    """

    probe: str
    model: str
    seed: int
    parameters: int
    seconds: float
    loss: float | None
    clipped_share: float | None
    tokens: int
    right: dict[str, str]

    def right_n(self, suite: str) -> Float64[np.ndarray, "N"]:
        """The answers to one suite as numbers; raises ``UserError`` where there are none."""
        if suite not in self.right:
            kept = Job(self.probe, self.model, self.seed).path(Path())
            raise UserError(f"{kept}: holds no answers to the suite {suite!r}; remove it and run again")
        return np.array([float(answer) for answer in self.right[suite]])


class _Facts(TypedDict):
    """What an outcome says of its training; see ``Outcome``."""

    parameters: int
    loss: float | None
    clipped_share: float | None
    tokens: int


def run_job(job: Job, config: ProbeConfig, folder: Path, device: torch.device = Runtime.device) -> Outcome:
    """Train and ask on ``device``, on one thread whatever the machine, and keep the outcome in ``folder``."""
    started = time.monotonic()
    if device.type == "cuda":
        float32_is_float32()  # this may be a process of its own
    probe = PROBES[job.probe](config)
    text = probe.train_text(config, job.seed)
    with single_thread():
        model, facts = _trained(job, config, text, len(probe.tokens), Runtime(device=device))
        right = {
            name: "".join(str(int(answer)) for answer in right_choices(model, suite, probe.eos_id))
            for name, suite in probe.suites.items()
        }
    outcome = Outcome(job.probe, job.model, job.seed, right=right, seconds=time.monotonic() - started, **facts)
    write_kept(job.path(folder), asdict(job), asdict(outcome))
    return outcome


def _trained(
    job: Job, config: ProbeConfig, text: Sentences, vocabulary_size: int, runtime: Runtime
) -> tuple[LanguageModel, _Facts]:
    if job.model == "ngram":
        encoded = text.encoded()
        ngram = NgramLanguageModel.train(encoded, vocabulary_size, NGRAM)
        return ngram, {
            "parameters": ngram.parameters_count,
            "loss": None,
            "clipped_share": None,
            "tokens": len(encoded),
        }
    preset = PRESETS[job.model]
    start = generator(job.seed, f"probe start {job.model}")
    model = preset.build(vocabulary_size, start, job.probe).to(runtime.device)
    order = generator(job.seed, "probe order")
    settings = training_config(preset.setting(job.probe), config.batch_size)
    summary = train(model, text, config.steps, settings, order, runtime)
    return model, {
        "parameters": parameter_count(model),
        "loss": summary.loss,
        "clipped_share": summary.clipped_share,
        "tokens": summary.tokens,
    }


def training_config(setting: Setting, batch_size: int) -> TrainingConfig:
    """The setting as the training loop reads it: AdamW, cosine schedule with 5% warm-up, clipping by norm."""
    return TrainingConfig(
        batch_size=batch_size, learning_rate=setting.learning_rate, clip_threshold=setting.clip_norm, warmup=0.05
    )


def load_outcome(job: Job, folder: Path) -> Outcome | None:
    """What an earlier run kept, or None where there is nothing; raises ``UserError`` where the file is not one."""
    path = job.path(folder)
    if not path.exists():
        return None
    kept = read_kept(path, asdict(job))
    values = kept if kept is not None else read_json(path)  # version 0.1 wrote the outcome alone
    problem = first_problem(values, Outcome)
    if problem is None and (values.keys() != {field.name for field in fields(Outcome)} or _job_of(values) != job):
        problem = "it is another job's"
    if problem is None and any(set(answers) - {"0", "1"} for answers in values["right"].values()):
        problem = "an answer is neither 0 nor 1"
    if problem is not None:
        raise UserError(f"{path}: not an outcome written by rnn-lm probe ({problem}); remove it and run again")
    return Outcome(**values)


def _job_of(outcome: dict[str, Any]) -> Job:
    return Job(outcome["probe"], outcome["model"], outcome["seed"])
