"""The page, served to this machine alone.

Only requests that name this server as their host are answered, and questions only to its own page: a page of somebody
else's that is open in the same browser can neither read what is shown here nor put questions (DNS rebinding, forged
requests). What the page may load is this server's alone, which its policy says to the browser.
"""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from rnn_lm.errors import UserError
from rnn_lm.explorer.answers import Explorer
from rnn_lm.explorer.page import PARTS, content_of

HOST = "127.0.0.1"
MOST_BYTES = 1 << 20
"""Of a question."""
_MOST_IGNORED = 1 << 24
"""Bytes of a refused question that are read, and thrown away; of a longer one the sender is cut off."""
_SECONDS = 30
"""That a client may take to send one."""
_FIX = "give another, or --port 0 for one that is free"
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'"


class Server(ThreadingHTTPServer):
    """Serves the page and answers it.

    Args:
        explorer: answers.
        texts: that the page begins with.
        port: of this machine; 0: one that is free.

    Raises:
        UserError: the port is in use, or may not be used.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, explorer: Explorer, texts: Sequence[str], port: int) -> None:
        self.texts = list(texts)
        try:
            super().__init__((HOST, port), partial(_Handler, explorer))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UserError(f"--port {port}: is in use; {_FIX}") from error
            raise UserError(f"--port {port}: {error.strerror}; {_FIX}") from error

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"

    @property
    def names(self) -> set[str]:
        """What a request may call this server."""
        return {f"{name}:{self.server_port}" for name in (HOST, "localhost")}


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    timeout = _SECONDS

    def __init__(self, explorer: Explorer, *arguments: Any) -> None:
        self._explorer = explorer
        super().__init__(*arguments)

    @property
    def _page_server(self) -> Server:
        return cast(Server, self.server)

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].removeprefix("/") or "index.html"
        if not self._from_here():
            return
        if name == "favicon.ico":
            self._send(204, b"", "image/x-icon")
        elif name in PARTS:
            self._send(200, content_of(name), f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8")
        else:
            self._fail(404, "there is no such page here")

    def do_POST(self) -> None:
        if not self._from_here():
            return
        question = self.path.removeprefix("/api/")
        length = self.headers.get("Content-Length", "")
        if not self.path.startswith("/api/") or question not in self._explorer.questions:
            self._fail(404, "there is no such question")
        elif self.headers.get_content_type() != "application/json":
            self._fail(415, "a question is application/json")
        elif not (length.isascii() and length.isdigit()):
            self._fail(411, "a question says its length")
        elif int(length) > MOST_BYTES:
            self._fail(413, f"a question has {MOST_BYTES:,} bytes at most")
        else:
            self._answer(question, self.rfile.read(int(length)))

    def _answer(self, question: str, body: bytes) -> None:
        try:
            asked = json.loads(body)
            if not isinstance(asked, dict):
                raise UserError("a question is an object")
            answer = self._explorer.answer(question, asked)
            if question == "about":
                answer["texts"] = self._page_server.texts
        except (UserError, ValueError, RecursionError) as error:
            said = str(error) if isinstance(error, UserError) else "the question is no JSON"
            self._fail(400, said)
        else:
            self._send(200, json.dumps(answer, separators=(",", ":")).encode(), "application/json")

    def _from_here(self) -> bool:
        """Whether the request is this page's own; else it is refused."""
        names, origin = self._page_server.names, self.headers.get("Origin")
        if self.headers.get("Host") in names and origin in {None, *(f"http://{name}" for name in names)}:
            return True
        self._fail(403, "only pages of this server are answered")
        return False

    def _fail(self, status: int, message: str) -> None:
        self.close_connection = True  # what was sent with the request has not been read
        self._send(status, json.dumps({"error": message}).encode(), "application/json")
        self._let_finish()

    def _let_finish(self) -> None:
        """Take what is still being sent: who is cut off while sending never reads the answer."""
        length = self.headers.get("Content-Length", "")
        left = min(int(length), _MOST_IGNORED) if length.isascii() and length.isdigit() else 0
        with contextlib.suppress(OSError):
            while left > 0 and (block := self.rfile.read(min(left, 1 << 16))):
                left -= len(block)

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        }.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: the terminal is for what a person did."""
