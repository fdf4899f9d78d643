"""The training log: a full disk is one line, and what was trained goes on; a log that is not one is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rnn_lm.checkpoint import LAST, read_checkpoint
from rnn_lm.errors import UserError
from rnn_lm.training.log import StepRecord, TrainingLog, read_log

from .conftest import make_trainer

FULL = Path("/dev/full")


def record(step: int) -> StepRecord:
    return StepRecord(step, 0.5, 7, 0.1, 2.0, "exact", 0.1, 1.0, 1.0, {"embedding": 1.0})


def fill_disk(log: TrainingLog) -> None:
    """From now on there is no space for what is logged."""
    assert log._file is not None
    log._file.close()
    log._file = FULL.open("ab", buffering=0)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_told_once_and_keeps_a_checkpoint_from_getting_ahead(tmp_path):
    log = TrainingLog(tmp_path, 0)
    fill_disk(log)
    log.add(record(1))
    for _ in range(2):
        with pytest.raises(UserError, match=r"training.jsonl: cannot write: No space left on device; free space"):
            log.flush()
    log.close()


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
def test_a_log_that_grows_over_its_buffer_on_a_full_disk_is_one_line(tmp_path):
    log = TrainingLog(tmp_path, 0)
    fill_disk(log)
    with pytest.raises(UserError, match="No space left on device"):
        any(map(log.add, map(record, range(1, 1000))))
    log.close()


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
def test_a_run_that_a_full_disk_ended_is_resumed_to_the_same_bits(tiny_data, tmp_path):
    whole = make_trainer(tiny_data)
    whole.run("tiny")
    stopped = make_trainer(tiny_data, tmp_path)
    step = stopped.take

    def counted():
        if stopped.position.step == 15:
            fill_disk(stopped.log)
        return step()

    stopped.take = counted
    with pytest.raises(UserError, match=r"training.jsonl: cannot write: No space left"):
        stopped.run("tiny")
    _, facts = read_checkpoint(tmp_path / LAST)
    assert facts["position"]["step"] == 10
    resumed = make_trainer(tiny_data, tmp_path)
    resumed.run("tiny")
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name])
    assert len(read_log(tmp_path / "training.jsonl")[0]) == 30


@pytest.fixture
def path(tmp_path) -> Path:
    log = TrainingLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.add(record(step))
    log.close()
    return tmp_path / "training.jsonl"


def test_a_line_that_a_kill_cut_off_is_no_damage(path):
    path.write_text(path.read_text() + '{"record": "step", "st')
    assert [one.step for one in read_log(path)[0]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda lines: [lines[0], lines[2]], "line 2: step 3 is out of order"),
        (lambda lines: [lines[0], "{", lines[2]], "line 2: not JSON"),
        (lambda lines: [lines[0], json.dumps({**json.loads(lines[1]), "loss": "2"})], "line 2: .*loss is not as"),
        (lambda lines: [lines[0], json.dumps({**json.loads(lines[1]), "x": 2})], "line 2: .*more in it"),
        (lambda lines: [lines[0].replace("2.0", "NaN"), *lines[1:]], "line 1: not JSON that can be read"),
        (lambda lines: lines[:2], "ends at step 2, before the checkpoint's 3"),
    ],
)
def test_a_log_with_the_wrong_content_is_one_line(path, edit, message):
    path.write_text("\n".join([*edit(path.read_text().splitlines()), ""]))
    with pytest.raises(UserError, match=message) as caught:
        read_log(path, 3)
    assert "\n" not in str(caught.value)
