"""Every entry of every registry does what its seam promises; and the checks find what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_lm.corpora import CORPORA
from rnn_lm.layers import CELLS
from rnn_lm.models.families import BASELINE, model_names
from rnn_lm.probes.tasks import PROBES
from rnn_lm.testing import check_cell, check_corpus, check_model, check_suite, check_tokenization
from rnn_lm.text import TOKENIZERS


@pytest.mark.parametrize("name", CELLS)
def test_cells(name: str) -> None:
    check_cell(name, mogrifier_rank=2)


@pytest.mark.parametrize("name", [name for name in model_names() if name != BASELINE and name not in CELLS])
@pytest.mark.parametrize("layers", [1, 2])
def test_models(name: str, layers: int) -> None:
    check_model(name, layers=layers, mogrifier_rank=2, attention_window=6)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokenizations(name: str) -> None:
    if TOKENIZERS[name].is_learned:
        pytest.importorskip("tokenizers")
    check_tokenization(name)


@pytest.mark.parametrize("name", [name for name in CORPORA if not CORPORA[name].files])
def test_packaged_corpora(name: str) -> None:
    check_corpus(name)


@pytest.mark.slow
def test_a_corpus_whose_files_are_here_already(ptb_folder: Path) -> None:
    check_corpus("ptb", data_dir=ptb_folder)


@pytest.mark.parametrize("name", PROBES)
def test_suites(name: str) -> None:
    check_suite(name)
