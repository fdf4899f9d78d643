"""``--processes N``: start the command N times over as ranks of one process group, and watch over them."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import torch
from torch.multiprocessing.spawn import ProcessExitedException, start_processes

from rnn_lm.runtime import in_process_group
from rnn_lm.training.interrupt import WATCHED, handled

RANK_LOST = 3
"""Exit code where a rank died."""


def launch(main: Callable[[list[str]], int], arguments: Sequence[str], processes: int) -> int:
    """Run ``main`` with ``arguments`` in ``processes`` ranks on this machine; returns the exit code of all.

    A signal that asks to stop is passed on to every rank, as a Ctrl-C, after which they write a checkpoint and end; a
    second one stops them at once, a third kills them. A rank that dies ends the others, and one line on stderr says
    which it was.
    """
    assert not in_process_group()
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)  # our own line says it
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // processes)))
    context = start_processes(
        _rank,
        args=(main, list(arguments), processes, _free_port()),
        nprocs=processes,
        join=False,
        start_method="spawn",
    )
    assert context is not None

    heard: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        heard.append(number)
        for pid in context.pids():
            with contextlib.suppress(ProcessLookupError):
                if pid is not None:
                    os.kill(pid, signal.SIGINT if len(heard) < 3 else signal.SIGKILL)

    with handled(pass_on):
        try:
            while not context.join(timeout=1.0):
                pass
        except ProcessExitedException:
            codes = [process.exitcode if process else None for process in context.processes]
            code = 128 + signal.SIGKILL if len(heard) > 2 else _verdict(codes, arguments)
            return 128 + heard[0] if heard and code > 128 else code
    return 0


def _rank(rank: int, main: Callable[[list[str]], int], arguments: list[str], processes: int, port: int) -> None:
    """One rank: the environment that torchrun would give it, then the command as it was typed."""
    os.setsid()  # Ctrl-C in the terminal reaches the watching process alone, which passes it on once
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the watching process was told to ignore it
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(processes),
        LOCAL_WORLD_SIZE=str(processes),
        GROUP_RANK="0",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        TORCHELASTIC_RUN_ID=f"rnn-lm-{port}",
        **{WATCHED: "1"},
    )
    sys.argv[1:] = arguments
    sys.exit(main(arguments))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _verdict(codes: Sequence[Any], arguments: Sequence[str]) -> int:
    """The exit code of the whole; says which rank died, if one did. The ranks that we stopped show SIGTERM."""
    killed = [(rank, -code) for rank, code in enumerate(codes) if code is not None and code < 0]
    failed = [(rank, number) for rank, number in killed if number != signal.SIGTERM] or killed
    refused = [code for code in codes if code is not None and code > 0 and code != RANK_LOST]
    if refused and not [number for _, number in killed if number != signal.SIGTERM]:
        return max(refused)
    if failed:
        rank, number = failed[0]
        again = "" if "--resume" in arguments else " with --resume"
        print(
            f"rnn-lm: process {rank} of {len(codes)} was ended by {signal.Signals(number).name}, and the others were "
            f"stopped; the same command{again} goes on from the last checkpoint, with any number of --processes",
            file=sys.stderr,
        )
    return RANK_LOST
