"""How many operations a training step hands to a device: each is a kernel, and small models wait for little else.

The CPU stands in for the device. The recurrent layers' kernel, cuDNN's, is counted as nothing, and a product of 16-bit
numbers given out in float32, which the CPU does in two steps, as one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.training.losses import multiply_into
from rnn_lm.training.trainer import Trainer, TrainingData

NO_KERNEL = {
    "view", "_unsafe_view", "t", "transpose", "expand", "unsqueeze", "squeeze", "slice", "select", "detach", "split",
    "split_with_sizes", "permute", "as_strided", "alias", "empty", "empty_like", "new_empty",
    "_record_function_enter_new", "_record_function_exit",
}  # fmt: skip
"""Operations that compute nothing."""


class Operations(TorchDispatchMode):
    """Notes every operation that is a kernel, those of the way back among them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._within = False

    @contextlib.contextmanager
    def one(self, name: str | None) -> Iterator[None]:
        """Whatever is done within counts as ``name``; None: as nothing."""
        self.seen += [] if name is None else [name]
        self._within = True
        try:
            yield
        finally:
            self._within = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.partition(".")[0]
        if not self._within and name not in NO_KERNEL:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


def lstm_kernel(operations: Operations) -> Any:
    """What stands for cuDNN's: of the right shapes, with a gradient for each of its arguments."""

    class Layers(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, input_tbe: Tensor, *others: Tensor) -> Any:
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(input_tbe, *others)
            with operations.one(None):
                output_tbh = input_tbe.new_full((*input_tbe.shape[:2], others[0].shape[-1]), 0.01)
                return output_tbh, *(part.clone() for part in others[:2])

        @staticmethod
        def backward(ctx: Any, *_: Any) -> Any:
            with operations.one(None):
                given = zip(ctx.saved_tensors, ctx.needs_input_grad, strict=True)
                return tuple(torch.full_like(one, 0.01) if needed else None for one, needed in given)

    return lambda input_tbe, state, weights, *_: Layers.apply(input_tbe, *state, *weights)


def operations_of_a_step(data: TrainingData, monkeypatch: pytest.MonkeyPatch, runtime: Runtime) -> list[str]:
    """Of the recipe ``zaremba-small``, all but for its sizes: how many there are does not depend on those."""
    sizes = ModelConfig(hidden_size=16, layers=2, tie_weights=False)
    model = RecurrentLanguageModel(20, 16, sizes, generator(1, "initialization"))
    config = TrainingConfig(
        budget="40steps", batch_size=4, bptt_length=9, optimizer="sgd", clip_threshold=0.25, softmax="exact",
        carry="always",
    )  # fmt: skip
    trainer = Trainer(model, data, config, None, SilentProgress(), runtime=runtime.in_precision("bf16-mixed"))
    operations = Operations()

    def multiplied(*arguments: Any, **named: Any) -> Tensor:
        with operations.one("addmm"):
            return multiply_into(*arguments, **named)

    monkeypatch.setattr(torch, "lstm", lstm_kernel(operations))
    monkeypatch.setattr("rnn_lm.training.losses.multiply_into", multiplied)
    trainer.take()
    batch = trainer.batches(trainer.position)
    operations.seen.clear()
    with operations:
        trainer.compute(batch, trainer.state)
    trainer.log.close()
    return operations.seen


def test_a_step_of_a_small_model_is_few_operations(tiny_data, late, monkeypatch):
    seen = operations_of_a_step(tiny_data, monkeypatch, late)
    assert "_fused_sgd_" in seen
    assert "embedding_dense_backward" in seen
    assert len(seen) <= 38, f"{len(seen)} operations: {' '.join(seen)}"
