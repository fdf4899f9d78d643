"""The same recurrences once more, for speed: few large matrix products, and backpropagation through time by hand.

Only ``h_{t-1} W_hh^T`` has to wait for the step before. All else is taken out of the loop over time:

    forward     x W_ih^T + b for all T steps: one product
                at each step: one (B, H) x (H, GH) product, the gates in place
    backward    whatever the states alone decide (the gates' derivatives): for all T steps at once
                at each step: one (B, GH) x (GH, H) product, two or three multiplications
                dW_ih, dW_hh and dx for all T steps: one product each, over T B rows

``docs/theory/1-bptt.md`` derives the gradients; ``docs/performance.md`` has what this saves. The numbers are those of
the cells written as equations, which the tests check to 1e-10 in float64.

Under autocast the factors of every product are rounded to its 16 bits, and nothing else is: gates, states and sums are
in float32.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.layers.cells.base import CellParameters, TorchCell
from rnn_lm.layers.packing import product_dtype
from rnn_lm.layers.state import State


class StepGradients(NamedTuple):
    """What backpropagation through the loop over time leaves.

    Attributes:
        input_tbg: of ``W_ih x + b_ih``, (T, B, GH).
        recurrent_tbg: of ``W_hh h + b_hh``, (T, B, GH); the same tensor where the two are simply added.
        state: of the state at the start, parts (B, H).
    """

    input_tbg: Tensor
    recurrent_tbg: Tensor
    state: State


class StepProducts:
    """The products with the recurrent matrix that each step waits for, into memory that is there.

    Args:
        weight_hh: the matrix (GH, H), in the digits that products are computed in.
    """

    def __init__(self, weight_hh: Tensor) -> None:
        self.weight_hh, self.weight_t = weight_hh, weight_hh.t()

    def add_projected(self, to_bg: Tensor, hidden_bh: Tensor) -> Tensor:
        """Add ``W_hh h`` to ``to_bg``; returns it."""
        return to_bg.addmm_(hidden_bh, self.weight_t)

    def project(self, bias: Tensor, hidden_bh: Tensor, out_bg: Tensor) -> None:
        """Write ``W_hh h + b`` to ``out_bg``."""
        torch.addmm(bias, hidden_bh, self.weight_t, out=out_bg)

    def add_back(self, to_bh: Tensor, grad_bg: Tensor) -> None:
        """Add the gradient of the hidden state, ``W_hh^T`` times that of what it was projected to."""
        to_bh.addmm_(grad_bg, self.weight_hh)

    def back(self, grad_bg: Tensor, out_bh: Tensor) -> None:
        """Write that gradient to ``out_bh``."""
        torch.mm(grad_bg, self.weight_hh, out=out_bh)


class RoundedStepProducts(StepProducts):
    """The same of factors rounded to 16 bits, into float32."""

    def __init__(self, weight_hh: Tensor, batch: int) -> None:
        super().__init__(weight_hh)
        rows, size = weight_hh.shape
        self.projected_bg, self.grad_bg = weight_hh.new_empty(batch, rows), weight_hh.new_empty(batch, rows)
        self.hidden_bh, self.back_bh = weight_hh.new_empty(batch, size), weight_hh.new_empty(batch, size)

    def add_projected(self, to_bg: Tensor, hidden_bh: Tensor) -> Tensor:
        return to_bg.add_(self._projected(hidden_bh))

    def project(self, bias: Tensor, hidden_bh: Tensor, out_bg: Tensor) -> None:
        torch.add(bias, self._projected(hidden_bh), out=out_bg)

    def add_back(self, to_bh: Tensor, grad_bg: Tensor) -> None:
        to_bh.add_(self._back(grad_bg))

    def back(self, grad_bg: Tensor, out_bh: Tensor) -> None:
        out_bh.copy_(self._back(grad_bg))

    def _projected(self, hidden_bh: Tensor) -> Tensor:
        return torch.mm(self.hidden_bh.copy_(hidden_bh), self.weight_t, out=self.projected_bg)

    def _back(self, grad_bg: Tensor) -> Tensor:
        return torch.mm(self.grad_bg.copy_(grad_bg), self.weight_hh, out=self.back_bh)


class Recurrence(Protocol):
    """One cell's loop over time, forward and backward."""

    def forward(
        self, projected_tbg: Tensor, state: State, products: StepProducts, bias_hh: Tensor
    ) -> tuple[Tensor, State, tuple[Tensor, ...]]:
        """Run over time.

        Args:
            projected_tbg: ``W_ih x + b_ih`` (T, B, GH); used as scratch.
            state: at the start.
            products: with the recurrent matrix.
            bias_hh: that is added to those.

        Returns:
            every hidden state, from the start's on (T + 1, B, H); the rest of the last state; what ``backward`` needs.
        """
        ...

    def backward(
        self,
        hidden_tbh: Tensor,
        saved: tuple[Tensor, ...],
        products: StepProducts,
        grad_output_tbh: Tensor,
        grad_rest: State,
    ) -> StepGradients:
        """The gradients, from those of every hidden state and of the rest of the last state (zeros if not used)."""
        ...


