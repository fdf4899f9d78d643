"""What the server counts, as Prometheus reads it (text format, version 0.0.4)."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

TIMES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets that seconds are counted in."""


class Counter:
    """A number that only grows, for each combination of labels."""

    def __init__(self, name: str, about: str) -> None:
        self.name, self.about = name, about
        self._values: dict[tuple[tuple[str, str], ...], float] = {}
        self._lock = threading.Lock()

    def add(self, amount: float, **labels: str) -> None:
        """Add to it."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            self._values[key] = self._values.get(key, 0) + amount

    @property
    def total(self) -> float:
        """Over all labels."""
        return sum(self._values.values())

    def lines(self) -> Iterator[str]:
        """Yield it as Prometheus reads it."""
        yield f"# HELP {self.name} {self.about}"
        yield f"# TYPE {self.name} counter"
        for key, value in sorted(self._values.copy().items()):
            yield f"{self.name}{_labels(key)} {_number(value)}"


class Gauge:
    """A number that is looked up when it is asked for."""

    def __init__(self, name: str, about: str, value: Callable[[], float]) -> None:
        self.name, self.about, self.value = name, about, value

    def lines(self) -> Iterator[str]:
        """Yield it as Prometheus reads it."""
        yield f"# HELP {self.name} {self.about}"
        yield f"# TYPE {self.name} gauge"
        yield f"{self.name} {_number(self.value())}"


class Histogram:
    """Seconds, counted by how long they were."""

    def __init__(self, name: str, about: str, bounds: Sequence[float] = TIMES) -> None:
        self.name, self.about, self.bounds = name, about, tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._lock = threading.Lock()

    def observe(self, seconds: float) -> None:
        """Count one."""
        bucket = next((at for at, bound in enumerate(self.bounds) if seconds <= bound), len(self.bounds))
        with self._lock:
            self._counts[bucket] += 1
            self._sum += seconds

    def lines(self) -> Iterator[str]:
        """Yield it as Prometheus reads it."""
        yield f"# HELP {self.name} {self.about}"
        yield f"# TYPE {self.name} histogram"
        below = 0
        for bound, count in zip((*self.bounds, None), list(self._counts), strict=True):
            below += count
            yield f'{self.name}_bucket{{le="{"+Inf" if bound is None else bound}"}} {below}'
        yield f"{self.name}_sum {_number(self._sum)}"
        yield f"{self.name}_count {below}"


class Metrics:
    """All that is counted."""

    def __init__(self) -> None:
        self.requests = Counter("rnn_lm_requests_total", "Requests answered, by route and status.")
        self.read = Counter("rnn_lm_tokens_read_total", "Tokens of prompts and sessions that were read.")
        self.drawn = Counter("rnn_lm_tokens_drawn_total", "Tokens that were drawn.")
        self.failures = Counter("rnn_lm_engine_failures_total", "Errors of the engine, which are bugs.")
        self.dropped = Counter("rnn_lm_connections_dropped_total", "Connections that were ended, by why.")
        self.rounds = Histogram("rnn_lm_round_seconds", "A step of everything under way.")
        self.first = Histogram("rnn_lm_first_token_seconds", "From a request to its first token.")
        self.took = Histogram("rnn_lm_request_seconds", "From a request to the end of its answer.")
        self.gauges: list[Gauge] = [Gauge("process_resident_memory_bytes", "Memory of the process.", resident_memory)]

    def text(self) -> str:
        """Return all of it."""
        counted = (self.requests, self.read, self.drawn, self.failures, self.dropped)
        parts = [*counted, self.rounds, self.first, self.took, *self.gauges]
        return "".join(f"{line}\n" for part in parts for line in part.lines())


def resident_memory() -> int:
    """Return the bytes of memory that the process holds; where the system does not say, the most that it ever held."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def _labels(key: tuple[tuple[str, str], ...]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in key) + "}" if key else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
