"""The recurrent language model: embedding, recurrent layers, decoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.layers.adaptive import adaptive_nll, adaptive_size, adaptive_softmax
from rnn_lm.layers.cells import CELLS, CellParameters, LSTMCell, engine_for
from rnn_lm.layers.softmax import Decoder, chunks, nll
from rnn_lm.layers.state import State
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


class RecurrentLayer(nn.Module):
    """One layer's parameters, run by hand or by torch's kernel. The parameters do not depend on which."""

    def __init__(self, config: ModelConfig, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.cell = CELLS[config.cell].for_layer(input_size, hidden_size, config)
        self.run = engine_for(self.cell, config)
        rows = self.cell.gates * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
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
        hidden_size = self.weight_hh.shape[1]
        bound = hidden_size**-0.5
        for parameter in (self.weight_ih, self.weight_hh):
            parameter.uniform_(-bound, bound, generator=generator)
        self.bias_ih.zero_()
        self.bias_hh.zero_()
        if config.recurrent_init == "orthogonal":
            for block in self.weight_hh.chunk(self.cell.gates):
                nn.init.orthogonal_(block, config.recurrent_gain, generator=generator)
        if isinstance(self.cell, nn.Module):  # one with matrices of its own: see cells/base.py
            for matrix in self.cell.parameters():
                bound = matrix.shape[-1] ** -0.5
                matrix.uniform_(-bound, bound, generator=generator)
        if (bound := config.init_range) is not None:
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound, generator=generator)
        if isinstance(self.cell, LSTMCell):
            self.bias_ih[hidden_size : 2 * hidden_size] += config.forget_bias


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
        self.vocabulary_size = vocabulary_size
        self.config = config
        self.embedding_ve = nn.Parameter(torch.empty(vocabulary_size, embedding_size))
        self.layer_sizes = config.layer_sizes
        sizes = zip((embedding_size, *self.layer_sizes), self.layer_sizes, strict=False)
        self.layers = nn.ModuleList(RecurrentLayer(config, *pair) for pair in sizes)
        output_size = self.layer_sizes[-1]
        projected = config.tie_weights and output_size != embedding_size
        self.projection_eh = nn.Parameter(torch.empty(embedding_size, output_size)) if projected else None
        self.adaptive = None
        if config.decoder == "adaptive":
            self.adaptive = adaptive_softmax(output_size, vocabulary_size)
        of_its_own = self.adaptive is None and not config.tie_weights
        self.decoder_vd = nn.Parameter(torch.empty(vocabulary_size, output_size)) if of_its_own else None
        self.decoder_bias_v = nn.Parameter(torch.zeros(vocabulary_size)) if self.adaptive is None else None
        self._initialize(generator)

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        self.embedding_ve.uniform_(-self.config.embedding_range, self.config.embedding_range, generator=generator)
        for layer in self.recurrent_layers:
            layer.initialize(self.config, generator)
        clusters = self.adaptive.parameters() if self.adaptive is not None else ()
        decoding = [one for one in (self.projection_eh, self.decoder_vd, *clusters) if one is not None]
        for matrix in decoding:
            bound = matrix.shape[1] ** -0.5
            matrix.uniform_(-bound, bound, generator=generator)
        if (bound := self.config.init_range) is not None:
            biases = [] if self.decoder_bias_v is None else [self.decoder_bias_v]
            for parameter in (self.embedding_ve, *decoding, *biases):
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
        """Zeros: one (L, B, H) tensor, or two for the LSTM; of unequal layers, H is the widest's (``split_state``)."""
        parts = self.recurrent_layers[0].cell.state_parts
        like = self.embedding_ve
        shape = (self.config.layers, batch, max(self.layer_sizes))
        return tuple(torch.zeros(shape, dtype=like.dtype, device=like.device) for _ in range(parts))

    def draw_masks(self, batch: int, generator: torch.Generator, steps: int = 1) -> DropoutMasks:
        """Dropout masks for one segment of ``batch`` columns and ``steps`` rows."""
        config = self.config
        rows = (steps, batch) if config.dropout_masks == "step" else (batch,)
        sizes = self.layer_sizes
        return DropoutMasks(
            _mask((*rows, self.embedding_ve.shape[1]), config.dropout_input, generator),
            tuple(_mask((*rows, size), config.dropout_between, generator) for size in sizes[:-1]),
            _mask((*rows, sizes[-1]), config.dropout_output, generator),
            tuple(_mask(layer.weight_hh.shape, config.dropout_recurrent, generator) for layer in self.recurrent_layers),
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
        last = self.config.layers - 1
        masks = masks or DropoutMasks(None, (None,) * last, None, (None,) * (last + 1))
        signal = nn.functional.embedding(input_tb, self.embedding_ve)
        if masks.embedding_v is not None:
            signal = signal * masks.embedding_v[input_tb].unsqueeze(-1)
        signal = _times(signal, masks.input_be)
        last_states = []
        layer_states = split_state(state, self.layer_sizes)
        for index, (layer, layer_state) in enumerate(zip(self.recurrent_layers, layer_states, strict=True)):
            signal, layer_state = layer(signal, layer_state, masks.recurrent_l[index])
            last_states.append(layer_state)
            if index < last:
                signal = _times(signal, masks.between_lbh[index])
        return signal, join_states(last_states, self.layer_sizes)

    def project(self, output: Float[Tensor, "*N H"]) -> Float[Tensor, "*N D"]:
        """The last layer's output as the decoder reads it."""
        return output if self.projection_eh is None else output @ self.projection_eh.T

    def step(self, token_b: Int[Tensor, "B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """See ``LanguageModel.step``. The cells' equations as they stand: kernels made for many steps are slow at 1."""
        signal_be = nn.functional.embedding(token_b, self.embedding_ve)
        new_states = []
        layer_states = split_state(state, self.layer_sizes)
        for layer, layer_state in zip(self.recurrent_layers, layer_states, strict=True):
            new_states.append(layer.cell.step(signal_be, layer_state, layer.cell_parameters()))
            signal_be = new_states[-1][0]
        state = join_states(new_states, self.layer_sizes)
        return torch.log_softmax(self.logits(self.project(signal_be)), dim=-1), state

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
    cell, sizes = CELLS[config.cell], config.layer_sizes
    count = vocabulary_size * embedding_size
    for input_size, hidden_size in zip((embedding_size, *sizes), sizes, strict=False):
        count += cell.gates * hidden_size * (input_size + hidden_size + 2)
        count += cell.further_parameters(input_size, hidden_size, config)
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
