"""The recurrent language model: embedding, recurrent layers, decoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.models.adaptive import adaptive_nll, adaptive_size, adaptive_softmax
from rnn_lm.models.cells import CELLS, ENGINES, CellParameters
from rnn_lm.models.language_model import IGNORE, State
from rnn_lm.models.softmax import Decoder, chunks, nll

EMBEDDING_RANGE = 0.4
"""Input vectors start uniform in plus or minus this. Found on the default corpus' valid split: after half an epoch, an
LSTM that started from 0.1 has perplexity 72, from 0.4 it has 52. The gates see next to nothing of shorter vectors."""


class DropoutMasks(NamedTuple):
    """One segment's dropout: fixed over its time steps (Gal and Ghahramani 2016). Entries are 0 or 1 / (1 - p).

    Attributes:
        input_be: multiplies the embedded input.
        between_lbh: multiplies the output of each layer but the last.
        output_bh: multiplies what the decoder reads.
        recurrent_l: one mask per layer for its hidden-to-hidden matrix (Merity et al. 2018).
    Where a probability is 0 its entry is None (or empty), and nothing is multiplied.
    """

    input_be: Tensor | None
    between_lbh: tuple[Tensor | None, ...]
    output_bh: Tensor | None
    recurrent_l: tuple[Tensor | None, ...]

    def part(self, columns: slice, device: torch.device) -> DropoutMasks:
        """The masks of some of the columns, on ``device``; those of matrices are the same for all columns."""

        def cut(mask: Tensor | None) -> Tensor | None:
            return None if mask is None else mask[columns].to(device)

        recurrent_l = tuple(None if mask is None else mask.to(device) for mask in self.recurrent_l)
        return DropoutMasks(cut(self.input_be), tuple(map(cut, self.between_lbh)), cut(self.output_bh), recurrent_l)


class RecurrentLayer(nn.Module):
    """One layer's parameters, run by hand or by torch's kernel. The parameters do not depend on which."""

    def __init__(self, config: ModelConfig, input_size: int) -> None:
        super().__init__()
        self.cell = CELLS[config.cell]
        self.run = ENGINES[config.engine]
        rows = self.cell.gates * config.hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, config.hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))

    def cell_parameters(self) -> CellParameters:
        """The parameters as the cell's equations name them."""
        return CellParameters(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

    def forward(
        self, input_tbe: Float[Tensor, "T B E"], state: State, recurrent_mask: Tensor | None = None
    ) -> tuple[Float[Tensor, "T B H"], State]:
        """Run over time from ``state`` (parts (B, H)); ``recurrent_mask`` has the shape of ``weight_hh``."""
        parameters = self.cell_parameters()
        if recurrent_mask is not None:
            parameters = parameters._replace(weight_hh=self.weight_hh * recurrent_mask)
        return self.run(self.cell, input_tbe, state, parameters)

    @torch.no_grad()
    def initialize(self, config: ModelConfig, generator: torch.Generator) -> None:
        """Draw the start: uniform in +-1/sqrt(H) but for the recurrent matrix and the forget gate."""
        bound = config.hidden_size**-0.5
        for parameter in (self.weight_ih, self.weight_hh):
            parameter.uniform_(-bound, bound, generator=generator)
        self.bias_ih.zero_()
        self.bias_hh.zero_()
        if config.recurrent_init == "orthogonal":
            for block in self.weight_hh.chunk(self.cell.gates):
                nn.init.orthogonal_(block, config.recurrent_gain, generator=generator)
        if config.cell == "lstm":
            self.bias_ih[config.hidden_size : 2 * config.hidden_size] = config.forget_bias


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
        UserError: the cell is unknown.
    """

    def __init__(
        self, vocabulary_size: int, embedding_size: int, config: ModelConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.vocabulary_size = vocabulary_size
        self.config = config
        self.embedding_ve = nn.Parameter(torch.empty(vocabulary_size, embedding_size))
        sizes = [embedding_size] + [config.hidden_size] * (config.layers - 1)
        self.layers = nn.ModuleList(RecurrentLayer(config, size) for size in sizes)
        projected = config.tie_weights and config.hidden_size != embedding_size
        self.projection_eh = nn.Parameter(torch.empty(embedding_size, config.hidden_size)) if projected else None
        self.adaptive = None
        if config.decoder == "adaptive":
            self.adaptive = adaptive_softmax(config.hidden_size, vocabulary_size)
        of_its_own = self.adaptive is None and not config.tie_weights
        self.decoder_vd = nn.Parameter(torch.empty(vocabulary_size, config.hidden_size)) if of_its_own else None
        self.decoder_bias_v = nn.Parameter(torch.zeros(vocabulary_size)) if self.adaptive is None else None
        self._initialize(generator)

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        self.embedding_ve.uniform_(-EMBEDDING_RANGE, EMBEDDING_RANGE, generator=generator)
        for layer in self.recurrent_layers:
            layer.initialize(self.config, generator)
        clusters = self.adaptive.parameters() if self.adaptive is not None else ()
        for matrix in (self.projection_eh, self.decoder_vd, *clusters):
            if matrix is not None:
                bound = matrix.shape[1] ** -0.5
                matrix.uniform_(-bound, bound, generator=generator)

    @torch.no_grad()
    def load_embedding(self, vectors_ve: Float[Tensor, "V E"], frozen: bool) -> None:
        """Start from given word vectors, scaled as a whole to the size of a random start; keep them so if ``frozen``.

        How long word2vec's vectors are depends on its settings, and a tied decoder that starts from long ones is far
        too sure of itself; one common factor leaves every angle and ratio as it was.
        """
        if frozen and self.config.tie_weights:
            raise UserError("--freeze-embedding would freeze the tied decoder as well: add --no-tie-weights")
        rms = vectors_ve.square().mean().sqrt().clamp_min(1e-12)
        self.embedding_ve.copy_(vectors_ve * (self.embedding_ve.square().mean().sqrt() / rms))
        self.embedding_ve.requires_grad_(not frozen)

    @property
    def recurrent_layers(self) -> list[RecurrentLayer]:
        """The layers, from input to output."""
        return [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]

    @property
    def decoder_weight_vd(self) -> Tensor:
        """(V, D): the rows that hidden states are compared with."""
        return self.embedding_ve if self.decoder_vd is None else self.decoder_vd

    @property
    def decoder(self) -> Decoder:
        """What turns the output of ``encode`` into logits, where that is one product (``--decoder full``)."""
        if self.decoder_bias_v is None:
            raise ValueError("an adaptive decoder is no single matrix")
        return Decoder(self.decoder_weight_vd, self.decoder_bias_v)

    def initial_state(self, batch: int) -> State:
        """Zeros: one (L, B, H) tensor, or two for the LSTM."""
        parts = self.recurrent_layers[0].cell.state_parts
        like = self.embedding_ve
        shape = (self.config.layers, batch, self.config.hidden_size)
        return tuple(torch.zeros(shape, dtype=like.dtype, device=like.device) for _ in range(parts))

    def draw_masks(self, batch: int, generator: torch.Generator) -> DropoutMasks:
        """Dropout masks for one segment of ``batch`` columns."""
        config = self.config
        embedding_size = self.embedding_ve.shape[1]
        hidden = (batch, config.hidden_size)
        return DropoutMasks(
            _mask((batch, embedding_size), config.dropout_input, generator),
            tuple(_mask(hidden, config.dropout_between, generator) for _ in range(config.layers - 1)),
            _mask(hidden, config.dropout_output, generator),
            tuple(_mask(layer.weight_hh.shape, config.dropout_recurrent, generator) for layer in self.recurrent_layers),
        )

    def encode(
        self, input_tb: Int[Tensor, "T B"], state: State, masks: DropoutMasks | None = None
    ) -> tuple[Float[Tensor, "T B D"], State]:
        """Read ``input_tb``; returns what the decoder compares with its rows, and the state after it."""
        masks = masks or DropoutMasks(None, (None,) * (self.config.layers - 1), None, (None,) * self.config.layers)
        signal = _times(nn.functional.embedding(input_tb, self.embedding_ve), masks.input_be)
        last_states = []
        for index, layer in enumerate(self.recurrent_layers):
            layer_state = tuple(part[index] for part in state)
            signal, last = layer(signal, layer_state, masks.recurrent_l[index])
            last_states.append(last)
            is_last = index == self.config.layers - 1
            signal = _times(signal, masks.output_bh if is_last else masks.between_lbh[index])
        if self.projection_eh is not None:
            signal = signal @ self.projection_eh.T
        return signal, tuple(torch.stack(parts) for parts in zip(*last_states, strict=True))

    def step(self, token_b: Int[Tensor, "B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """See ``LanguageModel.step``. The cells' equations as they stand: kernels made for many steps are slow at 1."""
        signal_be = nn.functional.embedding(token_b, self.embedding_ve)
        new_states = []
        for index, layer in enumerate(self.recurrent_layers):
            new_states.append(layer.cell.step(signal_be, tuple(part[index] for part in state), layer.cell_parameters()))
            signal_be = new_states[-1][0]
        if self.projection_eh is not None:
            signal_be = signal_be @ self.projection_eh.T
        state = tuple(torch.stack(parts) for parts in zip(*new_states, strict=True))
        return torch.log_softmax(self.logits(signal_be), dim=-1), state

    def logits(self, output_nd: Float[Tensor, "N D"]) -> Float[Tensor, "N V"]:
        """Log-probabilities of every next token, unnormalised unless the decoder is adaptive."""
        if self.adaptive is not None:
            return self.adaptive.log_prob(output_nd)
        return torch.addmm(self.decoder.bias_v, output_nd, self.decoder_weight_vd.T)

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
            return nll(output_nd, self.decoder, target_n)
        nll_n = [
            nn.functional.cross_entropy(
                self.logits(output_nd[rows]), target_n[rows], ignore_index=IGNORE, reduction="none"
            )
            for rows in chunks(len(target_n), self.vocabulary_size)
        ]
        return torch.cat(nll_n)


def count_parameters(vocabulary_size: int, embedding_size: int, config: ModelConfig) -> int:
    """Numbers that a ``RecurrentLanguageModel`` of these sizes consists of, without making one."""
    hidden_size, gates = config.hidden_size, CELLS[config.cell].gates
    count = vocabulary_size * embedding_size
    for layer in range(config.layers):
        input_size = hidden_size if layer else embedding_size
        count += gates * hidden_size * (input_size + hidden_size + 2)
    if config.decoder == "adaptive":
        return count + adaptive_size(hidden_size, vocabulary_size)
    count += vocabulary_size
    if not config.tie_weights:
        return count + vocabulary_size * hidden_size
    return count + (embedding_size * hidden_size if hidden_size != embedding_size else 0)


def _mask(shape: tuple[int, ...] | torch.Size, probability: float, generator: torch.Generator) -> Tensor | None:
    if probability == 0:
        return None
    kept = torch.empty(shape).bernoulli_(1 - probability, generator=generator)
    return kept.div_(1 - probability)


def _times(signal: Tensor, mask: Tensor | None) -> Tensor:
    return signal if mask is None else signal * mask
