"""A line of JSON for each request: when, what, how long; never a word of what people wrote, nor where they are."""

from __future__ import annotations

import contextlib
import datetime
import json
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Stream(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> Any:
        """Take text."""
        ...

    def flush(self) -> Any:
        """Hand it on."""
        ...


class Log:
    """Writes events as lines of JSON.

    Args:
        stream: where to; None: nowhere.
    """

    def __init__(self, stream: Stream | None) -> None:
        self._stream = stream

    def write(self, event: str, **facts: Any) -> None:
        """Write one; a log that cannot be written disturbs nobody."""
        if self._stream is None:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(json.dumps({"time": now, "event": event, **facts}) + "\n")
            self._stream.flush()
