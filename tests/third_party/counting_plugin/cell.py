import torch
from torch import nn

from rnn_lm.layers import Cell


class MGU(Cell):
    """f = sigmoid(W_f [x; h]), h' = (1 - f) h + f tanh(W [x; f h]): one gate where the GRU has two."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.gate = nn.Linear(input_size + hidden_size, hidden_size)
        self.candidate = nn.Linear(input_size + hidden_size, hidden_size)

    def step(self, input_be, state):
        (hidden_bh,) = state
        f = torch.sigmoid(self.gate(torch.cat([input_be, hidden_bh], dim=1)))
        candidate_bh = torch.tanh(self.candidate(torch.cat([input_be, f * hidden_bh], dim=1)))
        return ((1 - f) * hidden_bh + f * candidate_bh,)
