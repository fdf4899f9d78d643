"""How much memory the process may take, and how it asks the operating system for it."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_PROCESS_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
_LIMITS = ("memory.max", "memory.limit_in_bytes")
"""What the two versions of Linux's control groups call the most memory of a group."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""glibc's names for two settings of ``mallopt``, as ``malloc.h`` numbers them."""
_LARGEST_FROM_THE_HEAP = 32 * 2**20
"""The most that glibc accepts as the size up to which a block comes from the heap."""
_KEPT = 2**31 - 1


def keep_freed_memory() -> None:
    """Keep freed blocks of some MB for the next request, where the C library is glibc; elsewhere do nothing.

    A training step asks for the same blocks every time: gradients, activations, what a layer keeps for its backward
    pass. By default glibc hands large ones back to the operating system and gets them again page by page, each page
    zeroed, which took a fifth of the time of a step (``docs/performance.md``). The process then holds the most memory
    that it has ever needed. This is a decision of the whole process: the command line takes it, importing the package
    does not.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST_FROM_THE_HEAP)
    mallopt(_TRIM_THRESHOLD, _KEPT)


def available_memory() -> int:
    """The most bytes that this process can hold: what the machine has, or less where a limit is set on the process.

    Limits are those of ``ulimit`` and of Linux's control groups, as containers set them. What other programs use at
    the moment is not taken off, so that the same settings are refused or not whatever else runs. Where the system does
    not say, the answer is a number beyond any memory.
    """
    return min([sys.maxsize, *_physical(), *_process_limits(), *_group_limits()])


def _physical() -> list[int]:
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not a Unix, or one that does not know the names
        return []
    return [size] if size > 0 else []


def _process_limits() -> list[int]:
    try:
        import resource  # Windows has none
    except ImportError:
        return []
    soft = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return [limit for limit in soft if limit not in (resource.RLIM_INFINITY, -1)]


def _group_limits() -> list[int]:
    """The limits of this process's control group and of those around it; none where there are no groups."""
    try:
        lines = _PROCESS_GROUPS.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    limits: list[int] = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        root = _GROUPS / "memory" if controllers else _GROUPS
        group = root / name.lstrip("/")
        for folder in (group, *group.parents):
            limits += _limits_in(folder)
            if folder == root:
                break
    return limits


def _limits_in(folder: Path) -> list[int]:
    limits: list[int] = []
    for name in _LIMITS:
        try:
            limits.append(int((folder / name).read_text()))
        except (OSError, ValueError):  # not there, or the word max
            continue
    return limits
