"""The server answers its own page and nobody else; the command answers mistakes in a line."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from explorer.conftest import TEXT
from export_cases import baseline, neural, save_run
from refusals import refused
from rnn_lm.errors import UserError
from rnn_lm.explorer.answers import Explorer
from rnn_lm.explorer.page import PARTS
from rnn_lm.explorer.server import MOST_BYTES, Server
from rnn_lm.explorer.texts import texts_to_read


@pytest.fixture(scope="module")
def server(explorer: Explorer) -> Iterator[Server]:
    with Server(explorer, [TEXT], 0) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def asked(server: Server, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    kind = {"Content-Type": "application/json"} if data is not None else {}
    try:
        connection.request(
            method, path, data, {**kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
        )
        response = connection.getresponse()
        content = response.read()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        return response.status, json.loads(content) if response.headers[
            "Content-Type"
        ] == "application/json" else content
    finally:
        connection.close()


def test_the_page_and_its_parts_are_served(server: Server) -> None:
    for name in ("", *PARTS):
        status, content = asked(server, "GET", f"/{name}")
        assert (status, bool(content)) == (200, True)
    assert asked(server, "GET", "/../answers.py")[0] == 404
    assert asked(server, "GET", "/__init__.py")[0] == 404
    assert asked(server, "GET", "//etc/passwd")[0] == 404


def test_pages_of_others_are_refused(server: Server) -> None:
    port = server.server_port
    for headers in ({"Host": "evil.example"}, {"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"},
                    {"Origin": "null"}, {"Origin": f"https://127.0.0.1:{port}"}):  # fmt: skip
        assert asked(server, "POST", "/api/about", {}, **headers)[0] == 403
        assert asked(server, "GET", "/", **headers)[0] == 403
    assert asked(server, "POST", "/api/about", {}, Origin=f"http://localhost:{port}")[0] == 200
    assert asked(server, "POST", "/api/about", {}, Content_Type="text/plain")[0] == 415


@pytest.mark.parametrize(
    ("question", "body", "said"),
    [
        ("read", {"text": ""}, None),
        ("read", {"text": 3}, "a text is a string"),
        ("read", b"{", "no JSON"),
        ("read", b"[" * 100_000, "no JSON"),
        ("read", [], "an object"),
        ("states", {"text": "the", "model": 9}, "no model number 9"),
        ("states", {"text": "the", "model": 3}, "no hidden states"),
        ("states", {"text": "the", "model": True}, "whole number"),
        ("gradients", {"text": "the", "model": 3, "at": 0}, "no gradient"),
        ("gradients", {"text": "the cat", "model": 0, "at": 2}, "no token number 3"),
        ("ablate", {"text": "the", "model": 0, "layer": 0, "units": ["x"]}, "whole numbers"),
        ("ablate", {"text": "the", "model": 0, "layer": 7, "units": [0]}, "no layer 8"),
        ("next", {"model": 0, "ids": [-1]}, "whole numbers from 0"),
        ("next", {"model": 0, "ids": [3] * 2001}, "2,000"),
        ("corpus", {"model": 3}, None),
    ],
)
def test_questions_that_cannot_be_answered_are_said_in_a_line(
    server: Server, question: str, body: Any, said: str | None
):
    status, answer = asked(server, "POST", f"/api/{question}", body)
    if said is None:
        assert status == 200
    else:
        assert status == 400
        assert said in answer["error"]
        assert "\n" not in answer["error"]


def test_what_is_no_question_or_too_long_is_refused(server: Server) -> None:
    assert asked(server, "POST", "/api/nothing", {})[0] == 404
    assert asked(server, "POST", "/api/read", b"x" * (MOST_BYTES + 1))[0] == 413


def test_answers_are_those_of_the_functions(server: Server, explorer: Explorer) -> None:
    status, answer = asked(server, "POST", "/api/read", {"text": TEXT})
    assert status == 200
    assert answer == json.loads(json.dumps(explorer.answer("read", {"text": TEXT})))
    assert [sorted(each) for each in answer["models"]][3][-1] == "unknown"
    assert "seen" in answer["models"][3]
    assert answer["models"][3]["seen"][1][0]["count"] > 0
    _, sample = asked(server, "POST", "/api/corpus", {"model": 0})
    assert set(sample["layers"][0]) == {"hidden", "cell"}
    tokens, units = sample["layers"][0]["hidden"]["shape"]
    assert (units, tokens % sample["stretch"]) == (8, 0)
    assert len(sample["layers"][0]["hidden"]["scale"]) == units


def test_two_models_of_one_name_are_told_apart() -> None:
    explorer = Explorer([neural("gru"), neural("gru"), neural("lstm")])
    assert explorer.names == ["gru (1)", "gru (2)", "lstm"]


def test_a_model_without_a_corpus_at_hand_still_reads() -> None:
    explorer = Explorer([baseline(), neural("gru")])  # of "my.txt", which is nowhere
    answer = explorer.answer("read", {"text": TEXT})
    assert answer["models"][0]["seen"][1][0]["count"] is None
    assert texts_to_read(explorer, (), None, None) == []
    with pytest.raises(UserError, match="not at hand"):
        explorer.answer("corpus", {"model": 1})


def test_sentences_of_valid_are_shown_where_no_text_is_given(explorer: Explorer, tmp_path: Path) -> None:
    found = texts_to_read(explorer, (), None, None)
    assert found
    assert all(text.strip() for text in found)
    (tmp_path / "x.txt").write_text("the cat .\nit sees fish .\n", encoding="utf-8")
    given = texts_to_read(explorer, ("the sea",), tmp_path / "x.txt", None)
    assert given == ["the sea", "the cat .\nit sees fish ."]


def test_probes_are_asked_once(explorer: Explorer) -> None:
    found = explorer.answer("probes", {"model": 0})
    assert found is explorer.answer("probes", {"model": 0})
    assert [layer["signal"] for layer in found["layers"]] == ["cell", "cell"]
    assert all(np.isfinite(row["weights"]).all() for layer in found["layers"] for row in layer["probes"])


def test_mistakes_are_answered_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = save_run(neural("gru"), tmp_path / "gru")
    (tmp_path / "there.html").write_text("x", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, said in {
            (): "at least one model",
            (str(tmp_path / "nothing"),): "nothing",
            (str(run), "--text", ""): "no word in the text",
            (str(run), "--file", str(tmp_path / "no.txt")): "no such file",
            (str(run), "--file", str(tmp_path)): "is a folder",
            (str(run), "--text", "the", "--port", port): "is in use",
            (str(run), "--port", "99999"): "ports are 0 to 65535",
            (str(run), "--sample", "0"): "--sample must be at least 1",
            (str(run), "--text", "the", "--export", str(tmp_path / "there.html")): "--overwrite",
            (str(run), "--export", str(tmp_path / "p.html"), "--port", "3"): "--port",
            (str(run), "--encoding", "cp1252"): "--file",
            (str(run), "--light"): "--export",
        }.items():
            assert said in refused(capsys, "explore", *arguments)
