import torch
from torch import nn

from rnn_lm.layers import Cell


class MinGRU(Cell):
    """h' = (1 - z) h + z W_h x with z = sigmoid(W_z x): gates that do not look at h."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.gate = nn.Linear(input_size, hidden_size)
        self.candidate = nn.Linear(input_size, hidden_size)

    def step(self, input_be, state):
        z = torch.sigmoid(self.gate(input_be))
        return ((1 - z) * state[0] + z * self.candidate(input_be),)
