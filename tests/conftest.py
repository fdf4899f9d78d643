"""Shape annotations are checked at run time in every test; data that cannot be packaged is looked up once, here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("rnn_lm", "numeric_beartype.check")


@pytest.fixture(scope="session")
def ptb_folder() -> Path:
    """Penn Treebank (train.txt, valid.txt, test.txt), which cannot be redistributed: skips where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data" / "ptb"
    folder = Path(os.environ.get("RNN_LM_PTB", default))
    if not (folder / "train.txt").is_file():
        pytest.skip(f"Penn Treebank is not at {folder}; set RNN_LM_PTB to a folder with train.txt, valid.txt, test.txt")
    return folder
