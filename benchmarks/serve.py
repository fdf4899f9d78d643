"""How many words a second a server writes for 1, 16, 256 and 1,000 streams at a time, and what a session costs.

    python benchmarks/serve.py [--run FOLDER] [--json FILE] [--figure FILE]

The server is a process of its own, the clients are this one, over HTTP, each with a connection. Without ``--run`` the
small LSTM of the demo is trained. "One by one" asks for the next text when the last one has ended. The attention model
is one of as many parameters; what it keeps of a text does not depend on what it has learned.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import altair as alt
import torch

import rnn_lm
from machine import made_here
from rnn_lm.experiments.model_runs import matched_to
from rnn_lm.files import write_json
from rnn_lm.models.families import family_of
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.report.style import save_chart

STREAMS = {1: 200, 16: 100, 256: 40, 1000: 20}
"""Streams at a time to the words that each asks for."""
IN_TURN = 10
"""Texts that are asked for one by one."""
LENGTHS = (100, 10_000, 1_000_000)
"""Tokens that a session has read."""
PART = 50_000
"""Tokens that are fed at a time."""


@dataclass
class Stream:
    """What a client saw: words, seconds to the first and to the end, and whether all came."""

    words: int
    first: float
    seconds: float
    whole: bool


class Server:
    """``rnn-lm serve`` on a free port."""

    def __init__(self, run: Path) -> None:
        command = [sys.executable, "-m", "rnn_lm", "serve", str(run), "--port", "0", "--device", "cpu"]
        self.process = subprocess.Popen(
            [*command, "--body-bytes", "10000000"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        found = re.search(r":(\d+)/v1", self.process.stdout.readline())
        if found is None:
            raise SystemExit("the server did not start")
        self.port = int(found[1])

    @property
    def memory(self) -> float:
        """MB that it holds."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Post, or get where there is no body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            content = answer.read()
        return json.loads(content) if content.startswith(b"{") else content

    def end(self) -> None:
        """Let it end."""
        self.process.terminate()
        self.process.wait(timeout=60)


