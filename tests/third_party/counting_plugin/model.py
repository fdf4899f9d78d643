import torch
from torch import nn

from rnn_lm.models.family import NeuralFamily
from rnn_lm.models.neural import NeuralLanguageModel, count_around

WINDOW = 4


class FeedForward(NeuralLanguageModel):
    """softmax(U tanh(W [e_{t-3}; e_{t-2}; e_{t-1}; e_t] + b)): the next word by the last four (Bengio et al. 2003)."""

    def __init__(self, vocabulary_size, embedding_size, config, generator):
        super().__init__(vocabulary_size, embedding_size, config.hidden_size, config)
        self.layer = nn.Linear(WINDOW * embedding_size, config.hidden_size)
        self.adaptive = self.make_adaptive()
        self.initialize(generator)

    def initial_state(self, batch):
        return (self.embedding.weight.new_zeros(WINDOW - 1, batch, self.embedding.embedding_dim),)

    def restarted(self, state, where_b):
        return (state[0].masked_fill(where_b.unsqueeze(1), 0.0),)

    def hidden(self, input_tb, state, masks=None):
        seen_tbe = torch.cat([state[0], self.embed(input_tb, masks)])
        windows = [seen_tbe[start : start + len(input_tb)] for start in range(WINDOW)]
        return torch.tanh(self.layer(torch.cat(windows, dim=2))), (seen_tbe[1 - WINDOW :],)


def count(vocabulary_size, embedding_size, config):
    layer = config.hidden_size * (WINDOW * embedding_size + 1)
    return layer + count_around(vocabulary_size, embedding_size, config.hidden_size, config)


FEED_FORWARD = NeuralFamily(FeedForward, count)
