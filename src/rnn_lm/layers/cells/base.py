"""What a recurrent cell is: a module that owns one layer's parameters and takes one step at a time.

    state = cell.initial_state(batch)
    state = cell.step(input_be, state)                     the equations, one input
    output_tbh, state = cell(input_tbe, state)             the same over time; output = the state's first part

A cell of one's own is a subclass with parameters and a ``step``, in one file::

    @register_cell("leaky", "Leaky")
    class LeakyCell(Cell):
        def __init__(self, input_size, hidden_size):
            super().__init__(input_size, hidden_size)
            self.weight = nn.Parameter(torch.empty(hidden_size, input_size))
            self.reset_parameters()

        def step(self, input_be, state):
            return (0.9 * state[0] + 0.1 * input_be @ self.weight.T,)

One that can take many steps at once (a kernel, a scan) overrides ``run`` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnn_lm.labels import LOOKS, Look, ModelStyle
from rnn_lm.layers.state import State
from rnn_lm.registry import Registry


@dataclass(frozen=True)
class Start:
    """How a cell's parameters are drawn before training.

    Attributes:
        recurrent: hidden-to-hidden matrices orthogonal times ``gain``, or uniform in +-1/sqrt(H).
        gain: the spectral radius of the orthogonal ones.
        forget_bias: added to the LSTM's forget gate (Jozefowicz et al. 2015).
        bound: draw everything uniform in plus or minus this instead; None does not.
    """

    recurrent: Literal["orthogonal", "uniform"] = "orthogonal"
    gain: float = 0.9
    forget_bias: float = 1.0
    bound: float | None = None


class Cell(nn.Module):
    """One layer's recurrence.

    Args:
        input_size: E, numbers in an input.
        hidden_size: H, numbers in an output.

    Attributes:
        state_parts: tensors that the state is made of, each (B, H); the first is the hidden state, which is the output.
        recurrent_shape: of the hidden-to-hidden matrix that DropConnect acts on; None where there is none.
        settings: names of the settings of a model, besides sizes, dropout and ``init_range``, that the cell reads, in
            ``of`` or as ``Start``. Those that it does not read are refused with it, since they would do nothing. With
            ``dropout_state`` among them it says that its hidden state enters a step through products alone.
        learning_rate: peak rate in a comparison, where none is asked for; None: as the others'.
    """

    state_parts: ClassVar[int] = 1
    settings: ClassVar[frozenset[str]] = frozenset()
    learning_rate: ClassVar[float | None] = None
    recurrent_shape: tuple[int, int] | None = None

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size

    @classmethod
    def of(cls, input_size: int, hidden_size: int, settings: Mapping[str, Any]) -> Cell:  # noqa: ARG003 (for subclasses)
        """Make the cell of one layer as a model's settings ask for; a cell with settings of its own overrides this."""
        return cls(input_size, hidden_size)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw the start: matrices uniform in plus or minus 1 / sqrt of their columns, all else 0.

        Args:
            generator: draws; default: torch's own.
            start: what is asked for; default: ``Start()``.
        """
        start = start or Start()
        for parameter in self.parameters():
            if parameter.dim() > 1:
                bound = start.bound or parameter.shape[-1] ** -0.5
                parameter.uniform_(-bound, bound, generator=generator)
            else:
                parameter.zero_()

    def initial_state(self, batch: int) -> State:
        """Return the state before any input: zeros (B, H)."""
        like = next(self.parameters())
        zeros = (torch.zeros(batch, self.hidden_size, dtype=like.dtype, device=like.device),)
        return zeros * self.state_parts

    def step(self, input_be: Float[Tensor, "B E"], state: State) -> State:
        """Return the state after one more input: the cell's equations."""
        raise NotImplementedError(f"{type(self).__name__} defines no step")

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:  # noqa: ARG002
        """Return what each gate is when ``input_be`` is read in ``state``, by name; a cell without gates has none.

        ``step`` computes with the same numbers: whoever looks at gates sees what the state was made of.
        """
        return {}

    def run(self, input_tbe: Float[Tensor, "T B E"], state: State) -> tuple[Float[Tensor, "T B H"], State]:
        """Take T steps; return every hidden state and the last state."""
        outputs = []
        for input_be in input_tbe:
            state = self.step(input_be, state)
            outputs.append(state[0])
        return torch.stack(outputs), state

    def forward(
        self,
        input_tbe: Float[Tensor, "T B E"],
        state: State,
        recurrent_mask: Tensor | None = None,
        state_mask: Tensor | None = None,
    ) -> tuple[Float[Tensor, "T B H"], State]:
        """Run over time from ``state``.

        Args:
            input_tbe: what is read.
            state: parts (B, H).
            recurrent_mask: multiplies the hidden-to-hidden matrix (DropConnect, Merity et al. 2018), for cells that
                have one: see ``recurrent_shape``.
            state_mask: (B, H) or (T, B, H), multiplies the hidden state where a step reads it: see ``run_dropping``.

        Raises:
            ValueError: a mask for a cell without such a matrix.
        """
        if recurrent_mask is not None:
            raise ValueError(f"{type(self).__name__} has no recurrent matrix to mask")
        if state_mask is not None:
            return run_dropping(self.step, input_tbe, state, state_mask)
        return self.run(input_tbe, state)


