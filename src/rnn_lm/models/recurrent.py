"""The recurrent language model: embedding, recurrent layers, decoder."""

from __future__ import annotations

from dataclasses import fields
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.layers.adaptive import adaptive_nll, adaptive_size, adaptive_softmax
from rnn_lm.layers.cells import CELLS, Cell, Start, TorchCell
from rnn_lm.layers.softmax import Decoder, chunks, nll
from rnn_lm.layers.stack import Stack
from rnn_lm.layers.state import State
from rnn_lm.limits import require_memory
from rnn_lm.padding import IGNORE


class DropoutMasks(NamedTuple):
    """One segment's dropout. Entries are 0 or 1 / (1 - p).

    The first three are fixed over the segment's time steps (Gal and Ghahramani 2016), or (``--dropout-masks step``)
    have T as their first dimension.

    Attributes:
        input_be: multiplies the embedded input.
        between_lbh: multiplies the output of each layer but the last.
        output_bh: multiplies what the decoder reads.
        recurrent_l: one mask per layer for its hidden-to-hidden matrix (Merity et al. 2018).
        embedding_v: multiplies the input vector of each word type.
    Where a probability is 0 its entry is None (or empty), and nothing is multiplied.
    """

    input_be: Tensor | None
    between_lbh: tuple[Tensor | None, ...]
    output_bh: Tensor | None
    recurrent_l: tuple[Tensor | None, ...]
    embedding_v: Tensor | None = None

    def part(self, columns: slice, device: torch.device) -> DropoutMasks:
        """The masks of some of the columns, on ``device``; those of matrices are the same for all columns."""

        def cut(mask: Tensor | None) -> Tensor | None:
            return None if mask is None else mask[..., columns, :].to(device)

        return DropoutMasks(
            cut(self.input_be),
            tuple(map(cut, self.between_lbh)),
            cut(self.output_bh),
            tuple(None if mask is None else mask.to(device) for mask in self.recurrent_l),
            None if self.embedding_v is None else self.embedding_v.to(device),
        )


class Projection(nn.Module):
    """A product without a bias, from the last layer's output to what a tied decoder compares with the embedding."""

    def __init__(self, embedding_size: int, output_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(embedding_size, output_size))

    def forward(self, output: Float[Tensor, "*N H"]) -> Float[Tensor, "*N D"]:
        return output @ self.weight.T


class DecoderParameters(nn.Module):
    """What a decoder owns: a bias for every word, and a matrix of its own where it is not tied to the embedding."""

    def __init__(self, vocabulary_size: int, size: int | None) -> None:
        super().__init__()
        self.weight = None if size is None else nn.Parameter(torch.empty(vocabulary_size, size))
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))


