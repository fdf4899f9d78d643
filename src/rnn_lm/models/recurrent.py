"""The recurrent language model: embedding, recurrent layers, decoder."""

from __future__ import annotations

from dataclasses import fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.layers.cells import CELLS, Cell, Start, TorchCell
from rnn_lm.layers.stack import Stack
from rnn_lm.layers.state import State
from rnn_lm.limits import require_memory
from rnn_lm.models.dropout import DropoutMasks
from rnn_lm.models.neural import NeuralLanguageModel, count_around


class RecurrentLanguageModel(NeuralLanguageModel):
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
        super().__init__(vocabulary_size, embedding_size, config.layer_sizes[-1], config)
        self.layer_sizes = config.layer_sizes
        self.layers = Stack(_make_cells(embedding_size, config), skip_connections=config.skip_connections)
        self.adaptive = self.make_adaptive()
        self.between_sizes, self.state_sizes = self.layer_sizes[:-1], self.layer_sizes
        self.recurrent_shapes = tuple(cell.recurrent_shape for cell in self.cells)
        self._initialize(generator)

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        config = self.config
        self.embedding.weight.uniform_(-config.embedding_range, config.embedding_range, generator=generator)
        start = Start(config.recurrent_init, config.recurrent_gain, config.forget_bias, config.init_range)
        for cell in self.layers.cells:
            cell.reset_parameters(generator, start)
        decoding = self.decoding_matrices()
        for matrix in decoding:
            bound = matrix.shape[1] ** -0.5
            matrix.uniform_(-bound, bound, generator=generator)
        if (bound := config.init_range) is not None:
            biases = [] if self.decoder is None else [self.decoder.bias]
            for parameter in (self.embedding.weight, *decoding, *biases):
                parameter.uniform_(-bound, bound, generator=generator)

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

    def initial_state(self, batch: int) -> State:
        """Zeros: one (L, B, H) tensor, or two for the LSTM; of unequal layers, H is the widest's (``split_state``)."""
        return join_states(self.layers.initial_state(batch), self.layer_sizes)

    def restarted(self, state: State, where_b: Bool[Tensor, "B"]) -> State:
        """``state``, with the columns ``where_b`` as if nothing had been read in them."""
        fresh = self.initial_state(len(where_b))
        return tuple(torch.where(where_b.unsqueeze(1), new, old) for new, old in zip(fresh, state, strict=True))

    def hidden(
        self, input_tb: Int[Tensor, "T B"], state: State, masks: DropoutMasks | None = None
    ) -> tuple[Float[Tensor, "T B H"], State]:
        """Read ``input_tb``; returns what the layers put out, before dropout, and the state after it."""
        inside = () if masks is None else (masks.between_lbh, masks.recurrent_l, masks.state_lbh)
        input_tbe = self.embed(input_tb, masks)
        if (found := self.layers.at_once(input_tbe, state, *inside)) is not None:
            return found
        hidden_tbh, states = self.layers(input_tbe, split_state(state, self.layer_sizes), *inside)
        return hidden_tbh, join_states(states, self.layer_sizes)

    def step(self, token_b: Int[Tensor, "B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """See ``LanguageModel.step``."""
        output_bd, state = self.encode_step(token_b, state)
        return torch.log_softmax(self.logits(output_bd), dim=-1), state

    def encode_step(self, token_b: Int[Tensor, "B"], state: State) -> tuple[Float[Tensor, "B D"], State]:
        """See ``NeuralLanguageModel``. The cells' equations as they stand: kernels for many steps are slow at one."""
        states = self.layers.step(
            nn.functional.embedding(token_b, self.embedding.weight), split_state(state, self.layer_sizes)
        )
        output_bd = self.project(self.layers.output([state[0] for state in states]))
        if len(states) == 1:  # at batch 1 a copy is not nothing
            return output_bd, tuple(part.unsqueeze(0) for part in states[0])
        return output_bd, join_states(states, self.layer_sizes)


def _make_cells(embedding_size: int, config: ModelConfig) -> list[Cell]:
    """One cell per layer; what they draw when they are made is drawn again, and not from anybody's generator."""
    settings = {field.name: getattr(config, field.name) for field in fields(config)}
    sizes = zip((embedding_size, *config.layer_sizes), config.layer_sizes, strict=False)
    with torch.random.fork_rng(devices=[]):
        cells = [CELLS[config.cell].of(*pair, settings) for pair in sizes]
    if config.dropout_recurrent and any(cell.recurrent_shape is None for cell in cells):
        raise UserError(f"--dropout-recurrent: the cell {config.cell} has no recurrent matrix; leave it out")
    if config.dropout_state and "dropout_state" not in CELLS[config.cell].settings:
        raise UserError(f"--dropout-state: the state of the cell {config.cell} is more than an input; leave it out")
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
    layers = sum(part.numel() for cell in cells for part in cell.parameters())
    return layers + count_around(vocabulary_size, embedding_size, sizes[-1], config)


def split_state(state: State, sizes: tuple[int, ...]) -> list[State]:
    """A stack's state, parts (L, B, H), layer by layer: parts (B, H of that layer).

    Layers of unequal size share a tensor as wide as the widest; what is beyond a layer's own units is zero. Each part
    is contiguous, as cuDNN's kernels want it.
    """
    widest = max(sizes)
    return [
        tuple(part[index] if size == widest else part[index, :, :size].contiguous() for part in state)
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
