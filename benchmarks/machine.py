"""On what, when and beside what a benchmark ran: what stands under its table."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path
from typing import Any

import torch

from rnn_lm.files import write_json

INSTRUCTIONS = {"amx_tile": "AMX", "avx512_bf16": "AVX-512 BF16", "avx512_vnni": "AVX-512 VNNI"}
"""By their flag in /proc/cpuinfo."""


def made_here() -> dict[str, Any]:
    """Return the date, the machine, how busy it is, and the version of torch."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
    }


def write_results(path: Path, found: dict[str, Any]) -> None:
    """Write what a benchmark found as JSON, with how it was made under ``made``."""
    write_json(path, {"made": made_here(), **found})


def processor() -> str:
    """Return the processor's name, with the instructions that products of 16 and 8 bits need; else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    flags = set(fields.get("flags", "").split())
    having = [shown for flag, shown in INSTRUCTIONS.items() if flag in flags]
    return " ".join([fields.get("model name") or platform.machine(), *([f"({', '.join(having)})"] if having else [])])
