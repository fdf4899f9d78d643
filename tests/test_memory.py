"""Freed blocks are used again without going back to the operating system; the memory there is, is known."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rnn_lm import memory
from rnn_lm.memory import available_memory

PROGRAM = """
import resource, sys
import torch
from rnn_lm.memory import keep_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "kept":
    keep_freed_memory()
for step in range(40):
    if step == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [torch.ones(2_000_000) for _ in range(6)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
def test_page_faults_end_once_the_memory_is_there() -> None:
    def faults(how: str) -> int:
        done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    pages = 30 * 6 * 8_000_000 // resource.getpagesize()
    assert faults("kept") < pages / 20


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="Linux says there what the machine has")
def test_available_memory_is_what_the_machine_has_or_less() -> None:
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert 2**20 < available_memory() <= total * 1.1


def test_a_limit_on_the_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (3 << 20, resource.RLIM_INFINITY))
    assert available_memory() == 3 << 20
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert available_memory() > 3 << 20


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("0::/outer/inner", "outer/memory.max"),
        ("0::/", "memory.max"),
        ("9:memory:/outer", "memory/outer/memory.limit_in_bytes"),
    ],
)
def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, file: str) -> None:
    (tmp_path / "self").write_text(f"1:cpu:/other\n{line}\n")
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("5000000\n")
    (tmp_path / "outer" / "inner").mkdir(parents=True, exist_ok=True)
    (tmp_path / "outer" / "inner" / "memory.max").write_text("max\n")
    monkeypatch.setattr(memory, "_PROCESS_GROUPS", tmp_path / "self")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    assert available_memory() == 5_000_000
