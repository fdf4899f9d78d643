"""A server as it runs: clients of others, hostile clients, signals."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from export_cases import LINES, neural
from refusals import refused
from rnn_lm.evaluation.perplexity import score_text

from .conftest import Process


def memory_of(process: Process) -> int:
    line = next(one for one in Path(f"/proc/{process.process.pid}/status").read_text().splitlines() if "VmRSS" in one)
    return int(line.split()[1])


def connected(process: Process) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", process.port), timeout=10)
    opened.settimeout(10)
    return opened


def answer_of(opened: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    parts = []
    while part := opened.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_the_openai_client(process):
    openai = pytest.importorskip("openai", reason="openai is not installed: pip install 'rnn-lm[interop]'")
    client = openai.OpenAI(base_url=f"{process.url}/v1", api_key="none")
    assert [model.id for model in client.models.list()] == ["lstm"]
    whole = client.completions.create(model="lstm", prompt="the cat", max_tokens=8, seed=1, logprobs=2, echo=True)
    stream = client.completions.create(
        model="lstm", prompt="the cat", max_tokens=8, seed=1, logprobs=2, echo=True, stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    chunks = list(stream)
    parts = [chunk.choices[0] for chunk in chunks[:-1]]
    assert "".join(part.text for part in parts) == whole.choices[0].text
    assert [one for part in parts for one in part.logprobs.token_logprobs] == whole.choices[0].logprobs.token_logprobs
    assert chunks[-1].usage == whole.usage
    with pytest.raises(openai.NotFoundError, match="unknown model"):
        client.completions.create(model="other", prompt="a")
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.completions.create(model="lstm", prompt="a", temperature=-1)
    with pytest.raises(openai.NotFoundError, match="no chat"):
        client.chat.completions.create(model="lstm", messages=[{"role": "user", "content": "a"}])


HARNESS = """
import json, sys
from lm_eval.api.instance import Instance
from lm_eval.models.openai_completions import LocalCompletionsAPI
url, pairs, texts = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
model = LocalCompletionsAPI(model="lstm", base_url=url + "/v1/completions", tokenizer_backend="remote", batch_size=3)
def ask(kind, arguments):
    return [Instance(request_type=kind, doc={}, arguments=one, idx=index) for index, one in enumerate(arguments)]
