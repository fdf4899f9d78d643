"""``rnn-lm import``: a model that another program made, as a run's folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rnn_lm.conditions import given, only


@dataclass(frozen=True)
class Options:
    """Take a model of another program into a folder that every command finds: an n-gram model from an ARPA file, or an
    RNN, GRU or LSTM from the weights of pytorch/examples' word_language_model, AWD-LSTM and their kin."""

    file: Annotated[Path, tyro.conf.Positional]
    """ARPA file; or a state dict, as safetensors or as torch.save wrote it (docs/export.md has the names)."""
    out: Path = Path("runs/imported")
    """Folder for the model; new or empty."""
    vocabulary: Path | None = None
    """For weights: a text file with a word per line, in the order of the embedding's rows."""
    nonlinearity: Literal["tanh", "relu"] = field(default="tanh", metadata=only(vocabulary=given))
    """Of an RNN without gates, which its weights do not tell."""
    eos: str | None = field(default=None, metadata=only(vocabulary=given))
    """The word that ends a sentence. Default: <eos>, or </s>."""
    unk: str = field(default="<unk>", metadata=only(vocabulary=given))
    """The word that stands for all that are not known."""


def run(options: Options) -> None:
    """Import."""
    from rnn_lm.errors import UserError
    from rnn_lm.experiments.arpa_models import is_arpa, keep_arpa
    from rnn_lm.experiments.imported import keep_weights
    from rnn_lm.progress import TerminalProgress
    from rnn_lm.settings.keeping import keep_settings

    progress = TerminalProgress()
    if is_arpa(options.file):
        if options.vocabulary is not None:
            raise UserError("--vocabulary: an ARPA file holds its own words; leave it out")
        found = keep_arpa(options.file, options.out, progress, resume=False)
        what = f"n-gram model of order {found.config.order}"
    elif options.vocabulary is None:
        raise UserError(f"{options.file}: weights do not say which words they are of; give --vocabulary FILE")
    else:
        how = {"nonlinearity": options.nonlinearity, "eos": options.eos, "unk": options.unk}
        model = keep_weights(options.file, options.out, options.vocabulary, progress, **how)
        what = f"{model.config.cell} of {', '.join(map(str, model.layer_sizes))} units, {model.vocabulary_size:,} words"
    keep_settings(options.out, options)
    progress.say(f"{what} in {options.out}; next: rnn-lm evaluate {options.out} --text FILE")