class ElmanRecurrence:
    """h' = f(a), a = W_ih x + b_ih + W_hh h + b_hh; f is tanh or relu."""

    def __init__(self, kernel: str) -> None:
        self.kernel = kernel

    def forward(
        self, projected_tbg: Tensor, state: State, products: StepProducts, bias_hh: Tensor
    ) -> tuple[Tensor, State, tuple[Tensor, ...]]:
        hidden_tbh = _with_start(projected_tbg, state[0])
        activate = torch.tanh if self.kernel == "rnn_tanh" else _relu
        projected_tbg += bias_hh
        for before_bh, projected_bg, after_bh in zip(hidden_tbh, projected_tbg, hidden_tbh[1:], strict=False):
            activate(products.add_projected(projected_bg, before_bh), out=after_bh)
        return hidden_tbh, (), ()

    def backward(
        self,
        hidden_tbh: Tensor,
        saved: tuple[Tensor, ...],  # noqa: ARG002 (the hidden states say it all)
        products: StepProducts,
        grad_output_tbh: Tensor,
        grad_rest: State,  # noqa: ARG002
    ) -> StepGradients:
        after_tbh = hidden_tbh[1:]
        if self.kernel == "rnn_tanh":
            slope_tbh = torch.addcmul(torch.ones((), dtype=after_tbh.dtype), after_tbh, after_tbh, value=-1)
        else:
            slope_tbh = (after_tbh > 0).to(after_tbh.dtype)
        grad_tbh = torch.empty_like(after_tbh)
        flowing_bh = torch.zeros_like(hidden_tbh[0])
        for t in reversed(range(len(after_tbh))):
            torch.mul(flowing_bh.add_(grad_output_tbh[t]), slope_tbh[t], out=grad_tbh[t])
            products.back(grad_tbh[t], out_bh=flowing_bh)
        return StepGradients(grad_tbh, grad_tbh, (flowing_bh,))


class GRURecurrence:
    """Gates r, z, n as in ``gru.py``."""

    def forward(
        self, projected_tbg: Tensor, state: State, products: StepProducts, bias_hh: Tensor
    ) -> tuple[Tensor, State, tuple[Tensor, ...]]:
        hidden_tbh = _with_start(projected_tbg, state[0])
        size = hidden_tbh.shape[-1]
        recurrent_tbg = torch.empty_like(projected_tbg)
        for before_bh, gates_bg, recurrent_bg, after_bh in zip(
            hidden_tbh, projected_tbg, recurrent_tbg, hidden_tbh[1:], strict=False
        ):
            products.project(bias_hh, before_bh, out_bg=recurrent_bg)
            reset_update_b2h = gates_bg[:, : 2 * size].add_(recurrent_bg[:, : 2 * size]).sigmoid_()
            reset_bh, update_bh = reset_update_b2h[:, :size], reset_update_b2h[:, size:]
            candidate_bh = gates_bg[:, 2 * size :].addcmul_(reset_bh, recurrent_bg[:, 2 * size :]).tanh_()
            torch.lerp(candidate_bh, before_bh, update_bh, out=after_bh)
        return hidden_tbh, (), (projected_tbg, recurrent_tbg[..., 2 * size :].contiguous())

    def backward(
        self,
        hidden_tbh: Tensor,
        saved: tuple[Tensor, ...],
        products: StepProducts,
        grad_output_tbh: Tensor,
        grad_rest: State,  # noqa: ARG002 (the state is the hidden state alone)
    ) -> StepGradients:
        gates_tbg, recurrent_candidate_tbh = saved
        reset, update, candidate = gates_tbg.chunk(3, dim=-1)
        size = reset.shape[-1]
        # d h' / d each gate's pre-activation: elementwise, and known before any gradient is.
        slopes_tbg = torch.empty_like(gates_tbg)
        slope_r, slope_z, slope_n = slopes_tbg.chunk(3, dim=-1)
        slope_candidate = (1 - update) * (1 - candidate * candidate)
        torch.mul(slope_candidate, reset, out=slope_n)
        torch.mul(slope_n * recurrent_candidate_tbh, 1 - reset, out=slope_r)
        torch.mul((hidden_tbh[:-1] - candidate) * update, 1 - update, out=slope_z)

        flowing_tbh = grad_output_tbh.clone()
        recurrent_tbg = slopes_tbg
        start_bh = torch.zeros_like(hidden_tbh[0])
        for t in reversed(range(len(flowing_tbh))):
            flowing_bh, grad_bg = flowing_tbh[t], recurrent_tbg[t]
            grad_bg.view(-1, 3, size).mul_(flowing_bh.unsqueeze(1))
            before_bh = flowing_tbh[t - 1] if t else start_bh
            products.add_back(before_bh.addcmul_(flowing_bh, update[t]), grad_bg)
        input_tbg = recurrent_tbg.clone()
        torch.mul(flowing_tbh, slope_candidate, out=input_tbg[..., 2 * size :])
        return StepGradients(input_tbg, recurrent_tbg, (start_bh,))


