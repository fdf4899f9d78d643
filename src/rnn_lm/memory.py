"""How the process asks the operating system for memory."""

from __future__ import annotations

import ctypes

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
