"""What stands before the routes: whether a request may be answered at all, how large it is, and that it is counted.

Whoever reads the web beside a server on the same machine may visit a page that sends requests to it, under the server's
address, or under a name that leads to it since a minute ago (DNS rebinding). So a request that says from which page it
comes is refused unless that page is the server's own or allowed; and a server without a key answers under the names of
this machine alone.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from rnn_lm.serve.config import LOOPBACK
from rnn_lm.serve.errors import ApiError
from rnn_lm.serve.log import Log
from rnn_lm.serve.protocol import MOST_HEADERS
from rnn_lm.serve.service import Service

_OPEN = ("/health",)
"""Answered without a key: whoever watches over the server asks here."""
_METHODS = b"GET, POST, PUT, DELETE, OPTIONS"


class Guard:
    """An ASGI application around another.

    Args:
        app: what answers in the end.
        service: limits and counts.
        log: a line for each request.
    """

    def __init__(self, app: Any, service: Service, log: Log) -> None:
        self._app, self._service, self._config, self._log = app, service, service.config, log
        self._names = {*LOOPBACK, self._config.host, *self._config.hosts}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        allowed = origin if origin in self._config.origins else None
        request_id = secrets.token_hex(8)

        async def sending(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                more = [(b"x-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff")]
                if allowed is not None:
                    more += [(b"access-control-allow-origin", allowed.encode()), (b"vary", b"origin")]
                message = {**message, "headers": [*message.get("headers", []), *more]}
            await send(message)

        try:
            await self._answer(scope, headers, receive, sending)
        except ApiError as error:
            await _refuse(error, sending)
        finally:
            self._count(scope, request_id, status, time.monotonic() - began)

    async def _answer(self, scope: Any, headers: dict[bytes, str], receive: Any, send: Any) -> None:
        # h11 limits what is incomplete; headers that come all at once it takes at any length.
        if (
            len(scope["raw_path"] or b"") + sum(len(name) + len(value) for name, value in scope["headers"])
            > MOST_HEADERS
        ):
            raise ApiError(400, "more than 32 KB of headers", code="headers_too_large")
        self._require_name(headers)
        self._require_page(headers)
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            more = [
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", b"authorization, content-type"),
            ]
            await send({"type": "http.response.start", "status": 204, "headers": more})
            await send({"type": "http.response.body", "body": b""})
            return
        if scope["path"] not in _OPEN:
            self._require_key(headers)
        body = await self._body(headers, receive)
        given = False

        async def receiving() -> Any:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receiving, send)

    def _require_name(self, headers: dict[bytes, str]) -> None:
        """Refuse a name that is not this machine's, where there is no key that a foreign page could not know."""
        if self._config.api_key is None or self._config.hosts:
            name = _host(headers.get(b"host", ""))
            if name not in self._names:
                raise ApiError(
                    403,
                    f"asked for as {name[:80]!r}, which is none of the names of this server; see --hosts",
                    code="wrong_host",
                )

    def _require_page(self, headers: dict[bytes, str]) -> None:
        origin = headers.get(b"origin")
        if origin is None or origin in self._config.origins:
            return
        try:
            same = urlsplit(origin).netloc.lower() == headers.get(b"host", "").lower() != ""
        except ValueError:
            same = False
        if not same:
            raise ApiError(403, f"pages of {origin[:80]!r} may not ask this server; see --origins", code="wrong_origin")

    def _require_key(self, headers: dict[bytes, str]) -> None:
        key = self._config.api_key
        if key is None:
            return
        kind, _, given = headers.get(b"authorization", "").partition(" ")
        good = hmac.compare_digest(given.strip().encode("latin-1"), key.encode())
        if kind.lower() != "bearer" or not good:
            raise ApiError(401, "this server wants its key: authorization: Bearer KEY", code="invalid_api_key")

    async def _body(self, headers: dict[bytes, str], receive: Any) -> bytes:
        """All of a request's body, unless it is too large or too slow."""
        most, parts, size = self._config.body_bytes, [], 0
        told = headers.get(b"content-length", "0")
        if told.isdigit() and int(told[:20]) > most:
            raise _too_large(most)
        try:
            async with asyncio.timeout(self._config.idle_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(499, "the client has gone", code="client_gone")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > most:
                        raise _too_large(most)
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            raise ApiError(
                408, f"the request was not complete after {self._config.idle_seconds} s", code="too_slow"
            ) from None

    def _count(self, scope: Any, request_id: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        method = scope["method"] if scope["method"] in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD") else "other"
        self._service.metrics.requests.add(1, method=method, route=route, status=str(status))
        self._service.metrics.took.observe(seconds)
        facts = {"id": request_id, "method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
        self._log.write("request", **facts, **scope.get("rnn_lm.log", {}))


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"the request is larger than {most:,} bytes; send less at a time", code="too_large")


def _host(value: str) -> str:
    """The name in a Host header, without its port."""
    if value.startswith("["):
        name, closed, _ = value[1:].partition("]")
        return name.lower() if closed else value
    return value.rpartition(":")[0].lower() if value.rpartition(":")[2].isdigit() and ":" in value else value.lower()


async def _refuse(error: ApiError, send: Any) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(error.body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in error.headers.items()]
    if error.status in (408, 413):  # what is still to come of the request is not waited for
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": error.body})
