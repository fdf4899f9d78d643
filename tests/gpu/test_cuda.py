"""What the CPU computes, on a CUDA device: `make test-gpu`. Skipped, saying why, where there is none.

``RNN_LM_TEST_DEVICE=cpu`` runs all of it on the CPU, which shows that the tests themselves run.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from numbers_of import all_numbers
from rnn_lm.adaptation.config import CacheSettings, DynamicSettings
from rnn_lm.adaptation.dynamic import Dynamic, root_mean_square_gradients
from rnn_lm.adaptation.reading import read_adapting
from rnn_lm.cli import main
from rnn_lm.config import GenerationConfig, ModelConfig, RuntimeConfig, TrainingConfig
from rnn_lm.evaluation.generation import generate
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.gradients.config import GradientsConfig
from rnn_lm.gradients.measure import measure_jacobians, measure_lags
from rnn_lm.gradients.unroll import in_float64
from rnn_lm.models.families import BASELINE, family_of, model_names
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.outcomes import Job, run_job
from rnn_lm.probes.run import run_probe
from rnn_lm.progress import SilentProgress
from rnn_lm.recipes import PRESETS
from rnn_lm.runtime import Runtime, open_device, start_runtime
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.recall import sized_networks, train_and_measure
from rnn_lm.training.trainer import Trainer, TrainingData
from rnn_lm.vocabulary import Vocabulary

DEVICE = os.environ.get("RNN_LM_TEST_DEVICE", "cuda")
pytestmark = pytest.mark.skipif(
    DEVICE == "cuda" and not torch.cuda.is_available(), reason="torch finds no CUDA device here"
)
V = 60
MODELS = [name for name in model_names() if name != BASELINE]
DROPPED = ("rnn", "rnn-relu", "gru", "lstm", "mogrifier")
"""Cells with a recurrent matrix to drop."""


def device_runtime(precision: Any = "32-true", graphs: bool = True) -> Runtime:
    return start_runtime(RuntimeConfig(device=DEVICE, precision=precision, graphs=graphs))


def text(size: int = 6000) -> EncodedText:
    ids_n = torch.randint(1, V, (size,), generator=generator(1, "text"))
    ids_n[1::2] = ids_n[::2] % (V - 1) + 1
    ids_n[9::10] = 0
    ids_n[-1] = 0
    return EncodedText(ids_n, 0, size)


def trainer_of(runtime: Runtime, folder: Path | None = None, dtype: Any = None, **changed: Any) -> Trainer:
    cell, masks = changed.pop("cell", "lstm"), changed.pop("masks", "segment")
    model_config = ModelConfig(
        cell=cell, hidden_size=32, layers=3, last_hidden_size=None if cell == "attention" else 16, heads=2,
        dropout_input=0.1, dropout_between=0.1, dropout_output=0.2, dropout_embedding=0.1, dropout_masks=masks,
        dropout_recurrent=0.3 if cell in DROPPED else 0.0, mogrifier_rank=3,
        tie_weights=changed.get("softmax") != "adaptive",
        decoder="adaptive" if changed.get("softmax") == "adaptive" else "full",
    )  # fmt: skip
    model = family_of(cell).build(V, 16, model_config, generator(1, "initialization"))
    model = model.to(runtime.device, dtype)
    settings: dict[str, Any] = {"budget": "60steps", "batch_size": 8, "bptt_length": 12, "softmax_samples": 20}
    config = TrainingConfig(**{**settings, "carry": "always", "learning_rate": 0.01, **changed})
    whole = text()
    data = TrainingData(whole, whole, torch.bincount(whole.ids_n, minlength=V))
    return Trainer(model, data, config, folder, SilentProgress(), runtime=runtime)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("softmax", ["exact", "sampled", "adaptive"])
@pytest.mark.parametrize("masks", ["segment", "step"])
@pytest.mark.parametrize("cell", MODELS)
def test_a_step_is_the_cpus(cell: str, masks: str, softmax: str, dtype: torch.dtype) -> None:
    found = []
    for runtime in (Runtime(), device_runtime()):
        trainer = trainer_of(runtime, dtype=dtype, cell=cell, masks=masks, softmax=softmax, clip="none")
        trainer.random = {purpose: generator(1, purpose) for purpose in trainer.random}  # the same masks for both
        records = [trainer.step() for _ in range(2)]
        gradients = [one.grad.cpu() for one in trainer.model.parameters() if one.grad is not None]
        found.append(([record.loss for record in records], gradients))
    close = 1e-8 if dtype == torch.float64 else 2e-3
    assert found[1][0] == pytest.approx(found[0][0], rel=close)
    for one, other in zip(found[1][1], found[0][1], strict=True):
        assert float((one - other).norm()) <= close * max(float(other.norm()), 1e-3)


@pytest.mark.parametrize("units", [32, 30])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_equal_layers_run_by_one_call_are_the_cpus(cell: str, precision: Any, units: int) -> None:
    found = []
    for runtime in (Runtime(), device_runtime(precision)):
        sizes = ModelConfig(cell=cell, hidden_size=units, layers=3)
        model = RecurrentLanguageModel(V, 16, sizes, generator(1, "initialization")).to(runtime.device)
        ids_tb = text(70).ids_n.view(10, 7).to(runtime.device)
        with warnings.catch_warnings(), runtime.autocast():
            warnings.simplefilter("error")  # cuDNN's, where weights do not lie as it has them
            output_tbh, state = model.hidden(ids_tb, model.initial_state(7))
        (output_tbh.square().sum() + state[-1].square().sum()).backward()
        gradients = [one.grad for one in model.layers.parameters()]
        found.append([one.detach().cpu() for one in (output_tbh, *state, *gradients) if one is not None])
    for one, other in zip(found[1], found[0], strict=True):
        close = 1e-4 if precision == "32-true" else 0.03
        assert float((one - other).norm()) <= close * float(other.norm())


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("clip", ["norm", "value"])
def test_gradients_are_clipped_as_on_the_cpu(clip: str, optimizer: str) -> None:
    found = []
    for runtime in (Runtime(), device_runtime()):
        settings: dict[str, Any] = {"clip": clip, "clip_threshold": 0.01, "optimizer": optimizer, "softmax": "exact"}
        trainer = trainer_of(runtime, **settings)
        trainer.random = {purpose: generator(1, purpose) for purpose in trainer.random}
        record = trainer.step()
        found.append(
            (record.norm_after, [one.grad.cpu() for one in trainer.model.parameters() if one.grad is not None])
        )
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-3)
    for one, other in zip(found[1][1], found[0][1], strict=True):
        assert float((one - other).norm()) <= 2e-3 * max(float(other.norm()), 1e-5)


@pytest.mark.skipif(DEVICE == "cpu", reason="the CPU answers at once")
@pytest.mark.parametrize("softmax", ["exact", "sampled"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mogrifier", "attention"])
def test_a_step_never_waits(cell: str, precision: str, softmax: str) -> None:
    trainer = trainer_of(device_runtime(precision), cell=cell, softmax=softmax)
    trainer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this mode may change
        torch.cuda.set_sync_debug_mode("error")
    try:
        taken = [trainer.take() for _ in range(3)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(taken) == 3


@pytest.mark.skipif(DEVICE == "cpu", reason="the CPU records nothing")
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("softmax", ["exact", "sampled"])
@pytest.mark.parametrize("cell", MODELS)
def test_recorded_steps_are_the_plain_ones(cell: str, softmax: str, optimizer: str) -> None:
    found, trainers = [], []
    for graphs in (False, True):
        trainer = trainer_of(
            device_runtime(graphs=graphs), cell=cell, softmax=softmax, optimizer=optimizer, bptt_spread=2
        )
        found.append([trainer.step().loss for _ in range(40)])
        trainers.append(trainer)
    recorded = trainers[1].recorded
    assert recorded is not None
    assert recorded.refused is None
    assert cell == "attention" or recorded.count > 0
    assert found[1] == pytest.approx(found[0], rel=1e-3)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_past_decode_learns_as_on_the_cpu_recorded_or_not(precision: str) -> None:
    found = []
    for runtime in (Runtime(precision), device_runtime(precision, graphs=False)):  # pyright: ignore[reportArgumentType]
        trainer = trainer_of(runtime, softmax="exact", past_decode_penalty=0.5)
        trainer.random = {purpose: generator(1, purpose) for purpose in trainer.random}
        first, *_ = losses = [trainer.step().loss for _ in range(6)]
        assert losses[-1] < first
        found.append(losses)
    assert found[1] == pytest.approx(found[0], rel=1e-3 if precision == "32-true" else 0.03)
    trainers = [
        trainer_of(device_runtime(precision, graphs=graphs), softmax="exact", past_decode_penalty=0.5)
        for graphs in (False, True)
    ]
    plain, played = ([trainer.step().loss for _ in range(12)] for trainer in trainers)
    assert played == pytest.approx(plain, rel=1e-3 if precision == "32-true" else 0.02)
    recorded = trainers[1].recorded
    assert DEVICE == "cpu" or (recorded is not None and recorded.count > 0)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mogrifier"])
def test_bfloat16_stays_near_float32(cell: str) -> None:
    losses = [
        [trainer_of_precision.step().loss for _ in range(60)]
        for trainer_of_precision in (trainer_of(device_runtime(p), cell=cell) for p in ("32-true", "bf16-mixed"))
    ]
    assert losses[0] != losses[1]
    assert losses[1][-1] == pytest.approx(losses[0][-1], abs=0.2)


def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = trainer_of(device_runtime())
    for _ in range(20):
        whole.step()
    first = trainer_of(device_runtime(), tmp_path)
    for _ in range(9):
        first.log.add(first.step())
    first.checkpoint.write(first.log)
    first.log.close()
    resumed = trainer_of(device_runtime(), tmp_path)
    while resumed.position.step < 20:
        resumed.step()
    resumed.log.close()
    for one, other in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("policy", ["stream", "sentence"])
@pytest.mark.parametrize("cell", MODELS)
def test_scores_and_words_are_the_cpus(cell: str, policy: Any) -> None:
    model = family_of(cell).build(
        V, 16, ModelConfig(cell=cell, hidden_size=16, heads=2), generator(1, "initialization")
    )
    words = Vocabulary(["<unk>", "<eos>", *map(str, range(V - 2))], [1] * V)
    greedy = GenerationConfig(length=20, temperature=0.0)
    expected, written = score_text(model, text(800), policy), list(generate(model, [3], greedy, words))
    model.to(open_device(RuntimeConfig(device=DEVICE)))
    assert score_text(model, text(800), policy).nll_n == pytest.approx(expected.nll_n, abs=1e-4)
    assert list(generate(model, [3], greedy, words)) == written


@pytest.mark.parametrize("update", ["sgd", "rms"])
@pytest.mark.parametrize("cell", ["gru", "lstm", "mogrifier", "mingru", "attention"])
def test_adapting_scores_are_the_cpus_recorded_or_not(cell: str, update: Any) -> None:
    config = ModelConfig(cell=cell, hidden_size=16, heads=2, attention_window=12, mogrifier_rank=3)
    model, caches, found = None, [CacheSettings(50, 0.3, 0.2)], []
    for device in (torch.device("cpu"), device_runtime().device):
        model = family_of(cell).build(V, 16, config, generator(1, "initialization")).to(device)
        squares = root_mean_square_gradients(model, text(600), 5, SilentProgress()) if update == "rms" else {}
        dynamic = Dynamic(DynamicSettings(update, 0.01), squares)
        found.append(read_adapting(model, text(400), caches, dynamic))
    plain = read_adapting(model, text(400), caches, dynamic, recorder=Unable())
    for other in (found[1], plain):
        assert other.nll_n == pytest.approx(found[0].nll_n, abs=2e-3)
        assert other.cached_cn[0, 1:] == pytest.approx(found[0].cached_cn[0, 1:], abs=2e-3)


class Unable:
    """Records nothing."""

    def record(self, work: Any) -> Any:
        raise RuntimeError(f"{work} cannot be recorded")

    def within(self, work: Any) -> Any:
        return work()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mogrifier", "mingru", "deltanet"])
def test_gradients_and_jacobians_are_the_cpus(cell: str) -> None:
    sizes = ModelConfig(cell=cell, hidden_size=16, layers=2, mogrifier_rank=3)
    model = family_of(cell).build(V, 16, sizes, generator(1, "initialization"))
    assert isinstance(model, RecurrentLanguageModel)
    config = GradientsConfig(lags=20, warm_up=10, positions=8, bptt_lengths=(1, 10), trajectories=2, jacobians=5)
    tokens, found = tuple(map(str, range(V))), []
    for device in (None, device_runtime().device):
        there = in_float64(model, device)
        found.append({**measure_lags(there, text(800), config), **measure_jacobians(there, text(800), tokens, config)})
    assert found[1].keys() == found[0].keys()
    assert all_numbers(found[1]) == pytest.approx(all_numbers(found[0]), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("model", ["rnn", "gru", "lstm", "attention", "mingru", "deltanet"])
def test_a_probe_learns_as_on_the_cpu(model: str, tmp_path: Path) -> None:
    config = ProbeConfig(
        probes=("recall",), models=(model,), seeds=1, steps=40, sentences=400, distances=(0, 4, 8), items=20, symbols=4
    )
    (tmp_path / "runs").mkdir()
    job = Job("recall", model, 1)
    expected, found = (run_job(job, config, tmp_path, place) for place in (Runtime.device, device_runtime().device))
    assert (found.loss, found.tokens) == (pytest.approx(expected.loss, rel=0.02), expected.tokens)
    differing = [
        a != b for suite, those in found.right.items() for a, b in zip(those, expected.right[suite], strict=True)
    ]
    assert sum(differing) <= len(differing) / 10  # of answers that hang on a rounding


def test_several_processes_share_the_device(tmp_path: Path) -> None:
    config = ProbeConfig(
        probes=("recall",), models=("gru",), seeds=2, steps=3, sentences=60, distances=(0, 2, 4), items=4, workers=2
    )
    results = run_probe(config, tmp_path, SilentProgress(), device_runtime().device)
    assert results["seeds"] == [1, 2]


@pytest.mark.parametrize("name", ["rnn", "lstm", "mingru", "deltanet", "attention"])
def test_recall_learns_as_on_the_cpu(name: str) -> None:
    config = TheoryConfig(recall_sizes=(8,), recall_symbols=4, recall_length=2, recall_updates=60)
    sized = next(one for one in sized_networks(config) if one.name == name)
    bits = [
        train_and_measure(sized, config, SilentProgress(), place)["by_length"][0]["bits"]
        for place in (None, device_runtime().device)
    ]
    assert bits[1] == pytest.approx(bits[0], abs=0.1)


@pytest.mark.parametrize("command", ["gradients", "sweep"])
def test_commands_train_on_the_device(command: str, tmp_path: Path) -> None:
    for package in ("altair", "vl_convert", "optuna"):
        pytest.importorskip(package, reason=f"{command} needs {package}, or draws with it")
    file, out = tmp_path / "text.txt", tmp_path / "out"
    file.write_text("the cat sees it\na dog likes fish\nmy son has me\n" * 120)
    own = {
        "gradients": "--cells lstm --probe-size 8 --probe-budget 40steps --lags 12 --warm-up 5 --positions 4 "
        "--trajectories 2 --jacobians 4 --clipping-seeds 1 --clipping-steps 20",
        "sweep": "--embedding random --embedding-size 8 --hidden-size 8 --budget 40steps --batch-size 4 "
        "--bptt-length 6 --space layers=1,2 --trials 2 --precision bf16-mixed",
    }[command]
    words = f"{command} --corpus {file} --tokens whitespace --device {DEVICE} --out {out} {own}"
    assert main(words.split()) == 0
    assert (out / "results.json").exists()


@pytest.mark.skipif(DEVICE == "cpu", reason="recipes at their sizes are for a GPU")
@pytest.mark.parametrize("name", PRESETS)
def test_a_recipe_takes_thirty_steps(name: str) -> None:
    values = PRESETS[name].values
    model_config = ModelConfig(**values.get("model", {}))
    settings = {**values.get("training", {}), "budget": "30steps", "validations": 1, "valid_tokens": 100}
    size = values.get("embedding", {}).get("embedding_size", 300)
    runtime, whole = device_runtime("bf16-mixed"), text(60_000)
    model = family_of(model_config.cell).build(10_000, size, model_config, generator(1, "initialization"))
    data = TrainingData(whole, whole, torch.bincount(whole.ids_n, minlength=10_000))
    trainer = Trainer(
        model.to(runtime.device), data, TrainingConfig(**settings), None, SilentProgress(), runtime=runtime
    )
    steps = trainer.run(name).log.steps
    assert len(steps) == 30
    assert steps[-1].loss < steps[0].loss
