"""A cell of your own: written, checked, and a row in the comparison.

    python examples/own_cell.py --budget 2epochs --out runs/own-cell

The cell is JANET, an LSTM of which only the forget gate is left (van der Westhuizen and Lasenby 2018, 1804.04849):

    f  = sigmoid(W_f x + U_f h + b_f)
    h' = f * h + (1 - f) * tanh(W_c x + U_c h + b_c)

With an entry point in a package of yours, ``rnn-lm compare --models lstm janet`` finds it; here, one file is enough.
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

import rnn_lm
from rnn_lm.layers import Cell, Start
from rnn_lm.testing import check_cell


# 1. The cell: its parameters, and one step.
@rnn_lm.register_cell("janet", "JANET")
class Janet(Cell):
    """One gate: what is not forgotten is not overwritten."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.forget = nn.Linear(input_size + hidden_size, hidden_size)
        self.candidate = nn.Linear(input_size + hidden_size, hidden_size)

    # 2. Its start: biases of the gate such that units forget over 1 to 64 steps (after Tallec and Ollivier 2018).
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw matrices as any cell does, and spread the times over which units forget."""
        super().reset_parameters(generator, start)
        steps_h = 2.0 ** torch.linspace(0, 6, self.hidden_size)
        with torch.no_grad():
            self.forget.bias.copy_(steps_h.log())

    def step(self, input_be: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Return the state after one more input."""
        (hidden_bh,) = state
        both_bd = torch.cat([input_be, hidden_bh], dim=1)
        f_bh = torch.sigmoid(self.forget(both_bd))
        return (f_bh * hidden_bh + (1 - f_bh) * torch.tanh(self.candidate(both_bd)),)


def main() -> None:
    """Check the cell, then compare it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="web-bible", help="a named corpus, or a text file of yours")
    parser.add_argument("--budget", default="2epochs", help="how long each model trains: 2epochs, 500steps, 5m")
    parser.add_argument("--hidden-size", type=int, default=300)
    parser.add_argument("--out", default="runs/own-cell")
    options = parser.parse_args()

    # 3. Does it do what every cell must? Steps, runs and segments agree; gradients are right; no parameter is dead.
    check_cell(Janet)

    # 4. A row in the comparison, at the LSTM's number of parameters.
    comparison = rnn_lm.compare(
        options.corpus,
        models=["ngram", "rnn", "janet", "lstm"],
        hidden_size=options.hidden_size,
        budget=options.budget,
        parts=[],
        out=options.out,
    )
    print(comparison.table())
    print(f"report      {options.out}/report.html")


if __name__ == "__main__":
    main()
