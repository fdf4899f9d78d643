"""Where a run computes: its device, its precision, and the processes it is shared between.

Data-parallel training of a recurrent model shares the *columns* of the text: rank r of R processes reads its block of
the B columns of every segment and carries their state, and gradients are summed::

    columns of a segment      0 1 2 3 | 4 5 6 7          B = 8, two ranks
                              rank 0  | rank 1
    loss of a rank            sum of its NLLs / tokens of the WHOLE segment
    gradient                  sum over the ranks = the gradient that one process would have found

Whatever is drawn at random is drawn for the whole segment by every rank, from equal generators, and then cut; so the
number of processes changes no more than the order in which numbers are added.

Lightning Fabric finds the device and sets up the process group (gloo on CPUs, NCCL on GPUs). It is imported where there
is something for it to do: one process on the CPU does not wait for it.
"""

from __future__ import annotations

import contextlib
import copy
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from rnn_lm.config import DeviceConfig, Precision, RuntimeConfig
from rnn_lm.errors import UserError
from rnn_lm.layers.asking import answers_late
from rnn_lm.progress import quiet_logger
from rnn_lm.seeding import generator

if TYPE_CHECKING:
    from lightning_fabric import Fabric

T = TypeVar("T")

TIMEOUT = timedelta(hours=1)
"""How long ranks wait for one that is alive and does not come; one that died is noticed at once."""


MOST_UNREAD = 32
"""Steps of training whose figures an accelerator may keep to itself, at most."""


class RankLost(UserError):
    """Another process of the run has died, so that this one cannot go on."""

    def __init__(self) -> None:
        super().__init__(
            "another process of this run is gone; the same command with --resume goes on from the last checkpoint, "
            "with any number of processes"
        )


class Runtime:
    """One process: nobody to share with; on the CPU, nothing to move either.

    Args:
        precision: see ``RuntimeConfig``.
        device: where it computes, every step as it stands; default: the CPU.

    Attributes:
        device: where parameters and segments are.
        rank: number of this process, from 0.
        size: number of processes.
        precision: see ``RuntimeConfig``; until that is decided, products are in float32.
        most_unread: steps of training whose figures may be read together; 1: each before the next is taken.
        records: whether steps of training may be recorded and played (``training/graphs.py``).
    """

    device = torch.device("cpu")
    rank, size = 0, 1
    most_unread = 1
    records = False

    def __init__(self, precision: Precision = "32-true", device: torch.device | None = None) -> None:
        self.precision: Precision = precision
        if device is not None:
            self.device = device
            if answers_late(device):
                self.most_unread = MOST_UNREAD

    def in_precision(self, precision: Precision) -> Runtime:
        """The same, but for the precision of products."""
        other = copy.copy(self)
        other.precision = precision
        return other

    @property
    def decided(self) -> bool:
        """Whether its precision is one, and not a way to choose one."""
        return self.precision not in ("auto", "fastest")

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def generator(self, seed: int, purpose: str) -> torch.Generator:
        """A random stream for the masks and noise of training, on the device where it has generators of its own."""
        return generator(seed, purpose, self.device)

    def finish_work(self) -> None:
        """Wait until the device has done what it was given, so that a clock can be read."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def timed(self, work: Callable[[], Any]) -> float:
        """How many seconds ``work`` takes; on a device once it has been done before.

        A device loads its kernels as they are first asked for, which takes seconds and tells nothing of the next time.
        """
        if answers_late(self.device):
            work()
        self.finish_work()
        started = time.monotonic()
        work()
        self.finish_work()
        return time.monotonic() - started

    def columns(self, batch_size: int) -> slice:
        """The block of ``batch_size`` columns that this process reads; blocks differ by one column at most."""
        if batch_size < self.size:
            raise UserError(f"--batch-size {batch_size}: fewer columns than the {self.size} processes that share them")
        return self.share(batch_size)

    def share(self, count: int) -> slice:
        """This process's part of ``count`` things, which may be none."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def autocast(self) -> AbstractContextManager[Any]:
        """Within it, products run in the precision of the run."""
        if self.precision == "bf16-mixed":
            return torch.autocast(self.device.type, torch.bfloat16)
        return contextlib.nullcontext()

    def sum_in_place(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes."""

    def totals(self, *values: float) -> list[float]:
        """Each value summed over the processes."""
        return list(values)

    def sum_gradients(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Sum each parameter's gradient over the processes; returns those that there are.

        A parameter that only some processes used (a cluster of the adaptive softmax, of which the others' columns hold
        no word) has a gradient in all of them after; one that none used has none, as in a single process.
        """
        used = self.totals(*(float(parameter.grad is not None) for parameter in parameters))
        for parameter, processes in zip(parameters, used, strict=True):
            if processes > 0 and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        self.sum_in_place(gradients)
        return gradients

    def from_first(self, value: T) -> T:
        """What the first process gave, in all of them."""
        return value

    def wait(self) -> None:
        """Until all processes are here."""

    @contextlib.contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The block runs in the first process, then in the others: they find what it has downloaded or cached."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()

    def whole(self, part_lbh: Tensor, batch_size: int) -> Tensor:
        """The state of all columns, of which this process holds ``part_lbh``."""
        if self.size == 1:
            return part_lbh
        layers, _, width = part_lbh.shape
        whole_lbh = part_lbh.new_zeros(layers, batch_size, width)
        whole_lbh[:, self.columns(batch_size)] = part_lbh
        self.sum_in_place([whole_lbh])
        return whole_lbh


class FabricRuntime(Runtime):
    """An accelerator, or several processes, through Lightning Fabric."""

    def __init__(self, fabric: Fabric, precision: Precision, graphs: bool = True) -> None:
        super().__init__(precision)
        self.fabric = fabric
        self.device, self.rank, self.size = fabric.device, fabric.global_rank, fabric.world_size
        self.most_unread = MOST_UNREAD if answers_late(self.device) else 1
        self.records = graphs and self.device.type == "cuda" and self.size == 1

    def sum_in_place(self, tensors: Sequence[Tensor]) -> None:
        if self.size > 1:
            for tensor in tensors:
                with _ranks_present():
                    total = self.fabric.all_reduce(tensor.contiguous(), reduce_op="sum")
                assert isinstance(total, Tensor)
                tensor.copy_(total)

    def totals(self, *values: float) -> list[float]:
        if self.size == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64, device=self.device)
        self.sum_in_place([shared])
        return shared.tolist()

    def from_first(self, value: T) -> T:
        with _ranks_present():
            return self.fabric.broadcast(value)

    def wait(self) -> None:
        with _ranks_present():
            self.fabric.barrier()


