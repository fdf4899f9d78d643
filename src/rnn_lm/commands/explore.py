"""``rnn-lm explore``: trained models looked into, in a browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from rnn_lm.charsets import require_encoding
from rnn_lm.conditions import given, only
from rnn_lm.config import DeviceConfig
from rnn_lm.errors import UserError

EXPORTED_SAMPLE, SERVED_SAMPLE = 5_000, 20_000


@dataclass(frozen=True)
class Options:
    """Look into trained models in a browser: surprisal, units and gates, gradients, writing (docs/explorer.md)."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Model folders, as train, ngram or compare left them, or ARPA files; several are shown side by side."""
    text: tuple[str, ...] = ()
    """Texts to begin with, each in quotes. Default: a few sentences of the corpus' valid split."""
    file: Path | None = None
    """A text to begin with, from a file, a sentence per line."""
    encoding: str | None = field(default=None, metadata=only(file=given))
    """What --file is written in, e.g. cp1252. Default: UTF-8, or what a byte order mark says."""
    sample: int | None = None
    """Tokens of the corpus' valid split whose states are searched. Default: 20,000; of --export 5,000."""
    port: int = field(default=8421, metadata=only(export=None))
    """Of this machine, where the page is served; 0 is one that is free."""
    export: Path | None = None
    """Write the page to this file, which needs nothing else, instead of serving it."""
    light: bool = field(default=False, metadata=only(export=given))
    """Leave the models out of the page: a smaller file, which shows its own texts and reads no others."""
    overwrite: bool = False
    """Replace the file of --export where it is there already."""
    compute: DeviceConfig = field(default_factory=lambda: DeviceConfig(device="cpu"))

    def __post_init__(self) -> None:
        if not self.runs:
            raise UserError("explore needs at least one model, e.g. rnn-lm explore runs/lstm")
        if self.encoding is not None:
            require_encoding(self.encoding)
        if self.sample is not None and self.sample < 1:
            raise UserError("--sample must be at least 1")
        if not 0 <= self.port <= 65535:
            raise UserError(f"--port {self.port}: ports are 0 to 65535")


def run(options: Options) -> None:
    """Serve the page, or write it."""
    from rich.console import Console

    from rnn_lm.experiments.arpa_models import open_model
    from rnn_lm.explorer.answers import Explorer
    from rnn_lm.explorer.page import write_page
    from rnn_lm.explorer.server import Server
    from rnn_lm.explorer.texts import texts_to_read
    from rnn_lm.files import require_output
    from rnn_lm.progress import TerminalProgress
    from rnn_lm.runtime import open_device

    progress = TerminalProgress(Console(stderr=True, highlight=False))
    if options.export is not None:
        require_output(options.export, "--export", overwrite=options.overwrite)
    device = open_device(options.compute)
    models = [open_model(path, progress).to(device) for path in options.runs]
    usual = SERVED_SAMPLE if options.export is None else EXPORTED_SAMPLE
    explorer = Explorer(models, options.sample or usual, progress)
    texts = texts_to_read(explorer, options.text, options.file, options.encoding)
    if options.export is not None:
        write_page(explorer, texts, options.export, not options.light, progress)
        return
    with Server(explorer, texts, options.port) as server:
        print(f"{server.address}  (Ctrl-C ends it)", flush=True)
        server.serve_forever()
