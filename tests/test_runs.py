"""Run folders and files: nothing half-written, nothing of anybody else's touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.files import read_json, write_atomically
from rnn_lm.runs import bind_run, read_run, start_run

CONFIG = {"training": {"learning_rate": 0.1}, "cells": ["rnn", "lstm"]}


def test_a_run_is_started_resumed_and_read(tmp_path):
    folder = tmp_path / "deep" / "run"
    started = start_run(folder, "compare", CONFIG, resume=False)
    assert start_run(folder, "compare", {**CONFIG, "cells": ("rnn", "lstm")}, resume=True) == started
    assert read_run(folder, "ngram", "compare").config == CONFIG


def test_a_run_that_is_there_is_not_written_over(tmp_path):
    start_run(tmp_path, "compare", CONFIG, resume=False)
    with pytest.raises(UserError, match="--resume"):
        start_run(tmp_path, "compare", CONFIG, resume=False)


def test_a_resumed_run_must_have_the_same_settings(tmp_path):
    start_run(tmp_path, "compare", CONFIG, resume=False)
    with pytest.raises(UserError, match=r"learning-rate 0.1, not 0.2"):
        start_run(tmp_path, "compare", {**CONFIG, "training": {"learning_rate": 0.2}}, resume=True)


DIGESTS = {"train text": "12", "vocabulary": "34"}
SETTINGS = {"model": ModelConfig(hidden_size=7), "training": TrainingConfig()}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def change(path: Path, edit) -> None:
    """Edit a manifest as a hand or another version would, without a checksum."""
    values = json.loads(path.read_text())
    values.pop("sha256", None)
    edit(values["config"])
    path.write_text(json.dumps(values))


@pytest.mark.parametrize("name", DIGESTS)
def test_a_run_is_of_one_text_and_one_vocabulary(tmp_path, name):
    start_run(tmp_path, "recurrent", SETTINGS, False, DIGESTS)
    before = contents(tmp_path)
    with pytest.raises(UserError, match=f"the {name} is not the one that the run there was started with") as caught:
        start_run(tmp_path, "recurrent", SETTINGS, True, {**DIGESTS, name: "56"})
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before
    assert start_run(tmp_path, "recurrent", SETTINGS, True, DIGESTS).digests == DIGESTS


def test_a_run_without_digests_gets_them_and_keeps_them(tmp_path):
    run = start_run(tmp_path, "compare", SETTINGS, resume=False)
    assert bind_run(run, DIGESTS) == read_run(tmp_path, "compare")
    with pytest.raises(UserError, match="vocabulary"):
        bind_run(read_run(tmp_path, "compare"), {**DIGESTS, "vocabulary": "56"})


def test_a_run_made_before_a_setting_existed_is_resumed(tmp_path):
    start_run(tmp_path, "recurrent", SETTINGS, False, DIGESTS)
    change(tmp_path / "run.json", lambda config: config["training"].pop("momentum"))
    start_run(tmp_path, "recurrent", SETTINGS, True, DIGESTS)
    with pytest.raises(UserError, match=r"has momentum 0.0, not 0.5"):
        start_run(tmp_path, "recurrent", {**SETTINGS, "training": TrainingConfig(momentum=0.5)}, True, DIGESTS)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda config: config["model"].update(hidden_size="300"), "hidden_size is not as expected"),
        (lambda config: config["model"].update(hidden_size=-1), "--hidden-size must be at least 1"),
        (lambda config: config["model"].update(hidden_size=3e2), "hidden_size is not as expected"),
        (lambda config: config["model"].update(engine="steam"), "engine is not as expected"),
        (lambda config: config["model"].update(hiden_size=1), "did you mean 'hidden_size'"),
        (lambda config: config.update(model=[]), "model: holds no settings"),
        (lambda config: config.pop("model"), "has model None"),
    ],
)
def test_a_setting_that_can_not_be_is_one_line_naming_the_file(tmp_path, edit, message):
    start_run(tmp_path, "recurrent", SETTINGS, resume=False)
    change(tmp_path / "run.json", edit)
    with pytest.raises(UserError) as caught:
        start_run(tmp_path, "recurrent", SETTINGS, resume=True)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_beyond_all_bounds_are_no_json_of_ours(tmp_path):
    for number in ("1e400", "-1e999", "1" * 25, "NaN"):
        (tmp_path / "run.json").write_text(f'{{"a": {number}}}')
        with pytest.raises(UserError, match="the file is damaged"):
            read_json(tmp_path / "run.json")


def test_a_digit_that_flipped_is_noticed(tmp_path):
    start_run(tmp_path, "recurrent", SETTINGS, resume=False)
    path = tmp_path / "run.json"
    path.write_text(path.read_text().replace('"mogrifier_rounds": 5', '"mogrifier_rounds": 4'))
    with pytest.raises(UserError, match="was changed since it was written"):
        read_run(tmp_path, "recurrent")


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_other_files_is_left_alone(tmp_path, resume):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="thesis.txt"):
        start_run(tmp_path, "compare", CONFIG, resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"format": "rnn_lm run", "ver', "line 1"),
        ('{"format": "something else"}', "not the manifest"),
        ("[]", "not the manifest"),
        (json.dumps({"format": "rnn_lm run", "version": 99, "kind": "compare", "config": {}}), "version 99"),
        (json.dumps({"format": "rnn_lm run", "version": 1, "kind": "probe", "config": {}}), "'probe'"),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(tmp_path, content, message):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(UserError, match=message):
        start_run(tmp_path, "compare", CONFIG, resume=True)


def test_a_path_through_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="file"):
        start_run(tmp_path / "file" / "run", "compare", CONFIG, resume=False)


def test_a_write_that_fails_leaves_the_old_content(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    write_atomically(path, "old")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(UserError, match=r"results.json: cannot write: No space left on device"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_device_that_is_really_full_is_reported():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(UserError, match="cannot"):
        write_atomically(full / "x", "data")


def test_garbled_json_names_file_and_line(tmp_path):
    path = tmp_path / "results.json"
    path.write_text('{\n"a": 1,\n oops')
    with pytest.raises(UserError, match=r"results.json: line 3"):
        read_json(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8"):
        read_json(path)
    with pytest.raises(UserError, match="no such file"):
        read_json(tmp_path / "missing.json")