def run_dropping(
    step: Callable[[Tensor, State], State], input_tbe: Float[Tensor, "T B E"], state: State, mask: Tensor
) -> tuple[Float[Tensor, "T B H"], State]:
    """Take T steps of which each reads the hidden state times its mask; return every hidden state and the last state.

    What a step puts out, and what is carried to the next, is whole: dropout is on the way into the products.

    Args:
        step: of a cell.
        input_tbe: what is read.
        state: parts (B, H), the first the hidden state.
        mask: (B, H), the same at each step, or (T, B, H).
    """
    outputs = []
    for input_be, mask_bh in zip(input_tbe, mask.expand(len(input_tbe), *state[0].shape), strict=True):
        hidden_bh, *rest = state
        state = step(input_be, (hidden_bh * mask_bh, *rest))
        outputs.append(state[0])
    return torch.stack(outputs), state


CELLS: Registry[type[Cell]] = Registry("cell", "rnn_lm.cells")
"""Cells by name. Each is a file in this package and one registration."""
C = TypeVar("C", bound=Cell)


def register_cell(name: str, label: str, style: ModelStyle | None = None) -> Callable[[type[C]], type[C]]:
    """Decorator that adds a cell under ``name``, with what it is called and how it is drawn where a person reads.

    A cell that is put into ``CELLS`` without them is called by its name.

    >>> import rnn_lm, torch
    >>> @rnn_lm.register_cell("leaky", "Leaky")
    ... class LeakyCell(rnn_lm.layers.Cell):
    ...     def __init__(self, input_size, hidden_size):
    ...         super().__init__(input_size, hidden_size)
    ...         self.read = torch.nn.Linear(input_size, hidden_size)
    ...
    ...     def step(self, input_be, state):
    ...         return (0.9 * state[0] + 0.1 * self.read(input_be).tanh(),)
    >>> sizes = {"hidden_size": 8, "embedding": "random", "embedding_size": 8}
    >>> rnn_lm.train("my.txt", cell="leaky", **sizes, budget="2steps", out="runs/leaky", progress=False)
    TrainingRun('runs/leaky': leaky, 2 steps, finished)
    """

    def add(cell: type[C]) -> type[C]:
        CELLS.register(name)(cell)
        LOOKS.register(name)(Look(label, style))
        return cell

    return add


class CellParameters(NamedTuple):
    """One layer's parameters in torch.nn's layout: the blocks of the G gates stacked along the first dimension."""

    weight_ih: Float[Tensor, "GH E"]
    weight_hh: Float[Tensor, "GH H"]
    bias_ih: Float[Tensor, "GH"]
    bias_hh: Float[Tensor, "GH"]


