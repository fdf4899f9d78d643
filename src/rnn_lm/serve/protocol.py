"""Connections that do not hold their place for nothing: what asks slowly, reads slowly or not at all is ended.

uvicorn waits for ever for a client that has opened a connection and sends half of a request, and for one that does not
read what it asked for. Here each has ``--idle-seconds`` for either.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from rnn_lm.serve.errors import ApiError
from rnn_lm.serve.service import Service

MOST_HEADERS = 32_768
"""Bytes of a request's line and headers."""
_RECEIVING, _SENDING = "slow_request", "slow_reader"


def guarded_protocol(service: Service) -> type[H11Protocol]:
    """Return the protocol of a server's connections."""
    config, dropped = service.config, service.metrics.dropped
    busy = ApiError(503, f"{config.connections:,} connections are open; try again", code="overloaded", retry_after=1)

    class GuardedProtocol(H11Protocol):
        """HTTP/1.1 with the time that a client may take."""

        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > config.connections:
                dropped.add(1, reason="too_many")
                transport.write(_refusal(busy))
                transport.close()
                return
            self._wait(_RECEIVING)

        def connection_lost(self, exc: Exception | None) -> None:
            self._rest()
            super().connection_lost(exc)

        def handle_events(self) -> None:
            before = self.cycle
            super().handle_events()
            if self.cycle is not before:
                self._rest()  # its headers are complete; of its body the time is taken elsewhere

        def data_received(self, data: bytes) -> None:
            idle = self.cycle is None or self.cycle.response_complete
            if idle and self._timer is None:
                self._wait(_RECEIVING)
            super().data_received(data)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._wait(_SENDING)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._rest()

        def send_400_response(self, msg: str) -> None:
            dropped.add(1, reason="no_http")
            try:
                self.transport.write(_refusal(ApiError(400, f"{msg} Send HTTP/1.1, with less than 32 KB of headers.")))
            finally:
                self.transport.close()

        def _wait(self, reason: str) -> None:
            self._rest()
            self._timer = self.loop.call_later(config.idle_seconds, self._drop, reason)

        def _rest(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _drop(self, reason: str) -> None:
            self._timer = None
            dropped.add(1, reason=reason)
            self.transport.abort()

    return GuardedProtocol


def _refusal(error: ApiError) -> bytes:
    """An answer to a connection that gets no further."""
    phrase = {400: "Bad Request", 503: "Service Unavailable"}[error.status]
    more = "".join(f"{name}: {value}\r\n" for name, value in error.headers.items())
    head = f"HTTP/1.1 {error.status} {phrase}\r\ncontent-type: application/json\r\nconnection: close\r\n{more}"
    return f"{head}content-length: {len(error.body)}\r\n\r\n".encode() + error.body
