"""The settings of a server."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from rnn_lm.errors import require
from rnn_lm.limits import at_least, check_numbers

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The names of this machine to itself, which other machines do not reach."""


@dataclass(frozen=True)
class ServeConfig:
    """Where a server listens, whom it answers, and how much it takes on."""

    host: str = "127.0.0.1"
    """Address to listen at. Another than this machine's own (127.0.0.1, ::1, localhost) needs --api-key."""
    port: int = 8000
    """Port to listen at; 0: one that is free."""
    api_key: str | None = None
    """What clients must send as their key; a file's with @FILE. Default: the environment's RNN_LM_API_KEY, or none."""
    origins: tuple[str, ...] = ()
    """Web pages that may ask, e.g. https://example.org; those of other sites are refused."""
    hosts: tuple[str, ...] = ()
    """Names besides --host under which clients reach it, as requests have them. Without a key others are refused."""
    streams: int = 1024
    """Texts that are written at the same time."""
    waiting: int = 1024
    """Texts that may wait for their turn; more are answered 429."""
    connections: int = 4096
    """Connections at the same time; more are answered 503."""
    prompt_tokens: int = 65_536
    """The longest prompt; a longer one is answered 413."""
    completion_tokens: int = 4096
    """The most tokens that a request may ask for."""
    body_bytes: int = 4_194_304
    """The largest request; a larger one is answered 413."""
    request_seconds: int = 600
    """The longest that a request is worked on; then it is ended with 503."""
    idle_seconds: int = 30
    """How long a client may take to send a request, or to read what has been sent; then its connection is ended."""
    grace_seconds: int = 60
    """How long answers under way may take to end after SIGTERM or Ctrl-C."""
    sessions: int = 10_000
    """Sessions that are kept; of more, those that were not used for longest are deleted."""
    session_megabytes: int = 1024
    """Memory that states of sessions may take; what was not used for longest goes to --state-dir, or is deleted."""
    session_seconds: int = 86_400
    """How long a session is kept after it was used last."""
    state_dir: Path | None = None
    """Keep the states of sessions in this folder, where they survive a restart."""

    def __post_init__(self) -> None:
        check_numbers(self)
        require(0 <= self.port <= 65_535, f"--port {self.port}: must be 0 to 65535")
        at_least(
            self, streams=1, waiting=0, connections=1, prompt_tokens=1, completion_tokens=1, body_bytes=1024,
            request_seconds=1, idle_seconds=1, grace_seconds=0, sessions=1, session_megabytes=1, session_seconds=1,
        )  # fmt: skip
        require(self.api_key != "", "--api-key must not be empty")
        for origin in self.origins:
            good = origin.startswith(("http://", "https://")) and "/" not in origin.partition("://")[2]
            require(good, f"--origins {origin}: write scheme and host, e.g. https://example.org")

    @property
    def is_local(self) -> bool:
        """Whether other machines cannot reach it."""
        if self.host in LOOPBACK:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
