"""A server on this machine, and a cache of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from corpora.file_server import FileServer, running_server
from rnn_lm.corpora import Downloads
from rnn_lm.progress import SilentProgress


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A running server; the environment's proxies are left aside."""
    monkeypatch.setenv("NO_PROXY", "*")
    with running_server() as running:
        yield running


@pytest.fixture
def downloads(tmp_path: Path, server: FileServer) -> Downloads:
    """An empty cache that is filled from ``server``."""
    return Downloads(tmp_path / "cache", SilentProgress(), mirror=server.url, timeout=0.3)
