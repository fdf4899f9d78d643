"""What 8 bits do to the distribution: of the decoder without refusals, and of an LSTM's layers, over words it writes.

    python benchmarks/int8_error.py RUN [RUN...] [--words 400] [--layers]

Prints the rows of a table in ``docs/performance.md``: of the largest error among a word's logits, of the total
variation and of KL(float32, 8 bits) the mean and the maximum over the words; and how many words are proposed for one
that is accepted.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch

import rnn_lm
from rnn_lm.config import GenerationConfig
from rnn_lm.evaluation.int8_drawing import Int8Draw
from rnn_lm.models.int8_decoder import Int8Decoder
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.reading import reader_of
from rnn_lm.seeding import generator


@torch.no_grad()
def layer_errors(model: Any, words: int) -> np.ndarray:
    """Per word that the model in float32 writes: total variation and KL of what layers in 8 bits predict there."""
    lm = model.lm.eval()
    exact, eight = reader_of(lm), reader_of(lm, "int8")
    product, random, token, found = lm.output_product, generator(1, "sampling"), model.vocabulary.eos_id, []
    for _ in range(words):
        logits = (torch.addmv(product.bias_v, product.weight_vd, one.read(token)[0]).double() for one in (exact, eight))
        p_v, q_v = (one_v.softmax(0) for one_v in logits)
        found.append([float((p_v - q_v).abs().sum() / 2), float((p_v * (p_v / q_v).log()).sum())])
        token = int(torch.multinomial(p_v, 1, generator=random))
    return np.array(found)


@torch.no_grad()
def errors(model: Any, words: int) -> tuple[np.ndarray, float]:
    """Per word the largest error of a logit, total variation and KL; and the proposals for a word."""
    lm = model.lm
    assert isinstance(lm, NeuralLanguageModel)
    reader = reader_of(lm.eval())
    eight = Int8Decoder(lm.output_product, [model.vocabulary.unk_id])
    drawing = Int8Draw(eight, GenerationConfig(), generator(1, "sampling"))
    token, found = model.vocabulary.eos_id, []
    for _ in range(words):
        output_1d = reader.read(token)
        output_d = output_1d.numpy()[0]
        exact_v, possible_v = eight.all_exact(output_1d).double(), eight.bias_v > -torch.inf
        rounded_v = torch.from_numpy(eight.upper(output_d) - eight.slack(output_d)).double()
        p_v, q_v = exact_v.softmax(0)[possible_v], rounded_v.softmax(0)[possible_v]
        error = (exact_v - rounded_v)[possible_v].abs().max()
        found.append([float(error), float((p_v - q_v).abs().sum() / 2), float((p_v * (p_v / q_v).log()).sum())])
        drawn = drawing.draw(output_1d)
        assert drawn is not None
        token = drawn
    return np.array(found), drawing.proposed / words


def main() -> None:
    parser = argparse.ArgumentParser(description="What 8 bits alone would do to the distribution.")
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--words", type=int, default=400)
    parser.add_argument("--layers", action="store_true", help="of layers in 8 bits, not of the decoder")
    arguments = parser.parse_args()
    for run in arguments.runs:
        model = rnn_lm.load(run, progress=False)
        if arguments.layers:
            found = layer_errors(model, arguments.words)
            (variation, divergence), (variations, divergences) = found.mean(0), found.max(0)
            print(
                f"| {model.kind} | {len(model.vocabulary):,} | {variation:.4f}, {variations:.4f} | "
                f"{divergence:.0e}, {divergences:.0e} |"
            )
            continue
        found, proposed = errors(model, arguments.words)
        (error, variation, divergence), (errors_, variations, divergences) = found.mean(0), found.max(0)
        print(
            f"| {model.kind} | {len(model.vocabulary):,} | {error:.3f}, {errors_:.3f} | {variation:.4f}, "
            f"{variations:.4f} | {divergence:.0e}, {divergences:.0e} | {proposed:.1f} |"
        )


if __name__ == "__main__":
    main()
