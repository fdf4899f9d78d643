"""Who is answered at all, and how much: keys, pages, names, sizes, numbers; what is counted and what is logged."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from rnn_lm.errors import UserError
from rnn_lm.serve.config import ServeConfig
from rnn_lm.serve.server import open_socket, with_key


def ask(client: Any, path: str = "/v1/models", **headers: str) -> int:
    return client.http.get(path, headers=headers).status_code


def test_a_server_without_a_key_answers_under_its_own_names_and_pages_alone(client):
    assert ask(client) == 200
    for name in ("localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "LOCALHOST"):
        assert ask(client, host=name) == 200
    for name in ("evil.example", "127.0.0.1.evil.example:8000", "", "localhost.", "[::1", "x@localhost"):
        assert ask(client, host=name) == 403, name
    for origin in ("https://evil.example", "null", "http://localhost.evil.example", "http://[", "file://"):
        assert ask(client, origin=origin) == 403, origin
    assert ask(client, host="localhost:80", origin="http://localhost:80") == 200
    answer = client.http.post("/v1/sessions", json={}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_headers_that_come_all_at_once_have_a_limit_as_well(client):
    assert ask(client, x="a" * 20_000) == 200
    assert ask(client, x="a" * 40_000) == 400


def test_pages_that_are_allowed_may_ask(server_with):
    page = "https://good.example"
    client = server_with(origins=(page,), hosts=("lab.example",))
    asked = client.http.options("/v1/completions", headers={"origin": page, "access-control-request-method": "POST"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == page
    assert client.http.get("/v1/models", headers={"origin": page}).headers["access-control-allow-origin"] == page
    assert ask(client, origin="https://good.example.evil") == 403
    assert ask(client, host="lab.example:8000") == 200


def test_a_key_is_wanted_where_there_is_one(server_with):
    client = server_with(api_key="secret")
    assert ask(client) == 401
    assert ask(client, authorization="Bearer wrong") == 401
    assert ask(client, authorization="Basic secret") == 401
    assert ask(client, authorization="Bearer secret") == 200
    assert ask(client, authorization="Bearer secret", host="anything.example") == 200
    assert ask(client, "/metrics") == 401
    assert ask(client, "/health") == 200
    assert client.http.get("/v1/models").json()["error"]["type"] == "authentication_error"
    assert "secret" not in "".join(client.lines)


def test_other_machines_need_a_key(monkeypatch, tmp_path):
    monkeypatch.delenv("RNN_LM_API_KEY", raising=False)
    assert with_key(ServeConfig()).api_key is None
    for host in ("0.0.0.0", "::", "192.0.2.1", "lab.example"):
        with pytest.raises(UserError, match="add --api-key"):
            with_key(ServeConfig(host=host))
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert with_key(ServeConfig(host=host)).host == host
    (tmp_path / "key").write_text("from file\n")
    assert with_key(ServeConfig(host="0.0.0.0", api_key=f"@{tmp_path / 'key'}")).api_key == "from file"
    monkeypatch.setenv("RNN_LM_API_KEY", "from environment")
    assert with_key(ServeConfig(host="0.0.0.0")).api_key == "from environment"
    (tmp_path / "key").write_text("")
    with pytest.raises(UserError, match="the file is empty"):
        with_key(ServeConfig(api_key=f"@{tmp_path / 'key'}"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": 70000}, "--port 70000: must be 0 to 65535"),
        ({"streams": 0}, "--streams must be at least 1"),
        ({"api_key": ""}, "--api-key must not be empty"),
        ({"origins": ("example.org",)}, "write scheme and host"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(UserError, match=re.escape(message)):
        ServeConfig(**settings)


def test_a_port_that_is_taken_and_an_address_that_is_nowhere():
    with open_socket(ServeConfig(port=0)) as taken, pytest.raises(UserError, match="is taken by another program"):
        open_socket(ServeConfig(port=taken.getsockname()[1]))
    with pytest.raises(UserError, match="--host"):
        open_socket(ServeConfig(host="192.0.2.1"))


def test_what_is_too_large_is_refused_before_it_is_read(server_with):
    client = server_with(body_bytes=2000, prompt_tokens=50, completion_tokens=20)
    assert "larger than 2,000 bytes" in client.refused(413, prompt="a" * 3000)

    def parts() -> Any:
        for _ in range(100):
            yield b" " * 1000

    assert client.http.post("/v1/completions", content=parts()).status_code == 413
    assert "50 are the most" in client.refused(413, prompt="a " * 60)
    assert "20 are the most" in client.refused(400, max_tokens=21)
    assert client.complete(prompt="a", max_tokens=20)["finish_reason"] == "length"


def test_more_than_there_is_room_for_is_told_to_wait(server_with):
    client = server_with(streams=2, waiting=2, completion_tokens=10**7, request_seconds=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(client.service.engine), "load", 3)
        answer = client.http.post("/v1/completions", json={"prompt": "a", "n": 2})
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["error"]["type"] == "rate_limit_error"
    assert "4 are the most" in client.refused(400, n=5)
    assert client.post("/v1/completions", prompt="a", n=4, max_tokens=3)["usage"]["completion_tokens"] == 12
    answer = client.http.post("/v1/completions", json={"prompt": "a", "max_tokens": 10**7})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    answer = client.http.post("/v1/completions", json={"prompt": "a", "max_tokens": 10**7, "stream": True})
    assert '"code": "timeout"' in answer.text
    client.service.ending = True
    assert "the server is ending" in client.refused(503, prompt="a")
    assert ask(client, "/health") == 503


def test_what_people_write_is_not_logged(client):
    client.lines.clear()
    client.complete(prompt="XYZZY the cat", max_tokens=3)
    client.refused(404, model="XYZZY")
    client.http.get("/v1/models/XYZZY?XYZZY=1", headers={"user-agent": "XYZZY", "x-request-id": "XYZZY"})
    client.http.request("XYZZY", "/XYZZY")
    lines = [json.loads(line) for line in client.lines]
    assert len(lines) == 4
    assert "XYZZY" not in "".join(client.lines)
    assert lines[0]["route"] == "/v1/completions"
    assert (lines[0]["model"], lines[0]["completion_tokens"], lines[0]["status"]) == ("lstm", 3, 200)


def test_counts_are_as_prometheus_reads_them(client):
    client.complete(prompt="a cat", max_tokens=3)
    text = client.http.get("/metrics").text
    line = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? (\d+(\.\d+)?(e-?\d+)?)')
    for one in text.splitlines():
        assert one.startswith(("# HELP ", "# TYPE ")) or line.fullmatch(one), one
    assert re.search(r'rnn_lm_tokens_drawn_total\{model="lstm"\} \d+', text)
    assert 'rnn_lm_request_seconds_bucket{le="+Inf"}' in text
    assert re.search(r"rnn_lm_streams 0\n", text)
    names = [one.split()[2] for one in text.splitlines() if one.startswith("# TYPE")]
    assert len(set(names)) == len(names)