class LSTMRecurrence:
    """Gates i, f, g, o as in ``lstm.py``."""

    def forward(
        self, projected_tbg: Tensor, state: State, products: StepProducts, bias_hh: Tensor
    ) -> tuple[Tensor, State, tuple[Tensor, ...]]:
        hidden_tbh, cell_tbh = _with_start(projected_tbg, state[0]), _with_start(projected_tbg, state[1])
        tanh_cell_tbh = torch.empty_like(hidden_tbh[1:])
        size = hidden_tbh.shape[-1]
        projected_tbg += bias_hh
        for t, gates_bg in enumerate(projected_tbg):
            products.add_projected(gates_bg, hidden_tbh[t])
            i, f, g, o = gates_bg.chunk(4, dim=1)
            gates_bg[:, : 2 * size].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            cell_bh = torch.mul(f, cell_tbh[t], out=cell_tbh[t + 1]).addcmul_(i, g)
            torch.mul(o, torch.tanh(cell_bh, out=tanh_cell_tbh[t]), out=hidden_tbh[t + 1])
        return hidden_tbh, (cell_tbh[-1].clone(),), (projected_tbg, cell_tbh, tanh_cell_tbh)

    def backward(
        self,
        hidden_tbh: Tensor,
        saved: tuple[Tensor, ...],
        products: StepProducts,
        grad_output_tbh: Tensor,
        grad_rest: State,
    ) -> StepGradients:
        gates_tbg, cell_tbh, tanh_cell_tbh = saved
        i, f, g, o = gates_tbg.chunk(4, dim=-1)
        size = i.shape[-1]
        # d c' / d (i, f, g) and d h' / d o before the gates' activations, and d h' / d c': known before any gradient.
        slopes_tbg = torch.empty_like(gates_tbg)
        slope_i, slope_f, slope_g, slope_o = slopes_tbg.chunk(4, dim=-1)
        torch.mul(g * i, 1 - i, out=slope_i)
        torch.mul(cell_tbh[:-1] * f, 1 - f, out=slope_f)
        torch.mul(i, 1 - g * g, out=slope_g)
        torch.mul(tanh_cell_tbh * o, 1 - o, out=slope_o)
        slope_cell_tbh = o * (1 - tanh_cell_tbh * tanh_cell_tbh)

        hidden_bh, cell_bh = torch.zeros_like(hidden_tbh[0]), grad_rest[0].clone()
        for t in reversed(range(len(gates_tbg))):
            grad_bg = slopes_tbg[t]
            hidden_bh.add_(grad_output_tbh[t])
            cell_bh.addcmul_(hidden_bh, slope_cell_tbh[t])
            grad_bg[:, : 3 * size].view(-1, 3, size).mul_(cell_bh.unsqueeze(1))
            grad_bg[:, 3 * size :].mul_(hidden_bh)
            cell_bh.mul_(f[t])
            products.back(grad_bg, out_bh=hidden_bh)
        return StepGradients(slopes_tbg, slopes_tbg, (hidden_bh, cell_bh))


