"""Fuzzing a reader: well-formed files changed at random must be read, or refused with our one line.

A reader is given as a function of a path. Each example is a file: bytes mutated here, or JSON mutated as a value, which
stays well-formed and so gets past the parser to what checks the content. A reader may return anything or raise
``UserError``; any other exception, an example of over ``SLOWEST`` seconds, or memory beyond ``MEMORY`` fails the test.

    @pytest.mark.slow
    def test_word_vectors(tmp_path):
        fuzz(lambda path: read_vectors(path, vocabulary, 3), mutated_bytes(WELL_FORMED), tmp_path / "v.txt")

A minute each in ``make test-slow``; ``RNN_LM_FUZZ_SECONDS`` asks for more or less.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from rnn_lm.errors import UserError

SECONDS = float(os.environ.get("RNN_LM_FUZZ_SECONDS", "60"))
"""How long each reader is tried."""
SLOWEST = 10
"""Seconds in which a file of some kB must have been read or refused."""
MEMORY = 2 << 30
"""Bytes that one reading may add to what the process has."""


class TooSlow(Exception):
    """A reading has not ended in time. No ``TimeoutError``: that is an ``OSError``, which readers turn into a line."""


_TOKENS = (
    b"\0", b"\xff", b"\r", b"\n", b"\t", b" ", b"\xef\xbb\xbf", b"\x1f\x8b", b"PK\x03\x04", b"nan", b"inf", b"-inf",
    b"1e999", b"-1", b"0", b"9" * 30, b"9" * 5000, b"{}", b"[]", b"null", b'"', b"\\", b"<unk>", b"<eos>", b"\x80\x04",
)  # fmt: skip


@st.composite
def mutated_bytes(draw: st.DrawFn, *originals: bytes) -> bytes:
    """One of ``originals`` after one to eight edits: flips, cuts, repeats, and pieces that often hurt."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["flip", "cut", "end", "repeat", "token", "bytes"]))
        length = draw(st.integers(1, 64))
        if kind == "flip" and place < len(data):
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[place : place + length]
        elif kind == "end":
            del data[place:]
        elif kind == "repeat":
            data[place:place] = bytes(data[place : place + length]) * draw(st.integers(1, 4))
        elif kind == "token":
            data[place : place + draw(st.sampled_from([0, 1, 4]))] = draw(st.sampled_from(_TOKENS))
        else:
            data[place:place] = draw(st.binary(max_size=16))
    return bytes(data)


_ODD_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.sampled_from([-1, 0, 1, 2**31, 2**63, 2**64, 10**30, 10**400]),
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([1e308, -1e308, 5e-324]), st.text(max_size=8),
    st.sampled_from(["", "nan", "<script>alert(1)</script>", "../../x", "/dev/null", "\0", "a" * 5000]),
    st.sampled_from([[], {}, [[]], [None], {"": None}]),
)  # fmt: skip


@st.composite
def mutated_json(draw: st.DrawFn, original: Any) -> bytes:
    """``original`` as JSON with one to four entries replaced, removed, added, or put in each other's place."""
    value = json.loads(json.dumps(original))
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(value))
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        kind = draw(st.sampled_from(["replace", "replace", "remove", "add", "swap"]))
        if kind == "replace":
            container[key] = deepcopy(draw(_ODD_VALUES))
        elif kind == "remove":
            del container[key]
        elif kind == "swap":
            other, other_key = draw(st.sampled_from(places))
            container[key] = json.loads(json.dumps(other[other_key]))
        elif isinstance(container, list):
            container.insert(key, deepcopy(draw(_ODD_VALUES)))
        else:
            container[draw(st.text(max_size=8))] = deepcopy(draw(_ODD_VALUES))
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every entry of a JSON value as its container and key."""
    keys: Sequence[Any] = list(value) if isinstance(value, dict | list) else []
    keys = range(len(value)) if isinstance(value, list) else keys
    for key in keys:
        yield value, key
        yield from _places(value[key])


def fuzz(
    read: Callable[[Path], object],
    contents: st.SearchStrategy[bytes],
    path: Path,
    allowed: tuple[type[Exception], ...] = (),
    seconds: float = SECONDS,
) -> int:
    """Write each example to ``path`` and ``read`` it, for about ``seconds``; returns how many were tried.

    Args:
        read: the reader.
        contents: of the file.
        path: where it is written; its folder exists.
        allowed: exceptions besides ``UserError`` that the reader is documented to raise.
        seconds: how long.
    """
    tried, deadline = 0, time.monotonic() + seconds

    @settings(
        max_examples=100,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        phases=(Phase.generate, Phase.shrink),
    )
    @hypothesis.given(contents)
    def one_round(content: bytes) -> None:
        nonlocal tried
        tried += 1
        path.write_bytes(content)
        with limits(), contextlib.suppress(UserError, *allowed):
            read(path)

    while tried == 0 or time.monotonic() < deadline:
        hypothesis.seed(tried)(one_round)()
    return tried


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """Inside, an example that hangs or takes memory without end becomes a ``TooSlow`` or ``MemoryError``."""

    def too_slow(*_: object) -> None:
        raise TooSlow(f"over {SLOWEST} seconds for one file")

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    previous = signal.signal(signal.SIGALRM, too_slow)
    resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY, hard))
    signal.setitimer(signal.ITIMER_REAL, SLOWEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        signal.signal(signal.SIGALRM, previous)
