"""Writing that destroys nothing: whole files or none, links and pipes left as they are, permissions as asked for."""

from __future__ import annotations

import os
import stat
import threading

import pytest
import torch

from rnn_lm.errors import UserError
from rnn_lm.files import read_json, read_tensors, require_output, write_atomically, write_tensors


def test_a_pipe_is_written_through_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, "surprisal\n" * 20_000)
    reader.join(timeout=10)
    assert received == [b"surprisal\n" * 20_000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_symlink_stays_one_and_its_target_is_replaced(tmp_path):
    target = tmp_path / "elsewhere" / "target"
    target.parent.mkdir()
    target.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_dangling_symlink_gets_its_target(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    write_atomically(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "target").read_text() == "new"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_is_as_private_as_the_umask_says(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    write_atomically(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_long_name_can_be_written(tmp_path):
    path = tmp_path / ("x" * 250)
    write_atomically(path, "text")
    assert path.read_text() == "text"


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "thesis.txt"
    path.write_text("three years of work")
    with pytest.raises(UserError, match=r"^--arpa \S+: is there already; add --overwrite"):
        require_output(path, "--arpa", overwrite=False)
    require_output(path, "--arpa", overwrite=True)
    require_output(tmp_path / "new.txt", "--arpa", overwrite=False)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nosuch/file", r"there is no folder \S+nosuch"),
        ("", "is a folder; give the name of a file"),
        ("file/below", "Not a directory|there is no folder"),
        ("x" * 300, "File name too long; choose a shorter name"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(tmp_path, place, message):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=message):
        require_output(tmp_path / place, "--out", overwrite=True)


def test_a_pipe_may_always_be_written(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    require_output(tmp_path / "pipe", "--surprisal", overwrite=False)


@pytest.mark.parametrize("text", ["{", "NaN", '{"a": Infinity}', "1e999", "9" * 5000, "[" * 100_000])
def test_json_that_cannot_be_read_is_one_line(tmp_path, text):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"file\.json: .*not JSON") as error:
        read_json(path)
    assert "\n" not in str(error.value)


def test_tensors_that_were_read_do_not_change_with_their_file(tmp_path):
    path = tmp_path / "model.safetensors"
    write_tensors(path, {"a": torch.arange(5000)}, {})
    tensors, _ = read_tensors(path)
    content = path.read_bytes()
    with path.open("r+b") as file:  # in place, as cp does
        file.write(content[:1000] + b"\0" * (len(content) - 1000))
        file.truncate(2000)
    assert torch.equal(tensors["a"], torch.arange(5000))
