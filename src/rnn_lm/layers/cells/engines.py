"""The ways to run a cell over time, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.errors import UserError, unknown_name
from rnn_lm.layers.asking import answers_late
from rnn_lm.layers.cells.base import Cell, CellParameters, TorchCell, run_by_hand
from rnn_lm.layers.cells.fused import run_fused
from rnn_lm.layers.cells.library import run_library, run_packed_layers
from rnn_lm.layers.state import State

Engine: TypeAlias = Callable[[TorchCell, Tensor, State, CellParameters], tuple[Tensor, State]]


def run_auto(
    cell: TorchCell, input_tbe: Float[Tensor, "T B E"], state: State, parameters: CellParameters
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


def run_at_once(
    cells: Sequence[Cell], input_tbe: Float[Tensor, "T B E"], state: State, recurrent: Sequence[Tensor | None]
) -> tuple[Float[Tensor, "T B H"], State] | None:
    """Run all layers by one call of a device's kernel; None where there is none that does it, as on the CPU.

    Args:
        cells: from input to output.
        input_tbe: what is read.
        state: of all layers, parts (L, B, H).
        recurrent: DropConnect masks, one per layer: see ``Cell.forward``.
    """
    if not answers_late(input_tbe.device):
        return None
    layers = [cell for cell in cells if isinstance(cell, TorchCell) and cell.kernel and cell.engine() in BY_KERNEL]
    alike = len(layers) == len(cells) and len({(cell.kernel, cell.hidden_size) for cell in layers}) == 1
    watched = any(cell._forward_hooks for cell in cells)  # who looks at a layer's output, or changes it, is to have one
    if not alike or watched:
        return None
    parameters = [cell.masked_parameters(mask) for cell, mask in zip(layers, recurrent, strict=True)]
    return run_packed_layers(layers, input_tbe, state, parameters)


BY_KERNEL: tuple[Engine, ...] = (run_auto, run_library)
"""Engines that on an accelerator are its kernels, where those know the cell."""
ENGINES: dict[str, Engine] = {"auto": run_auto, "library": run_library, "fused": run_fused, "hand": run_by_hand}


def engine_for(cell: TorchCell, name: str) -> Engine:
    """The engine called ``name``; raises ``UserError`` where there is none or it has no code for this cell."""
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    if not cell.kernel and name in ("library", "fused"):
        raise UserError(f"--engine {name} has no code for {type(cell).__name__}: use --engine auto or hand")
    return ENGINES[name]
