"""The bound: the matrix products that a training step cannot do without, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import torch

from rnn_lm.layers.softmax import chunks

Shape = tuple[int, int, int]
"""(m, k, n) of an m x k by k x n product."""


def layer_products(batch: int, steps: int, inputs: int, hidden: int, gates: int) -> list[tuple[Shape, int]]:
    """Products of one recurrent layer, forward and backward, and how often each occurs in a step."""
    rows, wide = batch * steps, gates * hidden
    return [
        ((rows, inputs, wide), 1),
        ((batch, hidden, wide), steps),
        ((batch, wide, hidden), steps),
        ((wide, rows, hidden), 1),
        ((wide, rows, inputs), 1),
        ((rows, wide, inputs), 1),
    ]


def decoder_products(rows: int, width: int, vocabulary_size: int) -> list[tuple[Shape, int]]:
    """Products of the exact softmax: logits, gradient of the output, gradient of the weights, chunk by chunk."""
    sizes = [part.stop - part.start for part in chunks(rows, vocabulary_size)]
    return [
        (shape, 1)
        for chunk in sizes
        for shape in (
            (chunk, width, vocabulary_size),
            (chunk, vocabulary_size, width),
            (vocabulary_size, chunk, width),
        )
    ]


def operations(products: list[tuple[Shape, int]]) -> int:
    """Floating-point operations: two per multiply-add."""
    return sum(2 * m * k * n * times for (m, k, n), times in products)


def multiply(products: list[tuple[Shape, int]]) -> Callable[[], None]:
    """Does all the products, on operands that were made before."""
    operands = [(torch.randn(m, k), torch.randn(k, n), torch.empty(m, n), times) for (m, k, n), times in products]

    def run() -> None:
        for left, right, out, times in operands:
            for _ in range(times):
                torch.mm(left, right, out=out)

    return run
