"""Products in 8 bits are those of the rounded numbers, by either of torch's engines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnn_lm.models import int8_product
from rnn_lm.models.int8_product import Int8Product, OneRowProduct, PackedProduct, largest_of, one_row_is_exact
from rnn_lm.seeding import generator

pytestmark = pytest.mark.skipif(int8_product.missing() is not None, reason=str(int8_product.missing()))
needs_one_row = pytest.mark.skipif(not one_row_is_exact(), reason="the processor has no AVX-512 VNNI")
ENGINES = [pytest.param(OneRowProduct, marks=needs_one_row), PackedProduct]


def product_with(product: Int8Product, bias_v: np.ndarray, vector_d: np.ndarray) -> np.ndarray:
    out_v = np.full(len(bias_v), np.nan, np.float32)
    product.add_to(bias_v, vector_d, largest_of(vector_d), out_v)
    return out_v


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", [(7, 5), (64, 64), (300, 130), (1000, 1)])
@pytest.mark.parametrize("size", [1.0, 1e-3, 40.0])
def test_the_product_of_rounded_numbers(engine: type, shape: tuple[int, int], size: float) -> None:
    """And of no others: sums are exact, so that what differs is how a vector was rounded, by half a step at most."""
    random = generator(1, "product")
    weight_vd = torch.randn(*shape, generator=random)
    weight_vd[0] = 0.0
    product, bias_v = engine(weight_vd), torch.randn(shape[0], generator=random).numpy()
    scale_v1 = np.maximum(np.abs(weight_vd.numpy()).max(1, keepdims=True) / 127, 1e-30)
    rounded_vd = np.rint(weight_vd.numpy() / scale_v1).astype(np.float64) * scale_v1
    np.testing.assert_allclose(product.lost_v, np.linalg.norm(weight_vd.numpy() - rounded_vd, axis=1), 1e-3, 1e-6)
    for _ in range(5):
        vector_d = (size * torch.randn(shape[1], generator=random)).numpy()
        found_v = product_with(product, bias_v, vector_d)
        half = 0.501 * product.step(largest_of(vector_d))
        exact_v = rounded_vd @ vector_d.astype(np.float64) + bias_v
        assert (np.abs(found_v - exact_v) <= half * np.abs(rounded_vd).sum(1) + 1e-5 * max(size, 1.0)).all()


@needs_one_row
def test_numbers_that_8_bits_hold_come_out_exactly() -> None:
    random = np.random.default_rng(1)
    weight_vd = random.integers(-127, 128, (90, 33)).astype(np.float32)
    weight_vd[:, 0] = 127  # so that every row's scale is 1
    product, zeros_v = OneRowProduct(torch.from_numpy(weight_vd)), np.zeros(90, np.float32)
    for _ in range(5):
        vector_d = random.integers(-127, 128, 33)
        vector_d[1] = -127
        found_v = product_with(product, zeros_v, (vector_d * np.float32(2 / 127)).astype(np.float32))
        np.testing.assert_allclose(found_v, weight_vd.astype(np.int64) @ vector_d * (2 / 127), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_vector_of_zeros(engine: type) -> None:
    bias_v = np.arange(9, dtype=np.float32)
    found_v = product_with(engine(torch.randn(9, 12)), bias_v, np.zeros(12, np.float32))
    np.testing.assert_array_equal(found_v, bias_v)


def test_the_engine_that_torch_takes_otherwise_stays() -> None:
    before = torch.backends.quantized.engine
    PackedProduct(torch.randn(4, 5))
    assert torch.backends.quantized.engine == before


@pytest.mark.parametrize("lacking", ["the instruction", "the product", "exact sums"])
def test_where_one_row_cannot_be_had_matrices_are_packed(lacking: str, monkeypatch) -> None:
    if lacking == "the instruction":
        monkeypatch.setattr(int8_product, "has_vnni", lambda: False)
    elif lacking == "the product":
        monkeypatch.setattr(int8_product, "_ONE_ROW", None)
    else:
        monkeypatch.setattr(int8_product, "has_vnni", lambda: True)
        monkeypatch.setattr(int8_product, "_ONE_ROW", lambda left, right: (left.int() @ right.int()).clamp(max=32767))
    one_row_is_exact.cache_clear()
    try:
        assert isinstance(int8_product.int8_product(torch.randn(6, 5)), PackedProduct)
    finally:
        one_row_is_exact.cache_clear()


@needs_one_row
def test_where_it_can_be_had_it_is_taken() -> None:
    assert isinstance(int8_product.int8_product(torch.randn(6, 5)), OneRowProduct)