RECURRENCES: dict[str, Recurrence] = {
    "rnn_tanh": ElmanRecurrence("rnn_tanh"),
    "rnn_relu": ElmanRecurrence("rnn_relu"),
    "gru": GRURecurrence(),
    "lstm": LSTMRecurrence(),
}
"""By the name of torch's kernel for the same recurrence."""


class _Layer(torch.autograd.Function):
    """(output, rest of the last state) = layer(input, state, parameters), differentiated as the module says."""

    @staticmethod
    def forward(
        ctx: Any,
        kernel: str,
        digits: torch.dtype,
        input_tbe: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor,
        bias_hh: Tensor,
        *state: Tensor,
    ) -> tuple[Tensor, ...]:
        steps, batch, _ = input_tbe.shape
        ctx.kernel = kernel
        input_tbe, weight_ih, weight_hh = input_tbe.to(digits), weight_ih.to(digits), weight_hh.to(digits)
        input_ne = input_tbe.flatten(0, 1)
        if digits == bias_ih.dtype:
            projected_ng = torch.addmm(bias_ih, input_ne, weight_ih.t())
        else:
            projected_ng = bias_ih + input_ne @ weight_ih.t()
        projected_tbg = projected_ng.view(steps, batch, -1)
        products = _step_products(weight_hh, projected_tbg)
        hidden_tbh, rest, saved = RECURRENCES[kernel].forward(projected_tbg, state, products, bias_hh)
        ctx.save_for_backward(input_tbe, weight_ih, weight_hh, hidden_tbh, *saved)
        return hidden_tbh[1:], *rest

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        grad_output_tbh, *grad_rest = grad_outputs
        input_tbe, weight_ih, weight_hh, hidden_tbh, *saved = ctx.saved_tensors
        digits, whole = weight_hh.dtype, hidden_tbh.dtype
        products = _step_products(weight_hh, hidden_tbh)
        found = RECURRENCES[ctx.kernel].backward(hidden_tbh, tuple(saved), products, grad_output_tbh, tuple(grad_rest))
        input_ng, recurrent_ng = found.input_tbg.flatten(0, 1), found.recurrent_tbg.flatten(0, 1)
        together = found.recurrent_tbg is found.input_tbg
        grad_bias_ih = input_ng.sum(0)
        grad_bias_hh = grad_bias_ih.clone() if together else recurrent_ng.sum(0)
        input_ng = input_ng.to(digits)
        recurrent_ng = input_ng if together else recurrent_ng.to(digits)
        return (
            None,
            None,
            (input_ng @ weight_ih).view_as(input_tbe).to(whole) if ctx.needs_input_grad[2] else None,
            (input_ng.t() @ input_tbe.flatten(0, 1)).to(whole),
            (recurrent_ng.t() @ hidden_tbh[:-1].flatten(0, 1).to(digits)).to(whole),
            grad_bias_ih,
            grad_bias_hh,
            *found.state,
        )


def run_fused(
    cell: TorchCell, input_tbe: Float[Tensor, "T B E"], state: State, parameters: CellParameters
) -> tuple[Float[Tensor, "T B H"], State]:
    """Run one layer over time; returns every hidden state and the last state, as ``run_by_hand`` does."""
    whole = parameters.weight_hh.dtype
    digits = product_dtype(parameters.weight_hh) if whole == torch.float32 else whole  # autocast leaves float64 alone
    # Of its own accord autocast would round for these products, but not for those into memory of ours.
    with torch.autocast(input_tbe.device.type, enabled=False):
        inputs = (tensor.to(whole) for tensor in (input_tbe, *parameters, *state))
        output_tbh, *rest = _Layer.apply(cell.kernel, digits, *inputs)  # pyright: ignore[reportGeneralTypeIssues]
    return output_tbh, (output_tbh[-1], *rest)


def _step_products(weight_hh: Tensor, whole_tbx: Tensor) -> StepProducts:
    """Those of a matrix that has been rounded, or has not been, beside signals that have all their digits."""
    if weight_hh.dtype == whole_tbx.dtype:
        return StepProducts(weight_hh)
    return RoundedStepProducts(weight_hh, whole_tbx.shape[1])


def _with_start(projected_tbg: Tensor, start_bh: Tensor) -> Tensor:
    """Room for T + 1 states, the first of them filled in."""
    states_tbh = projected_tbg.new_empty(len(projected_tbg) + 1, *start_bh.shape)
    states_tbh[0] = start_bh
    return states_tbh


def _relu(values: Tensor, out: Tensor) -> Tensor:
    return torch.clamp_min(values, 0, out=out)
