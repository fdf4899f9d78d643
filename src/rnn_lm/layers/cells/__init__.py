"""Recurrent cells by name: one file each, written as their equations, and torch's kernels for the same."""

from rnn_lm.layers.cells import elman, gru, mogrifier  # noqa: F401 (each registers its cells)
from rnn_lm.layers.cells.base import CELLS, Cell, CellParameters, Start, TorchCell, register_cell, run_by_hand
from rnn_lm.layers.cells.deltanet import DeltaNetCell
from rnn_lm.layers.cells.engines import ENGINES, engine_for, run_auto
from rnn_lm.layers.cells.fused import run_fused
from rnn_lm.layers.cells.hgrn import HGRNCell
from rnn_lm.layers.cells.library import run_library
from rnn_lm.layers.cells.linear import LinearCell
from rnn_lm.layers.cells.lstm import LSTMCell
from rnn_lm.layers.cells.mingru import MinGRUCell
from rnn_lm.layers.cells.minlstm import MinLSTMCell
from rnn_lm.layers.cells.mlstm import MLSTMCell
from rnn_lm.layers.cells.qrnn import QRNNCell
from rnn_lm.layers.cells.rglru import RGLRUCell
from rnn_lm.layers.cells.slstm import SLSTMCell

__all__ = [
    "CELLS",
    "ENGINES",
    "Cell",
    "CellParameters",
    "DeltaNetCell",
    "HGRNCell",
    "LSTMCell",
    "LinearCell",
    "MLSTMCell",
    "MinGRUCell",
    "MinLSTMCell",
    "QRNNCell",
    "RGLRUCell",
    "SLSTMCell",
    "Start",
    "TorchCell",
    "engine_for",
    "register_cell",
    "run_auto",
    "run_by_hand",
    "run_fused",
    "run_library",
]