async def stream(port: int, words: int, seed: int) -> Stream:
    """One text, word by word."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"prompt": "and the king said", "max_tokens": words, "seed": seed, "stream": True}).encode()
    head = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    first, found, whole = 0.0, 0, False
    while line := await reader.readline():
        if line.startswith(b"data: {"):
            first = first or time.perf_counter() - began
            found += 1
        whole = whole or line.startswith(b"data: [DONE]")
    writer.close()
    return Stream(found, first, time.perf_counter() - began, whole and found == words)


async def together(port: int, count: int, words: int) -> list[Stream]:
    """Many at a time."""
    return await asyncio.gather(*(stream(port, words, seed) for seed in range(count)))


async def in_turn(port: int, count: int, words: int) -> list[Stream]:
    """One after the other."""
    return [await stream(port, words, seed) for seed in range(count)]


def row(found: list[Stream], seconds: float) -> dict[str, Any]:
    """The figures of some streams that took so long in all."""
    first = sorted(one.first for one in found)
    return {
        "streams": len(found),
        "words": sum(one.words for one in found),
        "lost": sum(not one.whole for one in found),
        "words_per_second": sum(one.words for one in found) / seconds,
        "first_median": statistics.median(first),
        "first_p95": first[min(len(first) - 1, int(0.95 * len(first)))],
    }


def load(server: Server) -> dict[str, Any]:
    """The table of the load."""
    asyncio.run(together(server.port, 4, 10))  # warm
    rows: dict[str, Any] = {}
    for name, work in {
        "one by one": in_turn(server.port, IN_TURN, 100),
        **{str(count): together(server.port, count, words) for count, words in STREAMS.items()},
    }.items():
        before, began = server.memory, time.perf_counter()
        found = asyncio.run(work)
        rows[name] = row(found, time.perf_counter() - began) | {
            "megabytes_before": before, "megabytes_after": server.memory,
        }  # fmt: skip
        print(name, rows[name], flush=True)
    before, began = server.memory, time.perf_counter()
    again = asyncio.run(together(server.port, 1000, STREAMS[1000]))
    rows["1000 again"] = row(again, time.perf_counter() - began) | {
        "megabytes_before": before, "megabytes_after": server.memory,
    }  # fmt: skip
    print("1000 again", rows["1000 again"], flush=True)
    return rows


def session(server: Server, vocabulary: int) -> list[dict[str, Any]]:
    """What a session holds, and how fast it answers, after more and more tokens."""
    name, read = server.ask("/v1/sessions", {})["id"], 0
    random = torch.Generator().manual_seed(1)
    rows = []
    for length in LENGTHS:
        began = time.perf_counter()
        while read < length:
            count = min(PART, length - read)
            ids = torch.randint(2, vocabulary, (count,), generator=random).tolist()
            server.ask(f"/v1/sessions/{name}/feed", {"text": ids})
            read += count
        seconds = time.perf_counter() - began
        fork = server.ask(f"/v1/sessions/{name}/fork", {})["id"]
        times = []
        for seed in range(15):
            began = time.perf_counter()
            server.ask(f"/v1/sessions/{fork}/completions", {"max_tokens": 1, "seed": seed})
            times.append(time.perf_counter() - began)
        facts = server.ask(f"/v1/sessions/{name}")
        rows.append(
            {
                "tokens": facts["tokens"], "bytes": facts["bytes"], "seconds": seconds,
                "file": len(server.ask(f"/v1/sessions/{name}/state")), "answer": statistics.median(times),
                "megabytes": server.memory,
            }
        )  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def attention_bytes(run: Path) -> tuple[dict[int, int], str]:
    """What an attention model of as many parameters keeps of a text; it grows by the same with every token."""
    model = rnn_lm.load(run, progress=False)
    assert isinstance(model.lm, NeuralLanguageModel)
    size, embedding = model.lm.vocabulary_size, model.lm.embedding.embedding_dim
    # The package's own models look back at 256 positions; here at all, as a model that is to remember the text must.
    config = replace(matched_to("attention", model.lm.config, size, embedding), attention_window=4096)
    attention = family_of("attention").build(size, embedding, config, torch.Generator().manual_seed(1)).eval()

    def bytes_after(tokens: int) -> int:
        with torch.inference_mode():
            ids = torch.full((tokens, 1), 1)
            _, state = attention.score(ids, torch.full_like(ids, -1), attention.initial_state(1))
        return sum(part.numel() * part.element_size() for part in state)

    first, second, third = (bytes_after(count) for count in (500, 1000, 1500))
    assert third - second == second - first, "grows by the same"
    each = (second - first) // 500
    sizes = {length: bytes_after(length) if length < 500 else second + each * (length - 1000) for length in LENGTHS}
    return sizes, f"attention of as many parameters, {config.layers} layers of {config.hidden_size}"


def figure(found: dict[str, Any]) -> alt.LayerChart | alt.FacetChart:
    """Bytes per session by tokens read."""
    rows = [
        {"tokens": one["tokens"], "bytes": one[key], "model": label}
        for one in found["session"]
        for key, label in (("bytes", "LSTM: its state"), ("attention_bytes", "attention: keys and values"))
    ]
    words = {100: "100", 10_000: "10,000", 1_000_000: "1,000,000"}
    for one in rows:
        size = one["bytes"]
        unit = (1e9, "GB") if size >= 1e9 else (1e6, "MB") if size >= 1e6 else (1e3, "kB")
        one["text"] = f"{size / unit[0]:.3g} {unit[1]}"
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(
            "tokens:Q", title="Tokens read", scale=alt.Scale(type="log", domain=[60, 2e6]),
            axis=alt.Axis(values=list(words), format=","),
        ),
        y=alt.Y(
            "bytes:Q", title="Bytes kept of a text", scale=alt.Scale(type="log"),
            axis=alt.Axis(format="~s", values=[10.0**n for n in range(3, 11)]),
        ),
        color=alt.Color("model:N", title=None, legend=alt.Legend(orient="top")),
    )  # fmt: skip
    line = base.mark_line().encode(strokeDash=alt.StrokeDash("model:N", legend=None))
    labels = base.mark_text(dy=-12).encode(text="text:N")
    title = alt.Title("What a session keeps", subtitle=f"{found['model']}; {found['attention']}")
    return (line + base.mark_point() + labels).properties(title=title, width=560)


def measure(run: Path) -> dict[str, Any]:
    """All of it."""
    model = rnn_lm.load(run, progress=False)
    server = Server(run)
    try:
        rows = load(server)
        sessions = session(server, len(model.vocabulary))
    finally:
        server.end()
    sizes, label = attention_bytes(run)
    for one, size in zip(sessions, sizes.values(), strict=True):
        one["attention_bytes"] = size
    return {
        "model": model.kind,
        "parameters": model.parameters,
        "attention": label,
        "made": made_here(),
        "load": rows,
        "session": sessions,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Load a server, and measure what its sessions hold.")
    parser.add_argument("--run", type=Path, help="folder of a recurrent model; default: train the demo's LSTM")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = arguments.run
        if run is None:
            run = Path(folder) / "lstm"
            command = ["train", "--cell", "lstm", "--budget", "2epochs", "--out", str(run)]
            subprocess.run([sys.executable, "-m", "rnn_lm", *command], check=True)
        found = measure(run)
    if arguments.json:
        write_json(arguments.json, found)
    if arguments.figure:
        save_chart(figure(found), arguments.figure)


if __name__ == "__main__":
    main()
