"""A server on this machine that fails in every way a server can."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What the server has, and how it misbehaves.

    Attributes:
        files: content by path.
        status: answer every request with this error.
        cut_after: close the connection after so many bytes of the body.
        hangs: never answer.
        knows_ranges: whether a Range is answered with a part.
        says_length: whether the length is announced.
        requests: the Range header of each request, "" where there was none.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    status: int | None = None
    cut_after: int | None = None
    hangs: bool = False
    knows_ranges: bool = True
    says_length: bool = True
    requests: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    behavior: FileServer

    def do_GET(self) -> None:
        behavior = self.behavior
        wanted = self.headers.get("Range", "")
        behavior.requests.append(wanted)
        if behavior.hangs:
            behavior.stop.wait(5)
            return
        content = behavior.files.get(self.path)
        if behavior.status is not None or content is None:
            self.send_error(behavior.status or 404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and behavior.knows_ranges else 0
        if start >= len(content):
            self.send_error(416)
            return
        self._send(content, start, is_part=bool(start))

    def _send(self, content: bytes, start: int, *, is_part: bool) -> None:
        body = content[start:]
        self.send_response(206 if is_part else 200)
        if is_part:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.behavior.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.behavior.cut_after])

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def running_server() -> Iterator[FileServer]:
    """A server that runs until the ``with`` block ends."""
    behavior = FileServer()
    running = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"behavior": behavior}))
    behavior.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield behavior
    finally:
        behavior.stop.set()
        running.shutdown()
        running.server_close()
        thread.join()
