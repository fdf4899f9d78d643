"""``rnn-lm export``: a trained model for other programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from rnn_lm.export.config import ExportConfig


@dataclass(frozen=True)
class Options:
    """Write a trained model for other programs: Hugging Face transformers, ONNX Runtime, a web page, torch, ARPA."""

    run: Annotated[Path, tyro.conf.Positional]
    """Model folder, as train, ngram or compare left it; or an ARPA file."""
    destination: Annotated[Path, tyro.conf.Positional]
    """File or folder to write."""
    export: ExportConfig = field(default_factory=ExportConfig)


def run(options: Options) -> None:
    """Export."""
    from rich.console import Console

    from rnn_lm.experiments.arpa_models import open_model
    from rnn_lm.export.base import export_model, require_destination
    from rnn_lm.progress import TerminalProgress

    progress = TerminalProgress(Console(stderr=True, highlight=False))
    require_destination(options.destination, options.export)
    stored = open_model(options.run, progress)
    export_model(stored, options.destination, options.export, progress, options.run)
    progress.say(f"written: {options.destination}; docs/export.md says how it is used")
