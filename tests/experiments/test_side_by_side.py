"""``compare --workers``: the same results, whoever made what; gone on with; refused where it cannot be."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rnn_lm.cli import main
from rnn_lm.commands import compare
from rnn_lm.errors import UserError
from rnn_lm.experiments import comparison, crew, side_by_side
from rnn_lm.experiments.compare import run_compare
from rnn_lm.experiments.comparison import check_compare
from rnn_lm.flags import parse_options
from rnn_lm.gradients import run as gradients_run
from rnn_lm.prepare import prepare
from rnn_lm.probes import run as probes_run
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import Runtime
from rnn_lm.theory import recall

SIZES = """
    --tokens whitespace --embedding-size 8 --hidden-size 8 --batch-size 4
    --bptt-length 6 --length 5 --validations 1 --softmax-samples 20 --models rnn gru lstm --device cpu --parts
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Models are then made with as many threads by one process and by several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw, folder = random.Random(1), tmp_path_factory.mktemp("corpus")
    words = [f"w{number}" for number in range(40)]
    for name, count in (("train", 300), ("valid", 60), ("test", 150)):
        lines = (" ".join(draw.choices(words, weights=range(1, 41), k=6)) for _ in range(count))
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return folder


def flags_for(corpus: Path, *flags: str) -> list[str]:
    """What a comparison is to be."""
    return ["--corpus", str(corpus), *SIZES.split(), *flags]


def timeless(results: Any) -> Any:
    """Results without the times that it took."""
    if isinstance(results, dict):
        left_out = ("seconds", "training_seconds", "made")
        return {name: timeless(value) for name, value in results.items() if name not in left_out}
    return [timeless(one) for one in results] if isinstance(results, list) else results


