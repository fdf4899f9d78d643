"""Recurrent cells by name: one file each, written as their equations, and torch's kernels for the same."""

from rnn_lm.models.cells import elman, gru, lstm  # noqa: F401 (each registers its cells)
from rnn_lm.models.cells.base import CELLS, Cell, CellParameters, run_by_hand
from rnn_lm.models.cells.library import run_library

__all__ = ["CELLS", "Cell", "CellParameters", "run_by_hand", "run_library"]
