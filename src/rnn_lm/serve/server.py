"""A server from its start to its end: its socket, its signals.

SIGTERM and Ctrl-C end it in order: no new connection is taken, what is streaming is finished (``--grace-seconds``), and
then it ends. A second one ends it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import uvicorn

from rnn_lm.errors import UserError
from rnn_lm.files import read_text
from rnn_lm.serve.app import build_app
from rnn_lm.serve.config import ServeConfig
from rnn_lm.serve.log import Log
from rnn_lm.serve.protocol import MOST_HEADERS, guarded_protocol
from rnn_lm.serve.served import Models
from rnn_lm.serve.service import Service
from rnn_lm.training.interrupt import handled

API_KEY = "RNN_LM_API_KEY"
"""The environment's variable that holds the key where no flag does."""
_SWITCH = 0.0002
"""Seconds for which one of Python's threads keeps another one waiting; usually 0.005, for each of a step's 50 parts."""


class GracefulServer(uvicorn.Server):
    """uvicorn's, which tells the service that it is ending, and ends with exit code 0."""

    def __init__(self, config: uvicorn.Config, service: Service, log: Log) -> None:
        super().__init__(config)
        self._service, self._log = service, log

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The first signal ends the server in order, the second at once."""
        with handled(self._stop):
            yield

    def _stop(self, number: int, _: Any) -> None:
        self.force_exit = self.should_exit
        self.should_exit = self._service.ending = True
        self._log.write("ending", signal=signal.Signals(number).name, at_once=self.force_exit)


def with_key(config: ServeConfig) -> ServeConfig:
    """Return the settings with the key that a file or the environment holds.

    Raises:
        UserError: the file cannot be read; or other machines could reach a server without a key.
    """
    key = config.api_key if config.api_key is not None else os.environ.get(API_KEY) or None
    if key is not None and key.startswith("@"):
        key = read_text(Path(key[1:])).strip()
        if not key:
            raise UserError(f"{config.api_key}: the file is empty; write the key into it")
    if key is not None and not key.isascii():
        raise UserError("--api-key: must be ASCII, as headers of HTTP are")
    if key is None and not config.is_local:
        raise UserError(
            f"--host {config.host}: other machines could use the server; add --api-key KEY (or @FILE, or set {API_KEY})"
        )
    return replace(config, api_key=key)


def open_socket(config: ServeConfig) -> socket.socket:
    """Return a socket that listens where ``config`` says.

    Raises:
        UserError: there is no such address here, or the port is taken.
    """
    try:
        family, kind, number, _, address = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, kind, number)
    except OSError as error:
        raise UserError(f"--host {config.host}: there is no such address ({error.strerror or error})") from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(2048)
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE:
            fix = "is taken by another program; give another --port, or 0 for one that is free"
            raise UserError(f"--port {config.port}: {fix}") from error
        where = "--port" if error.errno == errno.EACCES else "--host"
        value = config.port if where == "--port" else config.host
        raise UserError(f"{where} {value}: cannot listen there: {error.strerror}") from error
    return opened


def serve(models: Models, config: ServeConfig, opened: socket.socket) -> None:
    """Answer until a signal says to end.

    Args:
        models: to be served.
        config: with its key.
        opened: where to listen.

    Raises:
        UserError: the folder of the sessions cannot be used.
    """
    log = Log(sys.stderr)
    service = Service(models, config)
    host, port = opened.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    server = GracefulServer(
        uvicorn.Config(
            build_app(service, log), http=guarded_protocol(service), ws="none", loop="asyncio", lifespan="on",
            log_config=None, log_level="critical", access_log=False, server_header=False, proxy_headers=False,
            timeout_keep_alive=config.idle_seconds, timeout_graceful_shutdown=config.grace_seconds,
            h11_max_incomplete_event_size=MOST_HEADERS,
        ),
        service, log,
    )  # fmt: skip
    names = [model.name for model in models]
    log.write("listening", url=url, models=names, threads=torch.get_num_threads(), sessions=len(service.sessions))
    print(f"serving {', '.join(names)} at {url}/v1", flush=True)
    # The engine lets go of Python's lock at each product; a loop busy with connections gives it back this soon.
    sys.setswitchinterval(_SWITCH)
    asyncio.run(server.serve(sockets=[opened]))
    log.write("ended")
