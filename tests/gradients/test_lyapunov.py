import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.gradients.lyapunov import LyapunovRun, lyapunov_run, predicted_norms


def draw(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 6), seed=st.integers(0, 10_000))
def test_exponents_of_a_constant_matrix_are_the_logarithms_of_its_eigenvalues(size: int, seed: int) -> None:
    eigenvalues = 1.4 * 0.7 ** torch.arange(size, dtype=torch.float64) * draw((size,), seed).sign()
    vectors = torch.eye(size, dtype=torch.float64) + 0.3 * draw((size, size), seed + 1)  # not orthogonal
    matrix = vectors @ torch.diag(eigenvalues) @ torch.linalg.inv(vectors)
    run = lyapunov_run([matrix.unsqueeze(0)] * 400, size, 300, torch.Generator().manual_seed(seed))
    torch.testing.assert_close(
        torch.tensor(run.spectrum().exponents, dtype=torch.float64), eigenvalues.abs().log(), rtol=0.0, atol=1e-8
    )


def test_a_rotation_that_shrinks_has_one_rate_twice() -> None:
    angle = torch.tensor(0.7, dtype=torch.float64)
    rotation = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    run = lyapunov_run([0.8 * rotation.unsqueeze(0)] * 51, 2, 10, torch.Generator().manual_seed(1))
    torch.testing.assert_close(run.exponents_bq, torch.full((1, 2), 0.8, dtype=torch.float64).log())


@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 6), steps=st.integers(1, 9), settle=st.integers(0, 4), seed=st.integers(0, 10_000))
def test_exponents_of_any_sequence_add_up_to_the_mean_log_determinant(
    size: int, steps: int, settle: int, seed: int
) -> None:
    jacobians = draw((settle + steps, 2, size, size), seed)
    run = lyapunov_run(list(jacobians), size, settle, torch.Generator().manual_seed(seed))
    # Directions lost while settling make no difference: any orthonormal basis of the whole space has the same volume.
    whole = torch.linalg.slogdet(jacobians[settle:]).logabsdet.mean(0)
    torch.testing.assert_close(run.exponents_bq.sum(1), whole, rtol=1e-9, atol=1e-9)
    identity = torch.eye(size, dtype=torch.float64).expand(2, -1, -1)
    torch.testing.assert_close(run.directions_bnq.mT @ run.directions_bnq, identity)


def test_an_exponent_has_an_interval_over_four_trajectories_or_more() -> None:
    """t = 3.182 for 3 degrees of freedom; the order of the directions is taken in each trajectory."""
    rates_b = torch.tensor([-0.1, -0.2, -0.3, -0.4], dtype=torch.float64)
    run = LyapunovRun(torch.stack([rates_b - 1, rates_b], dim=1), torch.empty(4, 2, 2, dtype=torch.float64))
    spectrum = run.spectrum()
    assert spectrum.exponents == pytest.approx([-0.25, -1.25])
    assert spectrum.low[0] == pytest.approx(-0.25 - 3.1824 * float(rates_b.std()) / 2, rel=1e-4)
    assert run.spectrum(apart=2).low == [None, None]


def test_a_first_step_that_reads_nothing_does_not_turn_the_directions() -> None:
    """As an mLSTM's, which has nothing to keep then; its h is made of its memory, and no step reads it."""
    size = 3
    read, nothing = draw((size, size), 4), torch.zeros(size, size, dtype=torch.float64)
    memory = 0.7 * torch.eye(size, dtype=torch.float64)
    step = torch.cat([torch.cat([nothing, read @ memory], dim=1), torch.cat([nothing, memory], dim=1)])
    jacobians = [torch.zeros_like(step).unsqueeze(0), *[step.unsqueeze(0)] * 20]
    run = lyapunov_run(jacobians, 2 * size, 5, torch.Generator().manual_seed(1))
    gradient_bn = torch.cat([draw((1, size), 5), torch.zeros(1, size, dtype=torch.float64)], dim=1)
    predicted_k = predicted_norms(run, gradient_bn, 8).squeeze(1)
    measured_k = torch.stack(
        [torch.linalg.vector_norm(gradient_bn @ torch.linalg.matrix_power(step, lag)) for lag in range(9)]
    )
    ratio = predicted_k[1:] / measured_k[1:]
    torch.testing.assert_close(ratio, ratio[:1].expand(8), rtol=1e-8, atol=0.0)
    assert 0.2 < float(ratio[0]) < 5


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="no more than the 5 steps"):
        lyapunov_run([torch.eye(2, dtype=torch.float64).unsqueeze(0)] * 5, 2, 5, torch.Generator())


@settings(max_examples=15, deadline=None)
@given(size=st.integers(2, 6), seed=st.integers(0, 10_000))
def test_prediction_is_exact_for_a_constant_symmetric_matrix(size: int, seed: int) -> None:
    rates = torch.exp(-0.4 * torch.arange(size, dtype=torch.float64))
    vectors = torch.linalg.qr(draw((size, size), seed)).Q
    matrix = vectors @ torch.diag(rates) @ vectors.T
    run = lyapunov_run([matrix.unsqueeze(0)] * 200, size, 150, torch.Generator().manual_seed(seed))
    gradient = draw((1, size), seed + 1)
    measured = torch.stack([(gradient @ torch.linalg.matrix_power(matrix, k)).norm(dim=1) for k in range(11)])
    torch.testing.assert_close(predicted_norms(run, gradient, 10), measured, rtol=1e-8, atol=0.0)


def test_a_slow_direction_that_the_loss_cannot_see_does_not_rule_the_prediction() -> None:
    matrix = torch.diag(torch.tensor([0.99, 0.5], dtype=torch.float64)).unsqueeze(0)
    run = lyapunov_run([matrix] * 200, 2, 150, torch.Generator().manual_seed(1))
    blind = predicted_norms(run, torch.tensor([[0.0, 1.0]], dtype=torch.float64), 40)[:, 0]
    seeing = predicted_norms(run, torch.tensor([[1.0, 1.0]], dtype=torch.float64), 40)[:, 0]
    assert blind[40] == pytest.approx(0.5**40, rel=1e-6)
    assert seeing[40] == pytest.approx(0.99**40, rel=1e-6)
