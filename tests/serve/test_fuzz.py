"""Requests made up from the server's own schema: none is answered with an error of the server's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Client

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed: pip install 'rnn-lm[interop]'"
)


def fuzz(served: Any, examples: int) -> int:
    """Send requests of every kind that the schema knows; how many were sent."""
    client = Client(served, completion_tokens=20, prompt_tokens=500, streams=64, waiting=64, sessions=50)
    sent = 0
    with client.http, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = client.post("/v1/sessions", text="the cat")["id"]
        schema = schemathesis.openapi.from_dict(client.http.get("/openapi.json").json())
        for found in schema.get_all_operations():
            sent += send(client, found.ok(), session, examples)
        assert client.service.engine.alive
        assert client.service.metrics.failures.total == 0
    return sent


def send(client: Client, operation: Any, session: str, examples: int) -> int:
    """Requests of one kind, such as the schema allows and such as it does not; how many."""
    kinds = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
    cases = st.one_of([operation.as_strategy(generation_mode=kind) for kind in kinds])
    sent = 0

    no_checks: Any = list(HealthCheck)

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=no_checks, derandomize=True)
    @given(st.data())
    def one(data: Any) -> None:
        nonlocal sent
        case = data.draw(cases)
        case.headers = {}  # of a request's own headers none is read but those of the guard
        if "session_id" in (case.path_parameters or {}) and data.draw(st.booleans()):
            case.path_parameters["session_id"] = session
        answer = client.http.request(**case.as_transport_kwargs(base_url="http://127.0.0.1"))
        sent += 1
        assert answer.status_code < 500, (case.as_curl_command(), answer.text[:300])

    one()
    return sent


def test_a_few_requests_of_every_kind(served):
    assert fuzz(served, 2) >= 20


@pytest.mark.slow
def test_many_requests_of_every_kind(served):
    assert fuzz(served, 60) >= 600
