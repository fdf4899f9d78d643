"""Servers of tiny models: in this process, and as a process of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from export_cases import baseline, neural, save_run

pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'rnn-lm[serve]'")
pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'rnn-lm[serve]'")
pytest.importorskip("httpx", reason="httpx is not installed: pip install 'rnn-lm[interop]'")

from starlette.testclient import TestClient

from rnn_lm.serve.app import build_app
from rnn_lm.serve.config import ServeConfig
from rnn_lm.serve.log import Log
from rnn_lm.serve.served import Models, ServedModel
from rnn_lm.serve.service import Service

HERE = "http://127.0.0.1"


@pytest.fixture(scope="session")
def served() -> Models:
    """One of each kind: the first is an LSTM over words."""
    stored = [neural("lstm"), neural("gru", hidden_size=7), neural("attention"), baseline()]
    return Models([ServedModel.of(one, one.name, f"digest of {one.name}") for one in stored])


@pytest.fixture(scope="session")
def lstm(served) -> ServedModel:
    """The first."""
    return served.find(None)


class Client:
    """A server in this process, and what it has logged."""

    def __init__(self, models: Models, **settings: Any) -> None:
        self.lines: list[str] = []
        self.service = Service(models, replace(ServeConfig(), **settings))
        self.http = TestClient(build_app(self.service, Log(self)), base_url=HERE, raise_server_exceptions=True)

    def write(self, text: str) -> None:
        self.lines.append(text)

    def flush(self) -> None:
        pass

    def post(self, path: str, **body: Any) -> Any:
        """The answer to a request that is granted."""
        answer = self.http.post(path, json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def complete(self, **body: Any) -> dict[str, Any]:
        """The first choice."""
        return self.post("/v1/completions", **body)["choices"][0]

    def refused(self, status: int, path: str = "/v1/completions", **body: Any) -> str:
        """The message of one that is not."""
        answer = self.http.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()["error"]["message"]


@pytest.fixture(scope="session")
def client(served) -> Iterator[Client]:
    """A server without particular settings."""
    client = Client(served)
    with client.http:
        yield client


@pytest.fixture
def server_with(served) -> Iterator[Any]:
    """Starts servers with settings."""
    started: list[Any] = []

    def start(**settings: Any) -> Client:
        client = Client(served, **settings)
        started.append(client.http)
        client.http.__enter__()
        return client

    yield start
    for http in started:
        http.__exit__(None, None, None)


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> Path:
    """A folder with the run of an LSTM."""
    folder = tmp_path_factory.mktemp("runs")
    save_run(neural("lstm"), folder / "lstm")
    return folder


class Process:
    """``rnn-lm serve`` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "rnn_lm", "serve", *arguments, "--port", "0", "--device", "cpu"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/v1", line)
        assert found, line + str(self.process.communicate(timeout=10))
        self.port = int(found[1])

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; the exit code, and what it has logged."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=30)
        return self.process.returncode, log


@pytest.fixture(scope="session")
def process(runs) -> Iterator[Process]:
    """One with short times."""
    started = Process(str(runs / "lstm"), "--idle-seconds", "1", "--body-bytes", "20000")
    yield started
    if started.process.poll() is None:
        started.end()
