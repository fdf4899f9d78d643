"""A trained model from where it lies: a folder, or an ARPA file."""

from __future__ import annotations

import os
from pathlib import Path

from rnn_lm.api.errors import settings_named
from rnn_lm.api.model import TextModel
from rnn_lm.api.progress import progress_for
from rnn_lm.errors import MissingFileError
from rnn_lm.experiments.arpa_models import open_model
from rnn_lm.progress import Progress


@settings_named()
def load(path: str | os.PathLike[str], *, device: str | None = None, progress: bool | Progress = True) -> TextModel:
    """Return the model in a folder that ``train``, ``compare`` or a command left, or in an ARPA file.

    >>> import rnn_lm
    >>> rnn_lm.load("runs/tiny").vocabulary.tokens[:3]
    ('<unk>', '<eos>', '.')

    Args:
        path: the folder, or the file.
        device: see ``TextModel.to``; default: the CPU.
        progress: True: long work says how far it is, where it is called from; False: nothing is said.

    Raises:
        MissingFileError: there is nothing there.
        UserError: there is no model in it, or it is damaged.
        SettingError: there is no such device.
    """
    where, told = Path(path), progress_for(progress)
    if not where.exists():
        raise MissingFileError(f"{where}: there is no such file or folder; check the path")
    model = TextModel(open_model(where, told), where, told)
    return model if device is None else model.to(device)
