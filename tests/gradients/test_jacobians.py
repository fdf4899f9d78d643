import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.gradients.jacobians import (
    JACOBIANS,
    jacobian_by_autograd,
    log_product_norms,
    singular_values,
    spectral_radius,
)
from rnn_lm.layers.cells import CELLS, CellParameters, TorchCell


def draw(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("name", sorted(JACOBIANS))
@settings(max_examples=15, deadline=None)
@given(
    batch=st.integers(1, 3),
    inputs=st.integers(1, 5),
    hidden=st.integers(1, 7),
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([0.1, 1.0, 3.0]),
)
def test_closed_form_equals_autograd(name: str, batch: int, inputs: int, hidden: int, seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    cell = CELLS[name](inputs, hidden).double()
    assert isinstance(cell, TorchCell)
    rows = cell.gates * hidden
    shapes = ((rows, inputs), (rows, hidden), (rows,), (rows,))
    parameters = CellParameters(*(scale * draw(shape, generator) for shape in shapes))
    state = tuple(draw((batch, hidden), generator) for _ in range(cell.state_parts))
    input_be = draw((batch, inputs), generator)
    with torch.no_grad():
        for own, drawn in zip(cell.cell_parameters(), parameters, strict=True):
            own.copy_(drawn)
    closed_bnn = JACOBIANS[name](input_be, state, parameters)
    torch.testing.assert_close(
        closed_bnn, jacobian_by_autograd(cell, input_be, state), rtol=0.0, atol=1e-11 * (1 + scale)
    )


def test_product_norm_equals_the_norm_of_the_product_beyond_float_range() -> None:
    generator = torch.Generator().manual_seed(3)
    jacobians = [draw((2, 4, 4), generator) for _ in range(12)]
    product = torch.eye(4, dtype=torch.float64)
    for jacobian in jacobians:
        product = jacobian @ product
    expected = torch.linalg.matrix_norm(product, ord=2).log()
    measured = log_product_norms(iter(jacobians), [1, 5, 12])
    torch.testing.assert_close(measured[-1], expected)
    tiny = log_product_norms(iter([1e-200 * jacobian for jacobian in jacobians]), [12])
    torch.testing.assert_close(tiny[-1], expected - 12 * 200 * torch.tensor(10.0).double().log())


@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 8), seed=st.integers(0, 10_000))
def test_no_eigenvalue_exceeds_the_largest_singular_value(size: int, seed: int) -> None:
    matrix = draw((3, size, size), torch.Generator().manual_seed(seed))
    assert (spectral_radius(matrix) <= singular_values(matrix)[:, 0] * (1 + 1e-12)).all()