def assert_close(found: Any, expected: Any, rel: float) -> None:
    """The same plain values, numbers to ``rel`` of their size."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert_close(found[name], value, rel)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other, rel)
    else:
        assert found == (pytest.approx(expected, rel=rel) if isinstance(expected, float) else expected)


class Noting(SilentProgress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


@pytest.mark.slow  # processes are started twice
def test_several_at_a_time_come_to_what_one_after_the_other_do_also_resumed(corpus, tmp_path):
    """One model is there already when the workers are started."""
    options = parse_options(compare.Options, flags_for(corpus, "--embedding", "random", "--budget", "4steps"), "rnn-lm")
    settings, alone, both = compare.settings_of(options), tmp_path / "alone", tmp_path / "both"
    one_by_one = run_compare(settings, alone, SilentProgress(), resume=False)
    shutil.copytree(alone / "gru-seed1", both / "gru-seed1")
    told = Noting()
    assert timeless(run_compare(settings, both, told, resume=True, workers=2)) == timeless(one_by_one)
    assert [model["name"] for model in one_by_one["models"]] == ["rnn", "gru", "lstm"]
    assert "workers     2 models at a time, a thread each" in told.lines
    for name in ("rnn", "gru", "lstm"):
        assert sum(f"] {name}, seed 1: " in line for line in told.lines) == 1
        assert sum(line.startswith(f"  {name}: test perplexity ") for line in told.lines) == 1
        first, second = (load_file(folder / f"{name}-seed1" / "best.safetensors") for folder in (alone, both))
        assert first.keys() == second.keys()
        assert all(first[part].equal(second[part]) for part in first)


@pytest.mark.slow  # a minute: word2vec, four models, theory, gradients and one suite of the probes, twice
def test_parts_made_beside_the_models_come_to_what_they_do_after_them(corpus, tmp_path, monkeypatch):
    flags = [flag for flag in flags_for(corpus, "--budget", "4steps", "--embedding-epochs", "1") if flag != "--parts"]
    options = parse_options(compare.Options, [*flags, "--suites", "agreement"], "rnn-lm")
    settings = compare.settings_of(options)
    one_by_one = run_compare(settings, tmp_path / "alone", SilentProgress(), resume=False)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("was to be found made")

    for module, name in (
        (probes_run, "run_job"),
        (gradients_run, "measure_lags"),
        (gradients_run, "measure_jacobians"),
        (gradients_run, "train_clipped"),
        (recall, "train_and_measure"),
    ):
        monkeypatch.setattr(module, name, never)
    told = Noting()
    both = run_compare(settings, tmp_path / "both", told, resume=False, workers=2)
    found, expected = (timeless(json.loads(json.dumps(one))) for one in (both, one_by_one))  # as results.json has them
    # Some of the theory's small networks differ from process to process, by 1e-12, also without this.
    assert_close(found.pop("theory"), expected.pop("theory"), rel=1e-9)
    for name, part in expected.items():
        assert found[name] == part, name
    assert sum(line.startswith("  word2vec: embedding word2vec") for line in told.lines) == 1


def compared(corpus: Path, out: Path, *flags: str) -> dict[str, Any]:
    """The results of a comparison in ``out``."""
    assert main(["compare", *flags_for(corpus, "--out", str(out), *flags)]) == 0
    return json.loads((out / "results.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_signal_has_every_worker_write_and_a_resumed_run_is_as_an_unbroken_one(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    flags = flags_for(
        corpus, "--embedding-epochs", "1", "--budget", "400steps", "--out", str(tmp_path / "out"), "--workers", "2"
    )
    command = [sys.executable, "-m", "rnn_lm", "compare", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    logs = [tmp_path / "out" / f"{name}-seed1" / "training.jsonl" for name in ("rnn", "gru")]
    deadline = time.monotonic() + 60
    while not all(log.exists() for log in logs):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, (out, said)
    assert said.splitlines() == ["rnn-lm: stopped; what is finished is kept, and --resume goes on from there"]
    for name in ("rnn", "gru"):
        assert (tmp_path / "out" / f"{name}-seed1" / "last.safetensors").exists()
        assert not (tmp_path / "out" / f"{name}-seed1" / "scores.safetensors").exists()
    resumed = compared(
        corpus, tmp_path / "out", "--embedding-epochs", "1", "--budget", "400steps", "--resume", "--workers", "3"
    )
    assert [model["name"] for model in resumed["models"]] == ["rnn", "gru", "lstm", "lstm-random"]
    assert timeless(resumed) == timeless(
        compared(corpus, tmp_path / "whole", "--embedding-epochs", "1", "--budget", "400steps")
    )
    assert resumed["made"]["workers"] == 3
    assert "shared by 3 models at a time" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_model_that_diverges_ends_the_command_in_one_line(corpus, tmp_path, capsys):
    flags = flags_for(corpus, "--embedding-epochs", "1", "--budget", "400steps", "--out", str(tmp_path / "out"))
    wild = ["--optimizer", "sgd", "--clip", "none", "--rnn-learning-rate", "9999"]
    assert main(["compare", *flags, *wild, "--workers", "2"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert " became " in line
    assert list((tmp_path / "out").glob("*-seed1/diverged.json"))
    assert not (tmp_path / "out" / "results.json").exists()
    assert main(["compare", *flags, *wild, "--workers", "2", "--resume"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "this run has diverged" in line


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--workers", "0"], "--workers must be 1 to"),
        (["--workers", "2", "--device", "cuda"], "--workers is for the CPU.*leave out --device cuda"),
        (["--workers", "2", "--processes", "2"], "--processes is for rnn-lm train"),
    ],
)
def test_what_cannot_be_shared_is_refused(flags, words):
    with pytest.raises(UserError, match=words):
        parse_options(compare.Options, flags, "rnn-lm compare")


def test_a_text_that_can_be_read_once_is_refused(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    settings = compare.settings_of(compare.Options())
    settings = dataclasses.replace(settings, corpus=dataclasses.replace(settings.corpus, corpus=(str(pipe),)))
    check_compare(settings, tmp_path / "out", resume=False)
    with pytest.raises(UserError, match="is a pipe, which --workers cannot each read"):
        check_compare(settings, tmp_path / "out", resume=False, workers=2)


def test_on_a_device_one_model_is_trained_after_the_other_and_a_line_says_so(tmp_path, monkeypatch):
    told, asked = Noting(), []

    def ask(*_: Any, workers: int, **__: Any) -> None:
        asked.append(workers)
        raise UserError("that is enough")

    monkeypatch.setattr(comparison, "run_compare", ask)
    settings = compare.settings_of(compare.Options())
    for device in ("meta", "cpu"):
        with pytest.raises(UserError, match="enough"):
            comparison.run_comparison(
                settings, tmp_path / device, told, Runtime(device=torch.device(device)), resume=False, workers=2
            )
    assert asked == [1, 2]
    assert told.lines == ["note        --workers is for the CPU: on meta one model is trained after the other"]


def test_threads_are_shared_by_how_many_models_there_are_and_not_by_how_many_are_left(corpus, tmp_path, monkeypatch):
    made: list[tuple[int, list[str]]] = []

    def note(plan: crew.Plan, *_: Any) -> None:
        made.append((plan.threads, [job.name for job in plan.jobs.values()]))

    monkeypatch.setattr(side_by_side, "run_crew", note)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    options = parse_options(compare.Options, flags_for(corpus, "--embedding", "random"), "rnn-lm")
    settings = compare.settings_of(options)
    prepared = prepare(settings.corpus, SilentProgress())
    (tmp_path / "rnn-seed1").mkdir()
    (tmp_path / "rnn-seed1" / "scores.safetensors").touch()
    for workers in (1, 2, 3, 16):
        side_by_side.make_side_by_side(settings, prepared, tmp_path, SilentProgress(), None, workers, resume=True)
    gru_and_lstm = ["gru", "lstm"]
    assert made == [(4, gru_and_lstm), (2, gru_and_lstm), (2, gru_and_lstm)]


def test_what_waits_for_word2vec_is_begun_after_it_and_short_pieces_come_last(corpus, tmp_path, monkeypatch):
    plans: list[crew.Plan] = []
    monkeypatch.setattr(side_by_side, "run_crew", lambda plan, *_: plans.append(plan))
    flags = [flag for flag in flags_for(corpus) if flag != "--parts"]
    options = parse_options(compare.Options, [*flags, "--suites", "agreement"], "rnn-lm")
    settings = compare.settings_of(options)
    prepared = prepare(settings.corpus, SilentProgress())
    made = side_by_side.make_side_by_side(settings, prepared, tmp_path, SilentProgress(), None, 2, resume=False)
    assert list(made) == [0, 1, 2, 3]
    (plan,) = plans
    names = [job.name for job in plan.jobs.values()]
    assert names[:10] == [
        "word2vec", "lstm-random", "rnn", "gru", "lstm",
        "gradients of rnn", "gradients of gru", "gradients of lstm", "clipping", "theory",
    ]  # fmt: skip
    assert names[10:12] == ["agreement, 5-gram, seed 1", "agreement, RNN, seed 1"]
    assert len(names) == 10 + 5 * 3
    assert {job.name: [names[one] for one in job.after] for job in plan.jobs.values() if job.after} == {
        "rnn": ["word2vec"], "gru": ["word2vec"], "lstm": ["word2vec"],
        "gradients of rnn": ["rnn"], "gradients of gru": ["gru"], "gradients of lstm": ["lstm"],
    }  # fmt: skip
    assert [job.line.split(":")[0] for job in plan.jobs.values() if job.line] == [
        "[1/4] lstm-random, seed 1", "[2/4] rnn, seed 1", "[3/4] gru, seed 1", "[4/4] lstm, seed 1"
    ]  # fmt: skip
