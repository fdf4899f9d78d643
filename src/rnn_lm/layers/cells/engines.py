"""The ways to run a cell over time, by the name of ``ModelConfig.engine``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.layers.cells.base import Cell, CellParameters, run_by_hand
from rnn_lm.layers.cells.fused import run_fused
from rnn_lm.layers.cells.library import run_library
from rnn_lm.layers.state import State

Engine: TypeAlias = Callable[[Cell, Tensor, State, CellParameters], tuple[Tensor, State]]


def run_auto(
    cell: Cell, input_tbe: Float[Tensor, "T B E"], state: State, parameters: CellParameters
) -> tuple[Float[Tensor, "T B H"], State]:
    """The faster one: torch's kernels on accelerators and for the LSTM in float32, which oneDNN runs; else ours.

    A cell that neither knows is run by its equations.

    ``benchmarks/training.py`` measures what this rule rests on.
    """
    if not cell.kernel:
        return run_by_hand(cell, input_tbe, state, parameters)
    in_onednn = cell.kernel == "lstm" and input_tbe.dtype == torch.float32 and torch.backends.mkldnn.is_available()
    run = run_library if input_tbe.device.type != "cpu" or in_onednn else run_fused
    return run(cell, input_tbe, state, parameters)


ENGINES: dict[str, Engine] = {"auto": run_auto, "library": run_library, "fused": run_fused, "hand": run_by_hand}


def engine_for(cell: Cell, config: ModelConfig) -> Engine:
    """The engine that ``config`` asks for; raises ``UserError`` where it has no code for this cell."""
    if not cell.kernel and config.engine in ("library", "fused"):
        raise UserError(f"--engine {config.engine} has no {config.cell} cell: use --engine auto or hand")
    return ENGINES[config.engine]
