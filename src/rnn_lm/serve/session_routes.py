"""Sessions: texts that are read once, and gone on with as often as one likes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response

from rnn_lm.errors import UserError
from rnn_lm.serve.completions import Answer, echo_of, stops_of, watch
from rnn_lm.serve.errors import ApiError
from rnn_lm.serve.jobs import Outcome, Sampling
from rnn_lm.serve.relay import Sink
from rnn_lm.serve.schemas import Feed, NewSession, SessionCompletionRequest
from rnn_lm.serve.service import Service
from rnn_lm.serve.states import Session, TextState
from rnn_lm.serve.writing import Prompt, Writer

_FILE = "application/octet-stream"
_SOMETHING = "x"
"""Stands for the text of a session before an empty prompt: of it only the tokens are kept, which know their spaces."""


def session_routes(service: Service) -> APIRouter:
    """Return the routes below ``/v1/sessions``."""
    router, sessions = APIRouter(prefix="/v1/sessions"), service.sessions

    def facts(session: Session) -> dict[str, Any]:
        text = sessions.text_of(session)
        return {
            "id": session.id, "object": "session", "model": session.model, "tokens": text.tokens,
            "characters": text.characters, "bytes": text.bytes, "created": int(session.created),
            "expires": int(session.used) + service.config.session_seconds,
        }  # fmt: skip

    @router.post("", status_code=201)
    async def make(request: Request, body: NewSession) -> dict[str, Any]:
        text = TextState.new(service.model(body.model))
        prompt = await service.prompt(text.model, body.text, "text")
        return facts(await sessions.make(await _read(service, request, text, prompt)))

    @router.get("/{session_id}")
    async def look(session_id: str) -> dict[str, Any]:
        return facts(sessions.find(session_id))

    @router.post("/{session_id}/feed")
    async def feed(request: Request, session_id: str, body: Feed) -> dict[str, Any]:
        session = sessions.find(session_id)
        prompt = await service.prompt(sessions.model_of(session), body.text, "text")
        with sessions.taken(session) as text:
            await sessions.keep(session, await _read(service, request, text, prompt))
        return facts(session)

    @router.post("/{session_id}/completions", response_model=None)
    async def go_on(request: Request, session_id: str, body: SessionCompletionRequest) -> Response:
        return await _go_on(service, request, sessions.find(session_id), body)

    @router.post("/{session_id}/fork", status_code=201)
    async def fork(session_id: str) -> dict[str, Any]:
        return facts(await sessions.make(sessions.text_of(sessions.find(session_id))))

    @router.get("/{session_id}/state", response_class=Response, responses={200: {"content": {_FILE: {}}}})
    async def state(session_id: str) -> Response:
        return Response(sessions.text_of(sessions.find(session_id)).to_file(), media_type=_FILE)

    @router.put(
        "/{session_id}/state",
        openapi_extra={"requestBody": {"content": {_FILE: {"schema": {"type": "string", "format": "binary"}}}}},
    )
    async def put(request: Request, session_id: str) -> dict[str, Any]:
        content, session = await request.body(), sessions.find(session_id)
        try:
            found = TextState.from_file(content, sessions.model_of(session))
        except UserError as error:
            raise ApiError(400, str(error), code="state_refused") from error
        with sessions.taken(session):
            await sessions.keep(session, found)
        return facts(session)

    @router.delete("/{session_id}")
    async def delete(session_id: str) -> dict[str, Any]:
        sessions.delete(sessions.find(session_id))
        return {"id": session_id, "object": "session.deleted", "deleted": True}

    return router


async def _read(service: Service, request: Request, text: TextState, prompt: Prompt) -> TextState:
    """A text after some more was read."""
    if not prompt.ids:
        return text
    sink = Sink()
    job = service.job(text.model, prompt, Sampling(length=0), sink, before=[text.tail[-1]], state=text.on_device())
    watching = asyncio.create_task(watch(request, sink))
    try:
        with service.submitted([job]):
            async with asyncio.timeout(service.config.request_seconds):
                await sink.wait()
    except TimeoutError:
        raise ApiError(
            503, "the text was not read in time; feed less at a time", code="timeout", retry_after=5
        ) from None
    finally:
        watching.cancel()
    if not sink.told:
        raise ApiError(499, "the client has gone", code="client_gone")
    if job.outcome.failure is not None:
        raise ApiError(500, job.outcome.failure)
    return text.after(job.outcome.state, prompt.ids, len(prompt.text))


async def _go_on(service: Service, request: Request, session: Session, body: SessionCompletionRequest) -> Response:
    """Write on in a session, which is held until the answer has ended; one that is broken off leaves it as it was."""
    sessions, model = service.sessions, service.sessions.model_of(session)
    prompt, sampling = await service.prompt(model, body.prompt), service.sampling(body)
    with contextlib.ExitStack() as held:
        text = held.enter_context(sessions.taken(session))
        prompt = replace(prompt, offsets=[text.characters + at for at in prompt.offsets])
        sink, begin = Sink(), text.characters + len(prompt.text)
        writer = Writer(model.codec, [*text.tail, *prompt.ids], prompt.text or _SOMETHING, begin, stops_of(body))
        echo = echo_of(prompt) if sampling.echo else None
        more = {"before": [text.tail[-1]], "state": text.on_device(), "writer": writer, "echo": echo}
        job = service.job(model, prompt, sampling, sink, **more)

        async def ended(outcome: Outcome) -> None:
            ids = [*prompt.ids, *outcome.drawn]
            await sessions.keep(session, text.after(outcome.state, ids, len(prompt.text) + writer.written))

        answer = Answer(service, request, body, model, [job], sink, len(prompt.ids), ended)
        answer.held = held.pop_all()
    return answer.stream() if body.stream else await answer.whole()