class TorchCell(Cell):
    """A cell whose parameters lie as those of torch.nn's layers do, so that its kernels can run it.

    Args:
        input_size, hidden_size: see ``Cell``.
        engine: which code runs it over time, see ``engines.ENGINES``; the numbers are the same.

    Attributes:
        gates: G, blocks of H rows in the weights.
        kernel: the name of torch's own function for the same recurrence; "" where there is none.

    Raises:
        UserError: the engine has no code for this cell.
    """

    gates: ClassVar[int] = 1
    kernel: str = ""
    settings: ClassVar[frozenset[str]] = frozenset({"engine", "recurrent_init", "recurrent_gain"})

    def __init__(self, input_size: int, hidden_size: int, engine: str = "auto") -> None:
        super().__init__(input_size, hidden_size)
        rows = self.gates * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))
        self.recurrent_shape = (rows, hidden_size)
        self.add_parameters()
        from rnn_lm.layers.cells.engines import engine_for  # which import this module for what a cell is

        self._run_with = engine_for(self, engine)
        self.reset_parameters()

    def add_parameters(self) -> None:
        """Make the parameters that a cell has besides; most have none."""

    @classmethod
    def of(cls, input_size: int, hidden_size: int, settings: Mapping[str, Any]) -> Cell:
        return cls(input_size, hidden_size, settings["engine"])

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw the start: uniform in +-1/sqrt(H) but for the recurrent matrix."""
        start = start or Start()
        bound = self.hidden_size**-0.5
        for parameter in (self.weight_ih, self.weight_hh):
            parameter.uniform_(-bound, bound, generator=generator)
        self.bias_ih.zero_()
        self.bias_hh.zero_()
        if start.recurrent == "orthogonal":
            for block in self.weight_hh.chunk(self.gates):
                nn.init.orthogonal_(block, start.gain, generator=generator)
        _, _, _, _, *further = self.parameters()
        for matrix in further:
            bound = matrix.shape[-1] ** -0.5
            matrix.uniform_(-bound, bound, generator=generator)
        if start.bound is not None:
            for parameter in self.parameters():
                parameter.uniform_(-start.bound, start.bound, generator=generator)

    def cell_parameters(self) -> CellParameters:
        """Return the parameters as the cell's equations name them."""
        return CellParameters(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

    def masked_parameters(self, recurrent_mask: Tensor | None) -> CellParameters:
        """Return the same, the hidden-to-hidden matrix times its mask where there is one."""
        parameters = self.cell_parameters()
        if recurrent_mask is None:
            return parameters
        return parameters._replace(weight_hh=self.weight_hh * recurrent_mask)

    @staticmethod
    def equations(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> State:
        """Return the state after one more input, as the paper has it."""
        raise NotImplementedError

    def step(self, input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters | None = None) -> State:
        """Return the state after one more input; ``parameters`` stand in for the cell's own."""
        return self.equations(input_be, state, parameters or self.cell_parameters())

    def run(self, input_tbe: Float[Tensor, "T B E"], state: State) -> tuple[Float[Tensor, "T B H"], State]:
        return self.engine()(self, input_tbe, state, self.cell_parameters())

    def forward(
        self,
        input_tbe: Float[Tensor, "T B E"],
        state: State,
        recurrent_mask: Tensor | None = None,
        state_mask: Tensor | None = None,
    ) -> tuple[Float[Tensor, "T B H"], State]:
        parameters = self.masked_parameters(recurrent_mask)
        if state_mask is not None:
            return run_dropping(partial(self.step, parameters=parameters), input_tbe, state, state_mask)
        if recurrent_mask is None:
            return self.run(input_tbe, state)
        return self.engine()(self, input_tbe, state, parameters)

    def engine(self) -> Callable[..., tuple[Tensor, State]]:
        """Return the code that runs the cell; while ``torch.compile`` or an exporter looks on, its equations."""
        return run_by_hand if torch.compiler.is_compiling() else self._run_with


def run_by_hand(
    cell: TorchCell, input_tbe: Float[Tensor, "T B E"], state: State, parameters: CellParameters
) -> tuple[Float[Tensor, "T B H"], State]:
    """Apply ``cell.step`` at each time in turn; return every hidden state and the last state."""
    outputs = []
    for input_be in input_tbe:
        state = cell.step(input_be, state, parameters)
        outputs.append(state[0])
    return torch.stack(outputs), state