@contextlib.contextmanager
def _ranks_present() -> Iterator[None]:
    """A collective operation fails with a message of the transport's where a rank has died: say what it means."""
    try:
        yield
    except RuntimeError as error:
        raise RankLost from error


def in_process_group() -> bool:
    """Whether this process is a rank that ``rnn_lm.launch`` or torchrun has started."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def leave_process_group() -> None:
    """End this process's part in the group: a process that exits with the group's threads still running may abort."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def start_runtime(config: RuntimeConfig) -> Runtime:
    """Set up what ``config`` and the environment ask for; in several processes, each of them calls this.

    Raises:
        UserError: there is no such device here, or torchrun has started another number of processes.
    """
    size = int(os.environ["WORLD_SIZE"]) if in_process_group() else 1
    if config.processes not in (1, size):
        raise UserError(f"--processes {config.processes}: {size} were started; leave the flag out under torchrun")
    accelerator, index = _accelerator(config.device)
    if (accelerator, size) == ("cpu", 1):
        return Runtime(config.precision)
    if accelerator == "cuda" and config.precision != "bf16-mixed":
        float32_is_float32()
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    here = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    devices: Any = here if accelerator == "cpu" or index is None else [index]
    strategy: Any = DDPStrategy(timeout=TIMEOUT) if size > 1 else "auto"
    # What Fabric tells of its start says nothing that our own lines do not.
    with quiet_logger("lightning_fabric"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fabric = Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=size // here,
            strategy=strategy,
        )
        fabric.launch()
    return FabricRuntime(fabric, config.precision, config.graphs)


def start_on(config: DeviceConfig) -> Runtime:
    """One process on the device that ``config`` names, in float32, recorded steps where that has them.

    Raises:
        UserError: there is no such device here.
    """
    return start_runtime(RuntimeConfig(device=config.device, precision="32-true"))


def open_device(config: DeviceConfig) -> torch.device:
    """The device that a trained model is to compute on, in float32.

    Raises:
        UserError: there is no such device here.
    """
    kind, index = _accelerator(config.device)
    if kind == "cuda":
        float32_is_float32()
    return torch.device(kind) if index is None else torch.device(kind, index)


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Inside, one thread: small models are quickest on it, and sums do not depend on how many cores a machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def float32_is_float32() -> None:
    """Let CUDA multiply numbers of float32 as they are; cuDNN would round them to the 10 binary digits of TF32."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def _accelerator(device: str) -> tuple[str, int | None]:
    """Kind of device and its number, where one was given; raises ``UserError`` where it is not here."""
    kind, _, number = device.partition(":")
    if kind == "auto":
        return ("cuda" if torch.cuda.is_available() else "cpu"), None
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise UserError("--device cuda: torch finds no CUDA device here; leave the flag out, or say --device cpu")
        if number and int(number) >= count:
            raise UserError(f"--device {device}: there are {count}, cuda:0 to cuda:{count - 1}")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps: torch finds no Apple GPU here; leave the flag out, or say --device cpu")
    return kind, int(number) if number else None
