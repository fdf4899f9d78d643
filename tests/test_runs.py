"""Run folders and files: nothing half-written, nothing of anybody else's touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rnn_lm.errors import UserError
from rnn_lm.files import read_json, write_atomically
from rnn_lm.runs import read_run, start_run

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