scores = model.loglikelihood(ask("loglikelihood", [tuple(one) for one in pairs]))
rolling = model.loglikelihood_rolling(ask("loglikelihood_rolling", [(one,) for one in texts]))
written = model.generate_until(ask("generate_until", [("the cat", {"until": ["."], "max_gen_toks": 6})]))
print(json.dumps([scores, rolling, written]))
"""


@pytest.mark.slow
def test_lm_evaluation_harness(process):
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'rnn-lm[interop]'")
    pytest.importorskip(
        "tenacity", reason="what lm-eval asks servers with is not installed: pip install 'lm-eval[api]'"
    )
    stored = neural("lstm")
    pairs = [["", "the cat sees fish ."], ["the old man", " loves the sea ."]]
    text = "\n".join(LINES) + "\n"
    done = subprocess.run(
        [sys.executable, "-c", HARNESS, process.url, json.dumps(pairs), json.dumps([text])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    scores, rolling, written = json.loads(done.stdout.splitlines()[-1])
    lines = [stored.codec.tokens("the cat sees fish ."), stored.codec.tokens("the old man loves the sea .")]
    each = [score_text(stored.model, stored.vocabulary.encode_text([line], 1), "sentence").nll_n for line in lines]
    assert scores[0][0] == pytest.approx(-each[0][:-1].sum(), abs=1e-4)
    assert scores[1][0] == pytest.approx(-each[1][3:-1].sum(), abs=1e-4)
    whole = stored.vocabulary.encode_text([stored.codec.tokens(line) for line in LINES], 1)
    assert rolling[0] == pytest.approx(-score_text(stored.model, whole, "stream").nll_n.sum(), abs=1e-3)
    assert len(written) == 1


def test_clients_that_say_no_http_are_told_so(process):
    for content, status in [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64, b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"403"),
        (b"GET /\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 100_000 + b"\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: 1\r\n" % n for n in range(10_000)) + b"\r\n", b"400"),
        (b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: -5\r\n\r\n", b"400"),
        (b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999999\r\n\r\n", b"413"),
        (b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: " + b"9" * 19 + b"\r\n\r\n", b"413"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", b"404"),
        (
            b"GET /v1/sessions/..%2f..%2fetc%2fpasswd/state HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
            b"404",
        ),
        (b"GET http://evil.example/ HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n", b"403"),
    ]:
        with connected(process) as opened:
            try:
                opened.sendall(content)
                found = answer_of(opened)
            except (ConnectionResetError, BrokenPipeError):
                found = b"HTTP/1.1 400 reset"  # it did not read on to the end of what is too long
        assert found.split(b" ")[1] == status, (content[:60], found[:200])
    assert httpx.get(f"{process.url}/health").status_code == 200


def test_clients_that_ask_slowly_lose_their_place(process):
    opened = [connected(process) for _ in range(20)]
    for one in opened[:10]:
        one.sendall(b"GET / HTTP/1.1\r\nhost: lo")  # half of a request; the others send nothing at all
    half = connected(process)
    half.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
    assert httpx.get(f"{process.url}/health").status_code == 200
    for one in opened:
        with one, contextlib.suppress(ConnectionResetError):
            assert answer_of(one) == b""
    with half:
        assert b" 408 " in answer_of(half)
    assert 'dropped_total{reason="slow_request"}' in httpx.get(f"{process.url}/metrics").text


def test_clients_that_read_slowly_or_leave_lose_their_place(process):
    before = memory_of(process)
    body = json.dumps({"prompt": "the", "max_tokens": 4096, "n": 50, "stream": True, "logprobs": 5}).encode()
    head = b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    opened = connected(process)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    opened.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
    leaving = connected(process)
    leaving.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
    leaving.recv(100)
    leaving.close()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if "rnn_lm_streams 0\n" in httpx.get(f"{process.url}/metrics", timeout=30).text:
            break
        time.sleep(0.1)
    text = httpx.get(f"{process.url}/metrics", timeout=30).text
    opened.close()
    assert "rnn_lm_streams 0\n" in text
    assert 'dropped_total{reason="slow_reader"} 1' in text
    assert memory_of(process) < before + 60_000


def test_a_server_that_is_told_to_end_finishes_what_it_streams(runs):
    server = Process(str(runs / "lstm"))
    body: dict[str, Any] = {"prompt": "the", "max_tokens": 300, "stream": True}
    with httpx.stream("POST", f"{server.url}/v1/completions", json=body, timeout=30) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.process.send_signal(signal.SIGTERM)
        rest = [line for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    assert len(rest) >= 290
    _, log = server.process.communicate(timeout=30)
    assert server.process.returncode == 0
    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [event["event"] for event in events] == ["listening", "ending", "request", "ended"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "serve needs at least one model folder"),
        (["nowhere"], "nowhere"),
        (["RUN", "RUN"], "given twice"),
        (["RUN", "--host", "0.0.0.0"], "add --api-key"),
        (["RUN", "--port", "1x"], "--port '1x' is not a whole number"),
        (["RUN", "--hots", "a"], "did you mean --hosts"),
        (["RUN", "--state-dir", "RUN/run.json"], "run.json"),
    ],
)
def test_first_mistakes_are_answered_with_the_mend(capsys, monkeypatch, runs, arguments, message):
    monkeypatch.delenv("RNN_LM_API_KEY", raising=False)
    here = [one.replace("RUN", str(runs / "lstm")) for one in arguments]
    port = [] if "--port" in arguments else ["--port", "0"]
    assert message in refused(capsys, "serve", *here, *port)


def test_a_missing_extra_is_named(capsys, monkeypatch, runs):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert "pip install 'rnn-lm[serve]'" in refused(capsys, "serve", str(runs / "lstm"))
