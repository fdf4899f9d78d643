"""A device that is none: tensors that say they are on ``meta`` and hold their numbers on the CPU.

Where no card is at hand, it finds what would end in an error on one: an operation on tensors of two devices, numbers
handed to numpy without being fetched. What is computed are the CPU's bits.

    with pretended() as device:
        model.to(device)            its parameters say that they are elsewhere
        model(ids)                  RuntimeError: the ids are on the CPU
        model(ids.to(device))       as on the CPU
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")
"""What such tensors say that they are on. Autograd goes through it in the thread that calls it, as on the CPU."""
_HERE = torch.device("cpu")


class Elsewhere(torch.Tensor):
    """A tensor on the device that is none."""

    numbers: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # pyright: ignore[reportAssignmentType]

    @staticmethod
    def __new__(cls, numbers: torch.Tensor) -> Elsewhere:
        made = torch.Tensor._make_wrapper_subclass(
            cls, numbers.size(), strides=numbers.stride(), storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype, device=DEVICE,
        )  # fmt: skip
        made.numbers = numbers
        return made

    def tolist(self) -> Any:
        return self.numbers.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


class _Mode(TorchDispatchMode):
    """Sees to it that what is made there, or moved there, says so."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


def _compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, torch.Tensor)]
    there = any(isinstance(one, Elsewhere) for one in tensors)
    wanted = kwargs.get("device")
    copies = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
    if there and not copies:
        strangers = [one for one in tensors if not isinstance(one, Elsewhere) and one.dim() > 0]
        indexed = func in (torch.ops.aten.index.Tensor, torch.ops.aten._index_put_impl_.default)
        if strangers and not indexed:  # a device takes indices from the CPU
            raise RuntimeError(f"{func}: expected all tensors to be on the same device; {len(strangers)} are not")
    if wanted is not None:
        kwargs = {**kwargs, "device": _HERE}
        there = torch.device(wanted) == DEVICE
    elif func is torch.ops.aten.copy_.default:
        there = isinstance(args[0], Elsewhere)
    plain = tree_map(lambda one: one.numbers if isinstance(one, Elsewhere) else one, (args, kwargs))
    result = func(*plain[0], **plain[1])
    if not there:
        return result
    given = {id(one.numbers): one for one in tensors if isinstance(one, Elsewhere)}

    def said(one: Any) -> Any:
        """What was written over in place is what it was."""
        if not isinstance(one, torch.Tensor):
            return one
        return given[id(one)] if id(one) in given else Elsewhere(one)

    return tree_map(said, result)


@contextlib.contextmanager
def pretended() -> Iterator[torch.device]:
    """Within it there is such a device, in float32: autocast and fused optimizers are told that they know it."""
    autocast, enabled = torch.autocast, torch.is_autocast_enabled

    def no_autocast(kind: str, *given: Any, **named: Any) -> Any:
        return contextlib.nullcontext() if kind == DEVICE.type else autocast(kind, *given, **named)

    with (
        patch.object(torch, "autocast", no_autocast),
        patch.object(torch, "is_autocast_enabled", lambda *kind: kind != (DEVICE.type,) and enabled(*kind)),
        patch("torch.optim.adam._device_dtype_check_for_fused", lambda *_: None),
        _Mode(),
    ):
        yield DEVICE
