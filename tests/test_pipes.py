"""Pipes that nobody writes to are refused after a moment, and others read whole, wherever a file is asked for."""

from __future__ import annotations

import gzip
import os
import threading
import time
from pathlib import Path

import pytest

from rnn_lm import pipes
from rnn_lm.embeddings import read_vectors
from rnn_lm.errors import UserError
from rnn_lm.experiments.arpa_models import open_model
from rnn_lm.files import read_json
from rnn_lm.models.arpa import open_arpa
from rnn_lm.progress import SilentProgress
from rnn_lm.vocabulary import Vocabulary

VOCABULARY = Vocabulary(["<unk>", "<eos>", "cat", "dog"], [1, 1, 1, 1])
VECTORS = b"2 3\ncat 0.5 0.25 1\ndog 1 2 3\n"
ARPA = b"\\data\\\nngram 1=4\n\n\\1-grams:\n-1 <unk>\n-99 <s>\n-1 </s>\n-1 cat\n\n\\end\\\n"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def written_to(pipe: Path, content: bytes, pause: float) -> threading.Thread:
    """A thread that opens the pipe, and writes into it after a while."""

    def write() -> None:
        with pipe.open("wb") as file:
            time.sleep(pause)
            file.write(content)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


READERS = [lambda path: read_vectors(path, VOCABULARY, 3), open_arpa]


@pytest.mark.parametrize("read", READERS)
def test_a_pipe_without_a_writer_is_refused_after_a_moment(pipe, monkeypatch, read):
    monkeypatch.setattr(pipes, "PATIENCE", 0.1)
    with pytest.raises(UserError, match="pipe: is a pipe that nobody writes to; give a file"):
        read(pipe)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("pause", [0.0, 0.3])
def test_a_pipe_is_read_whole_however_long_its_writer_thinks(pipe, monkeypatch, packed, pause):
    monkeypatch.setattr(pipes, "PATIENCE", 0.2)
    writer = written_to(pipe, gzip.compress(VECTORS) if packed else VECTORS, pause)
    assert read_vectors(pipe, VOCABULARY, 3)[2].tolist() == [0.5, 0.25, 1]
    writer.join()
    writer = written_to(pipe, gzip.compress(ARPA) if packed else ARPA, pause)
    _, vocabulary, _ = open_arpa(pipe)
    writer.join()
    assert "cat" in vocabulary.tokens


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
@pytest.mark.parametrize("read", READERS)
def test_a_device_has_no_end_and_is_no_file(read):
    with pytest.raises(UserError, match="/dev/zero: is no file but a device or a socket; give a file"):
        read(Path("/dev/zero"))


def test_what_is_read_again_by_later_commands_must_be_a_file(pipe):
    with pytest.raises(UserError, match="pipe: is a pipe or a device; give a file"):
        read_json(pipe)
    with pytest.raises(UserError, match="pipe: is a pipe or a device; give a model folder, or an ARPA file"):
        open_model(pipe, SilentProgress())
