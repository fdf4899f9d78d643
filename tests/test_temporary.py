"""What killed processes leave is removed, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnn_lm import temporary
from rnn_lm.files import write_atomically
from rnn_lm.runs import start_run
from rnn_lm.temporary import remove_abandoned, temporary_name

WRITER = """
import os, signal, sys
from pathlib import Path
from rnn_lm.files import write_atomically
os.replace = lambda *_: (print("written", flush=True), signal.pause())
write_atomically(Path(sys.argv[1]), "half-way")
"""


def writer(path: Path) -> subprocess.Popen[str]:
    """A process that has written its temporary file and not yet renamed it."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_what_a_killed_process_left_goes_and_what_a_live_one_writes_stays(tmp_path):
    start_run(tmp_path / "run", "probe", {}, resume=False)
    path = tmp_path / "run" / "best.safetensors"
    with writer(path) as killed, writer(path) as alive:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert len(hidden(path.parent)) == 2
        start_run(tmp_path / "run", "probe", {}, resume=True)
        (left,) = hidden(path.parent)
        assert f"-{alive.pid}-" in left
        alive.kill()
    write_atomically(path, "whole")
    assert hidden(path.parent) == []
    assert path.read_text() == "whole"


def test_only_temporaries_of_the_same_file_go_where_a_file_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)  # beyond the largest number of a process
    mine, other = temporary_name("table.tsv"), temporary_name("other.tsv")
    monkeypatch.undo()
    for name in (mine, other, ".table.tsv.swp", ".table.tsv.abcd1234.tmp"):
        (tmp_path / name).write_text("x")
    write_atomically(tmp_path / "table.tsv", "new")
    assert sorted(hidden(tmp_path)) == sorted([other, ".table.tsv.swp", ".table.tsv.abcd1234.tmp"])


def test_another_machine_s_are_left_for_a_day(tmp_path, monkeypatch):
    monkeypatch.setattr(temporary, "_machine", lambda: "00000000")
    young, old = temporary_name("a"), temporary_name("a")
    monkeypatch.undo()
    for name in (young, old):
        (tmp_path / name).write_text("x")
    ago = time.time() - temporary.ABANDONED_AFTER - 60
    os.utime(tmp_path / old, (ago, ago))
    remove_abandoned(tmp_path)
    assert hidden(tmp_path) == [young]


def test_a_run_of_version_0_1_loses_its_old_temporaries(tmp_path):
    start_run(tmp_path, "probe", {}, resume=False)
    ago = time.time() - temporary.ABANDONED_AFTER - 60
    for name in (".last.safetensors.k2_d8x0q.tmp", ".last.safetensors.k2_d8x0r.tmp"):
        (tmp_path / name).write_text("x")
    os.utime(tmp_path / ".last.safetensors.k2_d8x0q.tmp", (ago, ago))
    start_run(tmp_path, "probe", {}, resume=True)
    assert hidden(tmp_path) == [".last.safetensors.k2_d8x0r.tmp"]


@pytest.mark.parametrize("name", ["a" * 250, "é" * 120, "b\udcff.txt"])
def test_long_and_odd_names_can_be_written(tmp_path, name):
    write_atomically(tmp_path / name, "x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_the_umask_decides_who_may_read(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode
