"""Probes, gradients, recall and searches on another device than the CPU: every tensor there, the numbers the CPU's.

No card is needed: see ``pretend_device``. On one, ``tests/gpu`` asks the same of CUDA.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from numbers_of import all_numbers
from pretend_device import pretended
from rnn_lm.cli import main
from rnn_lm.commands import explore, probe, sweep, theory
from rnn_lm.config import DeviceConfig, ModelConfig, RuntimeConfig
from rnn_lm.errors import UserError
from rnn_lm.experiments import parts
from rnn_lm.experiments.members import Member
from rnn_lm.experiments.parts import PartContext
from rnn_lm.failures import BAD_INPUT
from rnn_lm.gradients.config import GradientsConfig
from rnn_lm.gradients.measure import measure_jacobians, measure_lags
from rnn_lm.gradients.run import require_float64
from rnn_lm.gradients.unroll import in_float64
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.prepare import PreparedCorpus
from rnn_lm.probes import run
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.outcomes import Job, run_job
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.settings.catalogue import catalogue
from rnn_lm.settings.defaults import filled
from rnn_lm.stream import EncodedText
from rnn_lm.theory import recall
from rnn_lm.theory.config import TheoryConfig

V = 7
SMALL = GradientsConfig(
    lags=6, warm_up=3, positions=4, bptt_lengths=(1, 4), trajectories=2, jacobians=3, exponents=4
)  # fmt: skip
TINY = ProbeConfig(
    probes=("recall",), models=("lstm",), seeds=1, steps=2, batch_size=8, sentences=50, trained_distance=4,
    distances=(0, 2, 4), items=3, symbols=3, workers=1,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _single_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_pretended_device_notices_what_a_real_one_would() -> None:
    with pretended() as device:
        there, here = torch.ones(3, device=device), torch.ones(3)
        with pytest.raises(RuntimeError, match="same device"):
            there.add(here)
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()
        assert (there.cpu() + here).tolist() == (there + here.to(device)).tolist() == [2, 2, 2]


@pytest.mark.parametrize("cell", ["lstm", "mingru"])
def test_gradients_and_jacobians_are_the_cpus(cell: str) -> None:
    ids_n = torch.randint(1, V, (60,), generator=generator(1, "text"))
    text, tokens = EncodedText(ids_n, 0, 60), tuple(map(str, range(V)))
    sizes = ModelConfig(cell=cell, hidden_size=4, layers=2)
    model = RecurrentLanguageModel(V, 4, sizes, generator(1, "initialization"))
    found = []
    with pretended() as device:
        for place in (None, device):
            there = in_float64(model, place)
            assert there.device == (place or model.device)
            found.append({**measure_lags(there, text, SMALL), **measure_jacobians(there, text, tokens, SMALL)})
    assert found[1].keys() == found[0].keys()
    assert all_numbers(found[1]) == pytest.approx(all_numbers(found[0]), rel=1e-7, abs=1e-14)


def test_a_probe_is_the_cpus(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    expected = run_job(Job("recall", "lstm", 1), TINY, tmp_path)
    with pretended() as device:
        found = run_job(Job("recall", "lstm", 1), TINY, tmp_path, device)
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    assert (found.right, found.tokens) == (expected.right, expected.tokens)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gru", "attention"])
def test_recall_is_the_cpus(name: recall.NetworkName) -> None:
    config = TheoryConfig(recall_sizes=(2,), recall_symbols=3, recall_length=2, recall_updates=3)
    (sized,) = [one for one in recall.sized_networks(config) if one.name == name]
    found = [recall.train_and_measure(sized, config, SilentProgress())]
    with pretended() as device:
        found.append(recall.train_and_measure(sized, config, SilentProgress(), device))
    assert all_numbers(found[1]) == pytest.approx(all_numbers(found[0]), rel=1e-3, abs=1e-5)


def test_few_processes_share_a_device_unless_more_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    class Pool:
        def __init__(self, workers: int, *_: object, **__: object) -> None:
            started.append(workers)
            raise UserError("no pool here")

    monkeypatch.setattr(run, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(run.os, "cpu_count", lambda: 16)
    jobs = [Job("agreement", "lstm", seed) for seed in range(40)]
    unset = dataclasses.replace(TINY, workers=None)
    for config, device in ((unset, "cpu"), (unset, "meta"), (dataclasses.replace(TINY, workers=9), "meta")):
        with pytest.raises(UserError):
            list(run._run(jobs, config, tmp_path, torch.device(device)))
    assert started == [16, 4, 9]


def test_a_comparison_hands_its_device_to_what_gains_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr(parts, "run_probe", lambda *those: given.update(probes=those[3]) or {})
    monkeypatch.setattr(parts, "natural_suite", lambda *_: None)
    monkeypatch.setattr(parts, "run_theory", lambda *those: given.update(theory=len(those)) or {})
    monkeypatch.setattr(parts, "run_gradients", lambda *those: given.update(gradients=those[5].device) or {})
    runtime = Runtime(device=torch.device("meta"))
    model = RecurrentLanguageModel(V, 4, ModelConfig(hidden_size=4), generator(1, "initialization"))
    member, prepared = Mock(Member), Mock(PreparedCorpus)
    member.name, member.models, prepared.vocabulary = "lstm", [model], None
    context = PartContext(prepared, [member], {}, tmp_path, SilentProgress(), ("agreement",), runtime)
    parts.run_parts(("probes", "gradients", "theory"), context)
    assert given == {"probes": torch.device("meta"), "gradients": torch.device("meta"), "theory": 3}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
@pytest.mark.parametrize("command", ["probe", "gradients", "theory", "sweep"])
def test_a_device_that_is_not_here_is_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--out", str(tmp_path / "out"), "--device", "cuda:3"]) == BAD_INPUT
    assert capsys.readouterr().err.count("--device cuda: torch finds no CUDA device here; leave the flag out") == 1
    assert not (tmp_path / "out").exists()
    assert main([*command.split(), "--device", "tpu"]) == BAD_INPUT
    assert "--device tpu: write auto, cpu, cuda, cuda:N or mps" in capsys.readouterr().err


def test_what_has_no_float64_is_refused_for_gradients() -> None:
    require_float64(torch.device("cpu"))
    with pytest.raises(UserError, match="--device mps: gradients are measured in float64"):
        require_float64(torch.device("mps"))


def test_defaults() -> None:
    assert probe.Options().compute == DeviceConfig()
    assert theory.Options().compute == DeviceConfig(device="cpu")  # networks of 4 to 32 numbers
    for kind, wanted in ((theory.Options, "cpu"), (explore.Options, "cpu"), (probe.Options, "auto")):
        assert catalogue(kind)["device"].default == wanted
        assert filled(kind, {}).compute.device == wanted
        assert filled(kind, {"device": "mps"}).compute.device == "mps"
    assert catalogue(sweep.Options)["precision"].default == "32-true"
    assert filled(sweep.Options, {}).runtime == sweep.Options().runtime


@pytest.mark.slow
def test_a_sweep_trains_where_it_is_told_and_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rnn_lm.sweep import trial

    seen: list[Runtime] = []
    train = trial.train_recurrent

    def watched(*given: object, **named: object) -> object:
        seen.append(given[5])  # pyright: ignore[reportArgumentType]
        return train(*given, **named)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(trial, "train_recurrent", watched)
    text = tmp_path / "text.txt"
    text.write_text("the cat sees it\na dog likes fish\n" * 60)
    words = (
        f"sweep --corpus {text} --tokens whitespace --embedding random --embedding-size 4 --hidden-size 4 --trials 1"
    )
    words += f" --budget 3steps --batch-size 4 --bptt-length 6 --space layers=1,2 --out {tmp_path / 'sweep'}"
    assert main([*words.split(), "--precision", "bf16-mixed", "--device", "cpu"]) == 0
    assert [(one.precision, one.device.type) for one in seen] == [("bf16-mixed", "cpu")]
    results = (tmp_path / "sweep" / "results.json").read_text()
    assert '"precision": "bf16-mixed"' in results
    assert "--precision bf16-mixed" in results
    assert sweep.Options().runtime == RuntimeConfig(precision="32-true")
    with pytest.raises(UserError, match="--processes is for rnn-lm train"):
        sweep.Options(runtime=RuntimeConfig(processes=2))
