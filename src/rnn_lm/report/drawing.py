"""Pictures of figures, drawn in a process of their own.

The drawing library runs a JavaScript engine that ends its whole process where it gets too little memory (``ulimit -v``
is enough), and that may compute for ever on a specification that makes no sense. Neither must take a finished training
run with it, so a child draws, and is ended where it takes too long. It is started with the first picture and serves
all; a second one is started where two pictures are asked for at a time.

    parent  one line of JSON: [kind, specification]
    child   one line with the number of bytes, and the bytes; or -1 and a line that says why there are none
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from typing import Any, Literal

from rnn_lm.errors import UserError

Kind = Literal["svg", "png", "library"]
SECONDS = 60.0
"""How long one picture may take; usual ones take a tenth of a second."""
AT_A_TIME = min(2, os.cpu_count() or 1)
"""Pictures that are drawn at a time, at most: as many processes, each of some hundred MB."""


class DrawingFailed(UserError):
    """A figure could not be drawn."""


class _Child:
    """A process that draws, for one caller at a time; started when needed, and again after its end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def draw(self, kind: Kind, spec: dict[str, Any], seconds: float) -> bytes:
        process = self._started()
        late = threading.Event()
        timer = threading.Timer(seconds, lambda: (late.set(), process.kill()))
        timer.start()
        try:
            return self._answer(process, json.dumps([kind, spec]).encode() + b"\n")
        except (OSError, EOFError, ValueError) as error:
            self.close()
            why = f"took over {seconds:g} seconds" if late.is_set() else "ended the process that drew it"
            raise DrawingFailed(f"a figure cannot be drawn: it {why}; is memory limited (ulimit -v)?") from error
        finally:
            timer.cancel()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-c", "from rnn_lm.report.drawing import serve; serve()"]
            pipe = subprocess.PIPE
            # A session of its own, so that Ctrl-C ends a sweep in its own time and not its last picture before it.
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True, env=_environment()
            )
            atexit.register(self.close)
        return self._process

    @staticmethod
    def _answer(process: subprocess.Popen[bytes], question: bytes) -> bytes:
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018 (both are pipes)
        process.stdin.write(question)
        process.stdin.flush()
        length = int(process.stdout.readline() or b"none")
        if length < 0:
            raise DrawingFailed(f"a figure cannot be drawn: {process.stdout.readline().decode().strip()}")
        content = process.stdout.read(length)
        if len(content) < length:
            raise EOFError
        return content

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(OSError):
                process.communicate()


def _environment() -> dict[str, str]:
    """What the child needs to find this package wherever the parent found it."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


_FREE: queue.LifoQueue[_Child] = queue.LifoQueue()
"""Children that draw nothing now, the last one used on top: a second one is not started before it is needed."""
for _ in range(AT_A_TIME):
    _FREE.put(_Child())


def draw(kind: Kind, spec: dict[str, Any], seconds: float = SECONDS) -> bytes:
    """A Vega-Lite specification as an SVG or PNG file; or, whatever the specification, the library that draws in pages.

    Raises:
        DrawingFailed: it could not be drawn, or not within ``seconds``.
    """
    child = _FREE.get()
    try:
        return child.draw(kind, spec, seconds)
    finally:
        _FREE.put(child)


def serve() -> None:
    """Draw what is asked for on standard input until it ends: what the child does."""
    import vl_convert

    answers = sys.stdout.buffer
    for line in sys.stdin.buffer:
        kind, spec = json.loads(line)
        try:
            if kind == "png":
                content = vl_convert.vegalite_to_png(spec, scale=2)
            elif kind == "svg":
                content = vl_convert.vegalite_to_svg(spec).encode()
            else:
                content = vl_convert.javascript_bundle().encode()  # pyright: ignore[reportCallIssue] (the stub)
        except Exception as error:  # whatever it is, the parent says it
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            answers.write(b"-1\n" + reason.encode("utf-8", "replace") + b"\n")
        else:
            answers.write(f"{len(content)}\n".encode() + content)
        answers.flush()
