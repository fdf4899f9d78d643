"""On what, when and beside what a benchmark ran: what stands under its table."""

from __future__ import annotations

import datetime
import os
import platform
from typing import Any

import torch


def made_here() -> dict[str, Any]:
    """Return the date, the machine, how busy it is, and the version of torch."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
    }
