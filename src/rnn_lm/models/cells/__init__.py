"""Recurrent cells by name: one file each, written as their equations, and torch's kernels for the same."""

from rnn_lm.models.cells import elman, gru, lstm  # noqa: F401 (each registers its cells)
from rnn_lm.models.cells.base import CELLS, Cell, CellParameters, run_by_hand
from rnn_lm.models.cells.engines import ENGINES, run_auto
from rnn_lm.models.cells.fused import run_fused
from rnn_lm.models.cells.library import run_library

__all__ = [
    "CELLS",
    "ENGINES",
    "Cell",
    "CellParameters",
    "run_auto",
    "run_by_hand",
    "run_fused",
    "run_library",
]
