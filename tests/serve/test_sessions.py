"""Sessions: read once, gone on with, forked, taken elsewhere and back; kept over a restart, and in bounds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from .test_completions import MODELS, streamed

TEXT = "the old man loves the sea .\nthe cat"


def new(client: Any, model: str = "lstm", text: str = TEXT) -> str:
    return client.post("/v1/sessions", model=model, text=text)["id"]


@pytest.mark.parametrize("model", MODELS)
def test_a_session_goes_on_as_the_whole_text_would(client, model):
    expected = client.complete(model=model, prompt=TEXT + " sees", max_tokens=9, seed=3, logprobs=1)
    session = new(client, model, "the old man loves")
    client.post(f"/v1/sessions/{session}/feed", text=" the sea .\nthe")
    fork = client.post(f"/v1/sessions/{session}/fork")["id"]
    for one in (session, fork):
        body = {"prompt": " cat sees", "max_tokens": 9, "seed": 3, "logprobs": 1}
        found = client.post(f"/v1/sessions/{one}/completions", **body)["choices"][0]
        assert found["text"] == expected["text"]
        assert found["logprobs"]["tokens"] == expected["logprobs"]["tokens"]
        assert found["logprobs"]["text_offset"] == expected["logprobs"]["text_offset"]
        assert found["logprobs"]["token_logprobs"] == pytest.approx(expected["logprobs"]["token_logprobs"], abs=1e-5)
    facts = client.http.get(f"/v1/sessions/{session}").json()
    assert facts["characters"] == len(TEXT + " sees" + expected["text"])
    assert facts["tokens"] == 11 + 9


def test_what_is_written_is_part_of_the_text(client):
    whole = client.complete(prompt=TEXT, max_tokens=12, temperature=0)["text"]
    session, text = new(client), ""
    for _ in range(4):
        text += client.post(f"/v1/sessions/{session}/completions", max_tokens=3, temperature=0)["choices"][0]["text"]
    assert text == whole
    again = new(client)
    choices, _ = streamed(client, f"/v1/sessions/{again}/completions", max_tokens=12, temperature=0)
    assert choices[0]["text"] == whole
    assert client.http.get(f"/v1/sessions/{again}").json()["tokens"] == 10 + 12


@pytest.mark.parametrize("model", MODELS)
def test_a_state_is_taken_out_and_put_back_to_the_bit(client, model):
    session = new(client, model)
    address = f"/v1/sessions/{session}"
    state = client.http.get(f"{address}/state").content
    first = client.post(f"{address}/completions", seed=1, max_tokens=9, logprobs=2)["choices"]
    other = new(client, model, "")
    assert client.http.put(f"/v1/sessions/{other}/state", content=state).status_code == 200
    assert parts(client.http.get(f"/v1/sessions/{other}/state").content) == parts(state)
    assert client.post(f"/v1/sessions/{other}/completions", seed=1, max_tokens=9, logprobs=2)["choices"] == first
    assert len(state) < 20_000
    assert client.http.delete(address).json()["deleted"]
    assert client.http.get(address).status_code == 404


def changed(state: bytes, **changes: Any) -> bytes:
    tensors = {**load(state), **changes}
    return save({name: one for name, one in tensors.items() if one is not None}, facts_of(state))


def parts(state: bytes) -> Any:
    """What a file holds; safetensors writes the facts in its header in any order."""
    return facts_of(state), {name: (one.dtype, one.tolist()) for name, one in load(state).items()}


def facts_of(state: bytes) -> dict[str, str]:
    from rnn_lm.serve.states import header_of

    return header_of(state)


def test_a_state_that_is_not_the_models_is_refused(client):
    session = new(client)
    state = client.http.get(f"/v1/sessions/{session}/state").content
    attention = new(client, "attention")
    grown = client.http.get(f"/v1/sessions/{attention}/state").content
    uneven = changed(grown, **{"state.0": load(grown)["state.0"][:, :, 1:].contiguous()})
    for number, (one, content, message) in enumerate(
        [
            (new(client, "gru"), state, "another model's"),
            (session, b"", "not the state"),
            (session, b"\xff" * 100, "not the state"),
            (session, (10**9).to_bytes(8, "little") + b"{}", "not the state"),
            (session, state[:-3], "damaged"),
            (session, changed(state, tail=torch.tensor([10**6])), "damaged"),
            (session, changed(state, tail=torch.tensor([1.0])), "damaged"),
            (session, changed(state, tail=torch.tensor([], dtype=torch.int64)), "damaged"),
            (session, changed(state, **{"state.0": torch.full((2, 1, 8), torch.nan)}), "damaged"),
            (session, changed(state, **{"state.0": torch.zeros(2, 1, 9)}), "damaged"),
            (session, changed(state, **{"state.1": None}), "damaged"),
            (attention, uneven, "damaged"),
        ]
    ):
        answer = client.http.put(f"/v1/sessions/{one}/state", content=content)
        assert answer.status_code == 400, (number, message)
        assert message in answer.json()["error"]["message"]
    assert parts(client.http.get(f"/v1/sessions/{session}/state").content) == parts(state)


@pytest.mark.parametrize(
    "name", ["x", "..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "0" * 32, "0" * 31 + "/", "A" * 32, "é" * 32, "%00" * 32]
)
def test_a_name_that_is_none_leads_nowhere(client, name):
    for method, end in [("GET", ""), ("GET", "/state"), ("DELETE", ""), ("POST", "/fork"), ("PUT", "/state")]:
        assert client.http.request(method, f"/v1/sessions/{name}{end}").status_code in (404, 405)


def test_a_session_is_of_one_request_at_a_time(client):
    session = client.service.sessions.find(new(client))
    with client.service.sessions.taken(session):
        assert "at work on this session" in client.refused(409, f"/v1/sessions/{session.id}/feed", text="a")
        assert "at work" in client.refused(409, f"/v1/sessions/{session.id}/completions", stream=True)
    client.post(f"/v1/sessions/{session.id}/feed", text="a")
    before = client.http.get(f"/v1/sessions/{session.id}/state").content
    client.refused(400, f"/v1/sessions/{session.id}/completions", max_tokens=10**6)
    assert parts(client.http.get(f"/v1/sessions/{session.id}/state").content) == parts(before)
    assert not session.busy


def test_states_survive_a_restart(server_with, tmp_path):
    first = server_with(state_dir=tmp_path / "states")
    session = new(first)
    text = first.post(f"/v1/sessions/{session}/completions", max_tokens=5, seed=1)["choices"][0]["text"]
    state = first.http.get(f"/v1/sessions/{session}/state").content
    gone = new(first)
    first.http.delete(f"/v1/sessions/{gone}")
    (tmp_path / "states" / "ab").mkdir(exist_ok=True)
    (tmp_path / "states" / "ab" / ("ab" * 16 + ".safetensors")).write_bytes(b"no state")
    second = server_with(state_dir=tmp_path / "states")
    assert len(second.service.sessions) == 1
    assert parts(second.http.get(f"/v1/sessions/{session}/state").content) == parts(state)
    assert second.http.get(f"/v1/sessions/{session}").json()["characters"] == len(TEXT + text)
    more = [server.post(f"/v1/sessions/{session}/completions", seed=2)["choices"] for server in (first, second)]
    assert more[0] == more[1]


def test_as_many_are_kept_as_there_is_room_for(server_with, tmp_path):
    client = server_with(sessions=3)
    names = [new(client) for _ in range(3)]
    assert client.http.get(f"/v1/sessions/{names[0]}").status_code == 200
    names.append(new(client))
    status = [client.http.get(f"/v1/sessions/{name}").status_code for name in names]
    assert status == [200, 404, 200, 200]
    kept = server_with(state_dir=tmp_path, session_megabytes=1)
    kept.service.sessions._config = kept.service.config.__class__(state_dir=tmp_path)
    object.__setattr__(kept.service.sessions._config, "session_megabytes", 0.001)
    names = [new(kept) for _ in range(8)]
    assert kept.service.sessions.bytes <= 1000 < 8 * 300
    assert [kept.http.get(f"/v1/sessions/{name}").status_code for name in names] == [200] * 8


def test_a_session_is_over_when_nobody_has_asked_for_it(server_with):
    client = server_with(session_seconds=100)
    session = new(client)
    client.service.sessions.find(session).used -= 101
    client.service.sessions.forget_old()
    assert len(client.service.sessions) == 0
    assert client.service.sessions.bytes == 0
    assert client.http.get(f"/v1/sessions/{session}").status_code == 404


def test_a_million_tokens_are_held_as_a_few(client, lstm):
    from rnn_lm.serve.states import TextState

    text = TextState.new(lstm)
    for _ in range(20):
        text = text.after(text.state, [5] * 50_000, 100)
    assert text.tokens == 1_000_000
    assert text.bytes < 2 * 2 * 8 * 4 + 8 * 514
    client.service.sessions.delete(asyncio.run(client.service.sessions.make(text)))


def test_requests_that_are_interleaved_keep_apart(client):
    alone = {seed: client.complete(prompt=f"the cat {'sees it ' * (seed % 5)}", seed=seed)["text"] for seed in range(6)}
    sessions = {seed: new(client, text=f"the cat {'sees it ' * (seed % 5)}".strip()) for seed in range(6)}
    found = {
        seed: client.post(f"/v1/sessions/{sessions[seed]}/completions", seed=seed)["choices"][0]["text"]
        for seed in reversed(range(6))
    }
    assert {seed: text.lstrip() for seed, text in found.items()} == {
        seed: text.lstrip() for seed, text in alone.items()
    }
