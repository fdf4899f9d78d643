"""``rnn-lm serve``: trained models answer over HTTP, as OpenAI's completions and as sessions."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from rnn_lm.config import DeviceConfig
from rnn_lm.errors import UserError
from rnn_lm.serve.config import ServeConfig


@dataclass(frozen=True)
class Options:
    """Serve trained models: OpenAI's completions, and sessions whose state is a few kilobytes (docs/serve.md)."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """RUN...: model folders or ARPA files; requests that name no model are answered by the first."""
    serve: ServeConfig = field(default_factory=ServeConfig)
    compute: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        if not self.runs:
            raise UserError("serve needs at least one model folder, e.g. rnn-lm serve runs/lstm")


def run(options: Options) -> None:
    """Answer until a signal says to end."""
    import fastapi  # noqa: F401 (a missing extra is said before models are read)
    import torch
    import uvicorn  # noqa: F401
    from rich.console import Console

    from rnn_lm.files import make_folder
    from rnn_lm.progress import TerminalProgress
    from rnn_lm.runtime import open_device
    from rnn_lm.serve.served import open_models
    from rnn_lm.serve.server import open_socket, serve, with_key

    config = with_key(options.serve)
    if config.state_dir is not None:
        make_folder(config.state_dir)
    device = open_device(options.compute)
    with open_socket(config) as opened:
        if "OMP_NUM_THREADS" not in os.environ:  # one core is for the connections
            torch.set_num_threads(max(1, torch.get_num_threads() - 1))
        models = open_models(options.runs, device, TerminalProgress(Console(stderr=True, highlight=False)))
        serve(models, config, opened)
