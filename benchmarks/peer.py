"""The baseline: a small LSTM language model as PyTorch's own example trains one, written anew from its description.

Two LSTM layers of 200 units, tied embeddings, dropout 0.2, batch 20, 35 steps of BPTT; logits of every position at
once, ``log_softmax`` and ``nll_loss``; clipping at 0.25 through ``clip_grad_norm_``; gradient descent by hand,
parameter by parameter. Evaluation reads ten columns at a time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIZE, LAYERS, DROPOUT = 200, 2, 0.2
BATCH, BPTT = 20, 35
CLIP, RATE = 0.25, 20.0
EVALUATION_BATCH = 10

PeerState = tuple[Tensor, Tensor]


class Peer(nn.Module):
    """Embedding, ``nn.LSTM``, tied decoder."""

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        self.drop = nn.Dropout(DROPOUT)
        self.encoder = nn.Embedding(vocabulary_size, SIZE)
        self.rnn = nn.LSTM(SIZE, SIZE, LAYERS, dropout=DROPOUT)
        self.decoder = nn.Linear(SIZE, vocabulary_size)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def initial_state(self, batch: int) -> PeerState:
        """Zeros."""
        return torch.zeros(LAYERS, batch, SIZE), torch.zeros(LAYERS, batch, SIZE)

    def forward(self, input_tb: Tensor, state: PeerState) -> tuple[Tensor, PeerState]:
        """Log-probabilities (T * B, V) and the state."""
        output_tbh, state = self.rnn(self.drop(self.encoder(input_tb)), state)
        logits_tbv = self.decoder(self.drop(output_tbh))
        return nn.functional.log_softmax(logits_tbv.view(-1, logits_tbv.shape[-1]), dim=1), state


class PeerTraining:
    """Its training step over (rows, BATCH) ids, segment after segment.

    Args:
        model: trained in place.
        ids_rb: the text in columns.
    """

    def __init__(self, model: Peer, ids_rb: Tensor) -> None:
        self.model, self.ids_rb = model.train(), ids_rb
        self.state, self.row = model.initial_state(ids_rb.shape[1]), 0

    def step(self) -> None:
        """One segment."""
        if self.row + BPTT >= len(self.ids_rb):
            self.row = 0
        rows = self.ids_rb[self.row : self.row + BPTT + 1]
        self.row += BPTT
        self.model.zero_grad()
        hidden, cell = self.state
        log_probs_nv, self.state = self.model(rows[:-1], (hidden.detach(), cell.detach()))
        loss = nn.functional.nll_loss(log_probs_nv, rows[1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.data.add_(parameter.grad, alpha=-RATE)
        loss.item()  # its log line reads the loss


@torch.no_grad()
def evaluate(model: Peer, ids_n: Tensor) -> float:
    """Mean NLL by its own method: ten columns, the tail that does not fill them dropped."""
    model.eval()
    rows = len(ids_n) // EVALUATION_BATCH
    ids_rb = ids_n[: rows * EVALUATION_BATCH].view(EVALUATION_BATCH, rows).t().contiguous()
    state, total = model.initial_state(EVALUATION_BATCH), 0.0
    for row in range(0, rows - 1, BPTT):
        part = ids_rb[row : row + BPTT + 1]
        log_probs_nv, state = model(part[:-1], state)
        total += (len(part) - 1) * nn.functional.nll_loss(log_probs_nv, part[1:].flatten()).item()
    model.train()
    return total / (rows - 1)


@torch.no_grad()
def generate(model: Peer, words: int) -> list[int]:
    """Words drawn one after another, as its generation script does."""
    model.eval()
    input_tb, state, drawn = torch.tensor([[1]]), model.initial_state(1), []
    for _ in range(words):
        log_probs_nv, state = model(input_tb, state)
        weights_v = log_probs_nv.squeeze().div(1.0).exp()
        input_tb.fill_(int(torch.multinomial(weights_v, 1)[0]))
        drawn.append(int(input_tb))
    model.train()
    return drawn