class RecurrentLanguageModel(nn.Module):
    """Implements ``LanguageModel`` with recurrent layers.

    Args:
        vocabulary_size: V.
        embedding_size: E, dimensions of the input vectors.
        config: cell, engine, sizes, dropout, start.
        generator: draws the start.

    The decoder is the transposed embedding where ``tie_weights`` says so; if then H differs from E, a linear
    projection leads from the one to the other.

    Raises:
        UserError: the cell is unknown, or the engine has no code for it.
    """

    def __init__(
        self, vocabulary_size: int, embedding_size: int, config: ModelConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.vocabulary_size, self.config, self.layer_sizes = vocabulary_size, config, config.layer_sizes
        embedding = nn.Embedding(vocabulary_size, embedding_size, _weight=torch.empty(vocabulary_size, embedding_size))
        output_size = self.layer_sizes[-1]
        projected = config.tie_weights and output_size != embedding_size
        tied, adaptive = config.tie_weights, config.decoder == "adaptive"
        self.embedding = embedding
        self.projection = Projection(embedding_size, output_size) if projected else None
        self.decoder = None if adaptive else DecoderParameters(vocabulary_size, None if tied else output_size)
        self.layers = Stack(_make_cells(embedding_size, config))
        self.adaptive = adaptive_softmax(output_size, vocabulary_size) if adaptive else None
        self._initialize(generator)

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        config = self.config
        self.embedding.weight.uniform_(-config.embedding_range, config.embedding_range, generator=generator)
        start = Start(config.recurrent_init, config.recurrent_gain, config.forget_bias, config.init_range)
        for cell in self.layers.cells:
            cell.reset_parameters(generator, start)
        clusters = list(self.adaptive.parameters()) if self.adaptive is not None else []
        projection = [] if self.projection is None else [self.projection.weight]
        own = [] if self.decoder is None or self.decoder.weight is None else [self.decoder.weight]
        decoding = [*projection, *own, *clusters]
        for matrix in decoding:
            bound = matrix.shape[1] ** -0.5
            matrix.uniform_(-bound, bound, generator=generator)
        if (bound := config.init_range) is not None:
            biases = [] if self.decoder is None else [self.decoder.bias]
            for parameter in (self.embedding.weight, *decoding, *biases):
                parameter.uniform_(-bound, bound, generator=generator)

    @torch.no_grad()
    def load_embedding(self, vectors_ve: Float[Tensor, "V E"], frozen: bool) -> None:
        """Start from given word vectors, scaled as a whole to the size of a random start; keep them so if ``frozen``.

        How long word2vec's vectors are depends on its settings, and a tied decoder that starts from long ones is far
        too sure of itself; one common factor leaves every angle and ratio as it was.
        """
        if frozen and self.config.tie_weights:
            raise UserError("--freeze-embedding would freeze the tied decoder as well: add --no-tie-weights")
        rms = vectors_ve.square().mean().sqrt().clamp_min(1e-12)
        self.embedding.weight.copy_(vectors_ve * (self.embedding.weight.square().mean().sqrt() / rms))
        self.embedding.weight.requires_grad_(not frozen)

    @property
    def cells(self) -> list[Cell]:
        """The layers' cells, from input to output."""
        return self.layers.cells

    @property
    def torch_cells(self) -> list[TorchCell]:
        """The same where they have torch.nn's matrices, which diagnosis by hand needs; else raises ``UserError``."""
        cells = [cell for cell in self.cells if isinstance(cell, TorchCell)]
        if len(cells) < len(self.cells):
            raise UserError(f"the cell {self.config.cell} has no recurrent matrix in torch's layout, which this needs")
        return cells

    @property
    def device(self) -> torch.device:
        """Where the parameters are, and ids and states have to be."""
        return self.embedding.weight.device

    @property
    def decoder_weight(self) -> Float[Tensor, "V D"]:
        """The rows that hidden states are compared with: the decoder's own, or the embedding's."""
        own = None if self.decoder is None else self.decoder.weight
        return self.embedding.weight if own is None else own

    @property
    def output_product(self) -> Decoder:
        """What turns the output of ``encode`` into logits, where that is one product (``--decoder full``)."""
        if self.decoder is None:
            raise ValueError("an adaptive decoder is no single matrix")
        return Decoder(self.decoder_weight, self.decoder.bias)

    def initial_state(self, batch: int) -> State:
        """Zeros: one (L, B, H) tensor, or two for the LSTM; of unequal layers, H is the widest's (``split_state``)."""
        return join_states(self.layers.initial_state(batch), self.layer_sizes)

    def draw_masks(self, batch: int, generator: torch.Generator, steps: int = 1) -> DropoutMasks:
        """Dropout masks for one segment of ``batch`` columns and ``steps`` rows."""
        config = self.config
        rows = (steps, batch) if config.dropout_masks == "step" else (batch,)
        sizes = self.layer_sizes
        return DropoutMasks(
            _mask((*rows, self.embedding.embedding_dim), config.dropout_input, generator),
            tuple(_mask((*rows, size), config.dropout_between, generator) for size in sizes[:-1]),
            _mask((*rows, sizes[-1]), config.dropout_output, generator),
            tuple(_mask(cell.recurrent_shape or (), config.dropout_recurrent, generator) for cell in self.cells),
            _mask((self.vocabulary_size,), config.dropout_embedding, generator),
        )

    def encode(
        self, input_tb: Int[Tensor, "T B"], state: State, masks: DropoutMasks | None = None
    ) -> tuple[Float[Tensor, "T B D"], State]:
        """Read ``input_tb``; returns what the decoder compares with its rows, and the state after it."""
        hidden_tbh, state = self.hidden(input_tb, state, masks)
        return self.project(drop_output(hidden_tbh, masks)), state

    def hidden(
        self, input_tb: Int[Tensor, "T B"], state: State, masks: DropoutMasks | None = None
    ) -> tuple[Float[Tensor, "T B H"], State]:
        """Read ``input_tb``; returns the last layer's hidden states, before dropout, and the state after it."""
        signal_tbe = self.embedding(input_tb)
        between = recurrent = None
        if masks is not None:
            if masks.embedding_v is not None:
                signal_tbe = signal_tbe * masks.embedding_v[input_tb].unsqueeze(-1)
            signal_tbe = _times(signal_tbe, masks.input_be)
            between, recurrent = masks.between_lbh, masks.recurrent_l
        hidden_tbh, states = self.layers(signal_tbe, split_state(state, self.layer_sizes), between, recurrent)
        return hidden_tbh, join_states(states, self.layer_sizes)

    def project(self, output: Float[Tensor, "*N H"]) -> Float[Tensor, "*N D"]:
        """The last layer's output as the decoder reads it."""
        return output if self.projection is None else self.projection(output)

    def step(self, token_b: Int[Tensor, "B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """See ``LanguageModel.step``. The cells' equations as they stand: kernels made for many steps are slow at 1."""
        states = self.layers.step(self.embedding(token_b), split_state(state, self.layer_sizes))
        logits_bv = self.logits(self.project(states[-1][0]))
        return torch.log_softmax(logits_bv, dim=-1), join_states(states, self.layer_sizes)

    def forward(self, input_tb: Int[Tensor, "T B"], state: State) -> tuple[Float[Tensor, "T B V"], State]:
        """Read ``input_tb``; return log P(next token) after each of its tokens, and the state after it."""
        output_tbd, state = self.encode(input_tb, state)
        return torch.log_softmax(self.logits(output_tbd.flatten(0, 1)), dim=-1).unflatten(0, input_tb.shape), state

    def logits(self, output_nd: Float[Tensor, "N D"]) -> Float[Tensor, "N V"]:
        """Log-probabilities of every next token, unnormalised unless the decoder is adaptive."""
        if self.adaptive is not None:
            return self.adaptive.log_prob(output_nd)
        product = self.output_product
        return torch.addmm(product.bias_v, output_nd, product.weight_vd.T)

    def score(
        self, input_tb: Int[Tensor, "T B"], target_tb: Int[Tensor, "T B"], state: State
    ) -> tuple[Float[Tensor, "T B"], State]:
        """See ``LanguageModel.score``."""
        output_tbd, state = self.encode(input_tb, state)
        return self.nll_of_output(output_tbd.flatten(0, 1), target_tb.flatten()).view_as(target_tb), state

    def nll_of_output(self, output_nd: Float[Tensor, "N D"], target_n: Int[Tensor, "N"]) -> Float[Tensor, "N"]:
        """-log P(target) of encoded positions, in nats, 0 for padding. Logits exist for a chunk of them at a time."""
        if self.adaptive is not None:
            return adaptive_nll(self.adaptive, output_nd, target_n)
        if not torch.is_grad_enabled():
            return nll(output_nd, self.output_product, target_n)
        nll_n = [
            nn.functional.cross_entropy(
                self.logits(output_nd[rows]), target_n[rows], ignore_index=IGNORE, reduction="none"
            )
            for rows in chunks(len(target_n), self.vocabulary_size)
        ]
        return torch.cat(nll_n)


def _make_cells(embedding_size: int, config: ModelConfig) -> list[Cell]:
    """One cell per layer; what they draw when they are made is drawn again, and not from anybody's generator."""
    settings = {field.name: getattr(config, field.name) for field in fields(config)}
    sizes = zip((embedding_size, *config.layer_sizes), config.layer_sizes, strict=False)
    with torch.random.fork_rng(devices=[]):
        cells = [CELLS[config.cell].of(*pair, settings) for pair in sizes]
    if config.dropout_recurrent and any(cell.recurrent_shape is None for cell in cells):
        raise UserError(f"--dropout-recurrent: the cell {config.cell} has no recurrent matrix; leave it out")
    return cells


def count_parameters(vocabulary_size: int, embedding_size: int, config: ModelConfig) -> int:
    """Count the numbers that a ``RecurrentLanguageModel`` of these sizes consists of, without making one.

    Raises:
        UserError: a layer is larger than any memory, the cell is unknown, or the engine has no code for it.
    """
    sizes = config.layer_sizes
    try:
        with torch.device("meta"):  # shapes without numbers
            cells = _make_cells(embedding_size, config)
    except RuntimeError as error:  # a matrix of more than 2^63 bytes has no size that could be counted
        require_memory(2**63, f"--hidden-size {max(sizes)}: a layer of that size")
        raise UserError(f"--hidden-size {max(sizes)}: no layer can have that size; give fewer units") from error
    count = vocabulary_size * embedding_size + sum(part.numel() for cell in cells for part in cell.parameters())
    output_size = sizes[-1]
    if config.decoder == "adaptive":
        return count + adaptive_size(output_size, vocabulary_size)
    count += vocabulary_size
    if not config.tie_weights:
        return count + vocabulary_size * output_size
    return count + (embedding_size * output_size if output_size != embedding_size else 0)


def split_state(state: State, sizes: tuple[int, ...]) -> list[State]:
    """A stack's state, parts (L, B, H), layer by layer: parts (B, H of that layer).

    Layers of unequal size share a tensor as wide as the widest; what is beyond a layer's own units is zero.
    """
    widest = max(sizes)
    return [
        tuple(part[index] if size == widest else part[index, :, :size] for part in state)
        for index, size in enumerate(sizes)
    ]


def join_states(states: list[State], sizes: tuple[int, ...]) -> State:
    """What ``split_state`` takes apart."""
    widest = max(sizes)
    if min(sizes) < widest:
        padding = [widest - size for size in sizes]
        states = [
            tuple(nn.functional.pad(part, (0, extra)) for part in state)
            for state, extra in zip(states, padding, strict=True)
        ]
    return tuple(torch.stack(parts) for parts in zip(*states, strict=True))


def drop_output(hidden_tbh: Float[Tensor, "T B H"], masks: DropoutMasks | None) -> Float[Tensor, "T B H"]:
    """The last layer's output after dropout."""
    return hidden_tbh if masks is None else _times(hidden_tbh, masks.output_bh)


def _mask(shape: tuple[int, ...] | torch.Size, probability: float, generator: torch.Generator) -> Tensor | None:
    if probability == 0:
        return None
    kept = torch.empty(shape).bernoulli_(1 - probability, generator=generator)
    return kept.div_(1 - probability)


def _times(signal: Tensor, mask: Tensor | None) -> Tensor:
    return signal if mask is None else signal * mask
