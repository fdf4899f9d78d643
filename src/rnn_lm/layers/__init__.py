"""Layers of recurrent networks, for any model: nothing in here knows what a word is.

    from rnn_lm.layers import LSTMCell, Recurrent, Stack

    layer = Recurrent(LSTMCell(input_size=8, hidden_size=16))
    output_tbh, (hidden_bh, cell_bh) = layer(input_tbe, lengths_b=lengths_b)

A cell owns its parameters and takes one step (``cells/``, one file each); ``Recurrent``, ``Stack`` and
``Bidirectional`` run any cell over time, ``linear_scan`` what the linear ones share. ``LSTM``, ``GRU``, ``RNN``
and ``Mogrifier`` are whole networks, used as those of torch.nn are.
"""

from rnn_lm.layers.cells import (
    CELLS,
    Cell,
    DeltaNetCell,
    HGRNCell,
    LSTMCell,
    MinGRUCell,
    MinLSTMCell,
    MLSTMCell,
    QRNNCell,
    RGLRUCell,
    SLSTMCell,
    Start,
    register_cell,
)
from rnn_lm.layers.cells.elman import ElmanCell, ReluElmanCell
from rnn_lm.layers.cells.gru import GRUCell
from rnn_lm.layers.cells.mogrifier import MogrifierCell
from rnn_lm.layers.networks import GRU, LSTM, RNN, Mogrifier, Network
from rnn_lm.layers.scan import gated_scan, linear_scan
from rnn_lm.layers.stack import Bidirectional, Recurrent, Stack
from rnn_lm.layers.state import State

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "Cell",
    "DeltaNetCell",
    "ElmanCell",
    "GRUCell",
    "HGRNCell",
    "LSTMCell",
    "MLSTMCell",
    "MinGRUCell",
    "MinLSTMCell",
    "Mogrifier",
    "MogrifierCell",
    "Network",
    "QRNNCell",
    "RGLRUCell",
    "Recurrent",
    "ReluElmanCell",
    "SLSTMCell",
    "Stack",
    "Start",
    "State",
    "gated_scan",
    "linear_scan",
    "register_cell",
]
