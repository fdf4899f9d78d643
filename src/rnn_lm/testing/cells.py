"""The contract of a cell: one recurrence, whichever way it is run, whose every parameter learns.

                               step after step
the same numbers from          run, and forward           with gradients that finite differences confirm
                               segments, one after the other
                               a padded batch, column by column
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from rnn_lm.config import ModelConfig
from rnn_lm.layers import CELLS, Cell, Recurrent, State
from rnn_lm.seeding import generator
from rnn_lm.testing.claims import claim, claim_close
from rnn_lm.testing.models import check_model

INPUT, HIDDEN, STEPS, BATCH = 3, 4, 5, 3


def check_cell(cell: type[Cell] | str, **settings: Any) -> None:
    """Check that a cell is one: in float64, with few units.

    Args:
        cell: its class, or its name in ``CELLS``; with a name, a language model with it is checked,
            too, of one layer and of two: see ``check_model``.
        settings: of ``ModelConfig``, where others than the default ones are to be checked.

    Raises:
        AssertionError: says what does not hold.
    """
    kind = CELLS[cell] if isinstance(cell, str) else cell
    config = ModelConfig(**{"hidden_size": HIDDEN, **settings, **({"cell": cell} if isinstance(cell, str) else {})})
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    made = _drawn(kind, values, seed=1)
    _check_start(kind, values)
    _check_state(made)
    _check_ways_to_run(made)
    _check_padding(made)
    _check_gradients(made)
    _check_mask(made)
    _check_state_mask(made)
    _check_kept(made, _drawn(kind, values, seed=2))
    if isinstance(cell, str):
        for layers in (1, 2):
            check_model(cell, **{**settings, "layers": layers})


def _drawn(kind: type[Cell], settings: Mapping[str, Any], seed: int) -> Cell:
    """A cell with every parameter, biases as well, drawn anew."""
    cell = kind.of(INPUT, HIDDEN, settings).double()
    source = generator(seed, "contract")
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_(std=0.5, generator=source)
    return cell


def _inputs(steps: int = STEPS) -> Tensor:
    return torch.randn(steps, BATCH, INPUT, dtype=torch.float64, generator=generator(3, "contract"))


def _state(cell: Cell) -> State:
    """Some state that is not the initial one."""
    source, initial = generator(4, "contract"), cell.initial_state(BATCH)
    return tuple(0.5 * torch.randn(part.shape, dtype=part.dtype, generator=source) for part in initial)


def _check_start(kind: type[Cell], settings: Mapping[str, Any]) -> None:
    first, second = (kind.of(INPUT, HIDDEN, settings) for _ in range(2))
    for cell in (first, second):
        cell.reset_parameters(generator(5, "contract"))
    for name, parameter in first.named_parameters():
        claim(bool(torch.isfinite(parameter).all()), f"{name} is not finite after reset_parameters")
        same = torch.equal(parameter, second.get_parameter(name))
        claim(same, f"{name}: reset_parameters draws from elsewhere than its generator")


def _check_state(cell: Cell) -> None:
    state = cell.initial_state(BATCH)
    claim(len(state) == cell.state_parts, f"initial_state has {len(state)} parts, state_parts says {cell.state_parts}")
    after = cell.step(_inputs()[0], state)
    for where, found in (("initial_state", state), ("step", after)):
        for part in found:
            claim(part.shape == (BATCH, HIDDEN), f"{where}: a part of the state is {tuple(part.shape)}, not (B, H)")
            claim(part.dtype == torch.float64, f"{where}: a part of the state is {part.dtype}, the parameters float64")
    claim(all(bool((part == part[:1]).all()) for part in state), "initial_state differs between the texts of a batch")
    claim(len(after) == len(state), f"step returns {len(after)} parts, initial_state {len(state)}")


def _check_ways_to_run(cell: Cell) -> None:
    input_tbe, before = _inputs(), _state(cell)
    cell.step(input_tbe[0], before)
    cell(input_tbe, before)
    claim_close([input_tbe, *before], [_inputs(), *_state(cell)], "what was given has been written over", tolerance=0)
    state, outputs = before, []
    for input_be in input_tbe:
        state = cell.step(input_be, state)
        outputs.append(state[0])
    steps = [torch.stack(outputs), *state]
    for name, run in (("run", cell.run), ("forward", cell)):
        output_tbh, last = run(input_tbe, before)
        claim_close([output_tbh, *last], steps, f"{name} over time is not one step after another")
    first_tbh, between = cell(input_tbe[:2], before)
    second_tbh, last = cell(input_tbe[2:], between)
    claim_close([torch.cat([first_tbh, second_tbh]), *last], steps, "two segments are not what one run gives")


def _check_padding(cell: Cell) -> None:
    layer, input_tbe = Recurrent(cell), _inputs()
    lengths_b = torch.tensor([STEPS, 2, STEPS - 1])
    padding_tb = torch.arange(STEPS)[:, None] >= lengths_b
    padded_tbe = input_tbe.masked_fill(padding_tb[:, :, None], float("nan")).requires_grad_()
    output_tbh, state = layer(padded_tbe, lengths_b=lengths_b)
    for column, length in enumerate(lengths_b.tolist()):
        alone_tbh, alone = layer(input_tbe[:length, column : column + 1])
        found = [output_tbh[:length, column], *(part[column] for part in state)]
        claim_close(found, [alone_tbh[:, 0], *(part[0] for part in alone)], "a padded column is not what it is alone")
    (gradient_tbe,) = torch.autograd.grad(output_tbh.sum(), padded_tbe)
    claim(not bool(gradient_tbe[padding_tb].any()), "padding gets a gradient")


def _check_gradients(cell: Cell) -> None:
    input_tbe, state, parameters = _inputs(3).requires_grad_(), _state(cell), dict(cell.named_parameters())
    for part in state:
        part.requires_grad_()

    def run(*_: Tensor) -> tuple[Tensor, ...]:
        output_tbh, last = cell(input_tbe, state)
        return output_tbh, *last

    # Finite differences change what is given in its place, the cell's own parameters among it.
    torch.autograd.gradcheck(run, (input_tbe, *state, *parameters.values()), raise_exception=True)
    total = torch.stack([part.sum() for part in run()]).sum()
    gradients = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    for name, gradient in zip(parameters, gradients, strict=True):
        claim(gradient is not None and bool(gradient.any()), f"{name} has no effect: it would be counted for nothing")


def _check_mask(cell: Cell) -> None:
    input_tbe, state = _inputs(), _state(cell)
    if cell.recurrent_shape is None:
        return
    plain_tbh, _ = cell(input_tbe, state)
    kept_tbh, _ = cell(input_tbe, state, torch.ones(cell.recurrent_shape, dtype=torch.float64))
    claim_close([kept_tbh], [plain_tbh], "a mask of ones on the recurrent matrix changes the output")
    gone_tbh, _ = cell(input_tbe, state, torch.zeros(cell.recurrent_shape, dtype=torch.float64))
    claim(not torch.allclose(gone_tbh, plain_tbh), "a mask on the recurrent matrix changes nothing")


def _check_state_mask(cell: Cell) -> None:
    """Dropout of the state: what a step reads is masked, what it puts out and carries is whole."""
    input_tbe, state = _inputs(), _state(cell)
    if "dropout_state" not in cell.settings:
        return
    source = generator(6, "contract")
    for shape in ((STEPS, BATCH, HIDDEN), (BATCH, HIDDEN)):
        mask = 2.0 * torch.randint(2, shape, generator=source).double()
        expected, now = [], state
        for input_be, mask_bh in zip(input_tbe, mask.expand(STEPS, BATCH, HIDDEN), strict=True):
            now = cell.step(input_be, (now[0] * mask_bh, *now[1:]))
            expected.append(now[0])
        output_tbh, last = cell(input_tbe, state, None, mask)
        claim_close([output_tbh, *last], [torch.stack(expected), *now], "a mask on the state is not one on its steps")
        plain_tbh, _ = cell(input_tbe, state)
        claim(not torch.allclose(output_tbh, plain_tbh), "a mask on the state changes nothing")
    if cell.recurrent_shape is not None:
        ones = torch.ones(cell.recurrent_shape, dtype=torch.float64)
        both_tbh, _ = cell(input_tbe, state, ones, mask)
        claim_close([both_tbh], [output_tbh], "a mask of ones on the matrix changes the output under one on the state")
        gone_tbh, _ = cell(input_tbe, state, 0 * ones, mask)
        claim(not torch.allclose(gone_tbh, output_tbh), "a mask on the matrix changes nothing under one on the state")
    few_tbe, few = input_tbe[:3].requires_grad_(), mask.expand(3, BATCH, HIDDEN)
    torch.autograd.gradcheck(lambda *_: cell(few_tbe, state, None, few)[0], (few_tbe, *cell.parameters()))


def _check_kept(cell: Cell, other: Cell) -> None:
    input_tbe, state = _inputs(), _state(cell)
    before_tbh, _ = cell(input_tbe, state)
    other.load_state_dict(load(save(cell.state_dict())))
    after_tbh, _ = other(input_tbe, state)
    claim_close([after_tbh], [before_tbh], "state_dict does not hold all that the cell is", tolerance=0)
