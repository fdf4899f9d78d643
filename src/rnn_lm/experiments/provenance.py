"""Where a result comes from: the command, the versions, the machine."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import shlex
import sys

import torch

from rnn_lm.report.results import Made


def provenance(seconds: float, call: str | None = None) -> Made:
    """The ``made`` part of a results file; ``seconds`` is how long the run took in all, ``call`` what started it."""
    return {
        "command": call or shlex.join(["rnn-lm", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "rnn_lm": importlib.metadata.version("rnn-lm"),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "seconds": seconds,
    }
