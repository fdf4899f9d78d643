"""Independent random streams from one seed: adding a draw in one place changes no other place's numbers."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def derived_seed(seed: int, purpose: str) -> int:
    """A 63-bit seed for ``purpose`` that depends on both arguments and nothing else."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator for ``purpose``: "initialization", "dropout", "noise words", "sampling"...

    Generators of unlike devices draw unlike numbers from one seed. It is on ``device`` where that is a CUDA device, and
    else on the CPU.
    """
    place = device if torch.device(device).type == "cuda" else "cpu"
    return torch.Generator(place).manual_seed(derived_seed(seed, purpose))


def numpy_generator(seed: int, purpose: str) -> np.random.Generator:
    """The same for numpy: generated corpora."""
    return np.random.default_rng(derived_seed(seed, purpose))
