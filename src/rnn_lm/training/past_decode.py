"""Past decode regularization (Brahma 2018, arXiv 1808.05908): the next word's distribution has to tell the last word.

    w_t --model--> p = P(. | w_1 ... w_t)       what is learned as ever: -log p(w_{t+1})
                   x = sum_v p_v E_v            the embedding that is expected to come next
                   z = tanh(W x + b)
                   q = softmax(D z + b')        added, times a small factor: -log q(w_t)

E is the embedding and D the decoder's matrix, of the model itself (the same where they are tied); W, b and b' are no
part of it: they are learned with it, kept in its checkpoints, and left behind when training is over. Dropout of word
types does not reach E here. p is needed as a whole, so that only steps with the exact softmax have the penalty.

x is computed a chunk of positions at a time, as all that is as wide as the vocabulary. For the way back the logits of a
chunk are computed anew: with g = dL/dx, the gradient to the logits is p * (E g - x.g), and to E it is p g^T.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnn_lm.layers.packing import product_dtype
from rnn_lm.layers.softmax import Decoder, chunks
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.padding import IGNORE
from rnn_lm.training.losses import Scratch, exact_loss, logits_into, multiply_into


class PastDecoder(nn.Module):
    """The layer between the expected embedding and the decoder: W, b, and a bias b' of every word.

    Args:
        embedding_size: of x.
        size: of what the decoder reads.
        vocabulary_size: V.
        random: draws W, uniform in plus or minus 1 / sqrt of its columns; biases begin at 0.
    """

    def __init__(self, embedding_size: int, size: int, vocabulary_size: int, random: torch.Generator) -> None:
        super().__init__()
        bound = embedding_size**-0.5
        self.weight = nn.Parameter(torch.empty(size, embedding_size).uniform_(-bound, bound, generator=random))
        self.bias = nn.Parameter(torch.zeros(size))
        self.output_bias = nn.Parameter(torch.zeros(vocabulary_size))

    def forward(self, expected_ne: Float[Tensor, "N E"]) -> Float[Tensor, "N D"]:
        """Return z."""
        return torch.tanh(nn.functional.linear(expected_ne, self.weight, self.bias))


def add_past_decoder(model: NeuralLanguageModel, random: torch.Generator) -> None:
    """Give ``model`` what training with the penalty learns besides it."""
    weight_vd, embedding_ve = model.decoder_weight, model.embedding.weight
    past = PastDecoder(embedding_ve.shape[1], weight_vd.shape[1], model.vocabulary_size, random)
    model.past_decoder = past.to(weight_vd.device, weight_vd.dtype)


def past_decode_loss(
    model: NeuralLanguageModel,
    output_nd: Float[Tensor, "N D"],
    read_n: Int[Tensor, "N"],
    target_n: Int[Tensor, "N"],
    scale: float,
    scratch: Scratch,
) -> Float[Tensor, ""]:
    """``scale`` times the sum of -log q(token read), in nats.

    Args:
        model: with a past decoder.
        output_nd: what the decoder reads.
        read_n: the token read at each position.
        target_n: the one that comes next; positions whose target is ``IGNORE`` count nothing.
        scale: see above.
        scratch: memory of chunks.
    """
    past = model.past_decoder
    assert isinstance(past, PastDecoder)
    decoder = model.output_product
    arguments = (output_nd, decoder.weight_vd, decoder.bias_v, model.embedding.weight, scratch)
    expected_ne = _ExpectedEmbedding.apply(*arguments)
    assert isinstance(expected_ne, Tensor)
    read_n = read_n.masked_fill(target_n == IGNORE, IGNORE)
    return exact_loss(past(expected_ne), Decoder(decoder.weight_vd, past.output_bias), read_n, scale, scratch)


class _ExpectedEmbedding(torch.autograd.Function):
    """x of every position; memory is two chunks of logits instead of all N * V."""

    @staticmethod
    def forward(
        ctx: Any, output_nd: Tensor, weight_vd: Tensor, bias_v: Tensor, embedding_ve: Tensor, scratch: Scratch
    ) -> Tensor:
        # Autocast is off when the way back is taken: what products are computed in is settled here.
        ctx.digits, ctx.scratch = product_dtype(weight_vd), scratch
        expected_ne = torch.empty(len(output_nd), embedding_ve.shape[1], dtype=weight_vd.dtype, device=weight_vd.device)
        factor_ve = embedding_ve.to(ctx.digits)
        for rows, probability_rv in _probabilities(ctx, output_nd, weight_vd, bias_v):
            multiply_into(probability_rv.to(ctx.digits), factor_ve, expected_ne[rows])
        ctx.save_for_backward(output_nd, weight_vd, bias_v, embedding_ve, expected_ne)
        return expected_ne

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        (grad_ne,) = grad_outputs
        output_nd, weight_vd, bias_v, embedding_ve, expected_ne = ctx.saved_tensors
        digits, embeds = ctx.digits, ctx.needs_input_grad[3]
        weight_digits_vd, embedding_digits_ve = weight_vd.to(digits), embedding_ve.to(digits)
        inner_n1 = (grad_ne * expected_ne).sum(1, keepdim=True)
        grad_output_nd = torch.empty_like(output_nd, dtype=weight_vd.dtype)
        grad_weight_vd, grad_bias_v = torch.zeros_like(weight_vd), torch.zeros_like(bias_v)
        grad_embedding_ve = torch.zeros_like(embedding_ve) if embeds else None
        for rows, probability_rv in _probabilities(ctx, output_nd, weight_vd, bias_v):
            grad_re = grad_ne[rows].to(digits)
            if grad_embedding_ve is not None:
                multiply_into(probability_rv.to(digits).T, grad_re, grad_embedding_ve, keep=1.0)
            slope_rv = ctx.scratch.take("slope", len(grad_re), len(bias_v), weight_vd)
            multiply_into(grad_re, embedding_digits_ve.T, slope_rv)
            slope_rv.sub_(inner_n1[rows]).mul_(probability_rv)
            grad_bias_v.add_(slope_rv.sum(0))
            factor_rv = slope_rv.to(digits)
            multiply_into(factor_rv, weight_digits_vd, grad_output_nd[rows])
            multiply_into(factor_rv.T, output_nd[rows].to(digits), grad_weight_vd, keep=1.0)
        return grad_output_nd, grad_weight_vd, grad_bias_v, grad_embedding_ve, None


def _probabilities(ctx: Any, output_nd: Tensor, weight_vd: Tensor, bias_v: Tensor) -> Any:
    """Chunk by chunk, which positions and their p, in memory that the next chunk writes over."""
    output_nd, factor_vd = output_nd.to(ctx.digits), weight_vd.to(ctx.digits)
    for rows in chunks(len(output_nd), len(bias_v), output_nd.device):
        output_rd = output_nd[rows]
        logits_rv = ctx.scratch.take("logits", len(output_rd), len(bias_v), weight_vd)
        logits_into(output_rd, factor_vd, bias_v, logits_rv)
        yield rows, torch.softmax(logits_rv, 1, out=logits_rv)
