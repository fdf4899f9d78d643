"""Names of temporary files and folders that say whose they are, so that those of killed processes can be removed.

    .NAME.MACHINE-PID-RANDOM.tmp

A process that is killed cannot tidy up. The next one that comes by can: it removes what belongs to a process of this
machine that is no more. What another machine wrote into a shared folder, or an older version of this program, which did
not say whose it was, is removed once nobody has written to it for a day.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from pathlib import Path

ABANDONED_AFTER = 24 * 3600.0
"""Seconds after which what nobody has written to is taken for the rest of a process that was killed."""

_OWNED = re.compile(r"\.(?P<name>.+)\.(?P<machine>[0-9a-f]{8})-(?P<pid>\d{1,10})-[0-9a-f]{8}\.tmp", re.DOTALL)
_LONGEST_NAME = 100
"""Bytes of a file's name that its temporary's keeps: the whole must not be longer than file systems allow."""


def temporary_name(name: str) -> str:
    """A name that nobody else takes for what is to be called ``name`` in the end."""
    return f".{_shortened(name)}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.tmp"


def remove_abandoned(folder: Path, name: str | None = None, others: str | None = None) -> None:
    """Remove from ``folder`` the temporaries of processes that are no more; what cannot be removed stays.

    Args:
        folder: where; nothing happens where it is not.
        name: of what the temporaries were to become; default: of anything.
        others: a pattern of names without an owner, which are removed by their age alone.
    """
    with contextlib.suppress(OSError):
        for path in [Path(entry.path) for entry in os.scandir(folder) if _may_be_ours(entry.name, name, others)]:
            with contextlib.suppress(OSError):
                if _abandoned(path):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _shortened(name: str) -> str:
    return os.fsdecode(os.fsencode(name)[:_LONGEST_NAME])


def _may_be_ours(found: str, name: str | None, others: str | None) -> bool:
    owned = _OWNED.fullmatch(found)
    if owned is not None:
        return name is None or owned["name"] == _shortened(name)
    return others is not None and re.fullmatch(others, found) is not None


def _abandoned(path: Path) -> bool:
    owned = _OWNED.fullmatch(path.name)
    if owned is not None and owned["machine"] == _machine() and os.name == "posix":
        return not process_exists(int(owned["pid"]))
    parts = (path, *path.iterdir()) if path.is_dir() else (path,)
    return time.time() - max(part.stat().st_mtime for part in parts) > ABANDONED_AFTER


def process_exists(pid: int) -> bool:
    """Whether this machine has a process with the number ``pid``; True where that cannot be told."""
    if os.name != "posix":
        return True  # signal 0 asks on POSIX alone
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # it exists, and is somebody else's
    return True


@functools.cache
def _machine() -> str:
    """Eight digits for where process numbers mean what they mean here: this host, since it was started, this
    container."""
    known = [platform.node()]
    with contextlib.suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with contextlib.suppress(OSError):
        known.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\0".join(known).encode()).hexdigest()[:8]
