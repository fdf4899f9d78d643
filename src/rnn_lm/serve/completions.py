"""OpenAI's completions, whole and as a stream.

What is read first is ``<eos>``, as before every text; a prompt of ids that begins with it is taken as it is. The
log-probabilities are those of the model as it is, in nats, before temperature and whatever else: the numbers that
``rnn-lm evaluate`` adds up. The first token of a prompt has one, too (it is predicted from ``<eos>``), unless it is the
``<eos>`` itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rnn_lm.serve.errors import ApiError
from rnn_lm.serve.jobs import Job, Outcome
from rnn_lm.serve.relay import Sink
from rnn_lm.serve.schemas import CompletionRequest, Ids, Writing
from rnn_lm.serve.served import ServedModel
from rnn_lm.serve.service import Service
from rnn_lm.serve.writing import Piece, Prompt, Token, Writer

Ended = Callable[[Outcome], Awaitable[None]]


class Answer:
    """One request's completions while they come.

    Args:
        service: that works on it.
        request: that asked.
        body: what it asked for.
        model: that answers.
        jobs: a job per choice, in the order of the choices.
        sink: where they tell.
        prompt_tokens: that were given.
        ended: is awaited with the outcome of a session's job before the answer ends.

    Attributes:
        held: is let go when the answer has ended, however it ends: a session.
    """

    def __init__(
        self, service: Service, request: Request, body: Writing, model: ServedModel, jobs: Sequence[Job], sink: Sink,
        prompt_tokens: int, ended: Ended | None = None,
    ) -> None:  # fmt: skip
        self.service, self.request, self.body, self.model = service, request, body, model
        self.jobs, self.sink, self.prompt_tokens, self._ended = jobs, sink, prompt_tokens, ended
        self._index = {id(job): index for index, job in enumerate(jobs)}
        self._open, self._noted = len(jobs), False
        self._asked = time.monotonic()
        self.held = contextlib.ExitStack()
        self.facts: dict[str, Any] = {
            "id": f"cmpl-{secrets.token_hex(12)}", "object": "text_completion", "created": int(time.time()),
            "model": model.name,
        }  # fmt: skip

    @property
    def usage(self) -> dict[str, int]:
        """Tokens given and drawn."""
        drawn = sum(len(job.outcome.drawn) for job in self.jobs)
        return {
            "prompt_tokens": self.prompt_tokens, "completion_tokens": drawn, "total_tokens": self.prompt_tokens + drawn,
        }  # fmt: skip

    async def pieces(self) -> AsyncIterator[list[tuple[int, Piece]]]:
        """Yield what comes, of which choice; several at a time where they came meanwhile.

        Raises:
            ApiError: it takes too long, or nothing can be drawn.
            ClientGone: nobody waits for it any more.
        """
        finished: set[int] = set()
        until = self._asked + self.service.config.request_seconds
        while self._open:
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    await self.sink.wait()
            except TimeoutError:
                raise ApiError(
                    503, f"not finished after {self.service.config.request_seconds} s; ask for less, or later",
                    code="timeout", retry_after=5,
                ) from None  # fmt: skip
            if self.sink.gone:
                raise ClientGone
            some: list[tuple[int, Piece]] = []
            while self.sink.told:
                job, what = self.sink.told.popleft()
                index = self._index[id(job)]
                if isinstance(what, Outcome):
                    await self._end(what)
                    if index not in finished:
                        some.append((index, Piece("", [], "length")))
                else:
                    self._note_first()
                    some.append((index, what))
                    finished |= {index} if what.finish else set()
            if some:
                yield some

    def _note_first(self) -> None:
        if not self._noted:
            self._noted = True
            self.service.metrics.first.observe(time.monotonic() - self._asked)

    async def _end(self, outcome: Outcome) -> None:
        self._open -= 1
        if outcome.failure is not None:
            raise ApiError(500 if outcome.failure.startswith("this is a bug") else 400, outcome.failure)
        if self._ended is not None:
            await self._ended(outcome)

    def choice(self, index: int, piece: Piece) -> dict[str, Any]:
        """A choice, or a part of it, as it is answered."""
        logprobs = None if self.body.logprobs is None else self._log_probs(piece.tokens)
        return {"index": index, "text": piece.text, "logprobs": logprobs, "finish_reason": piece.finish}

    def _log_probs(self, tokens: Sequence[Token]) -> dict[str, Any]:
        names = self.model.stored.vocabulary.tokens
        return {
            "tokens": [names[token.id] for token in tokens],
            "token_logprobs": [_number(token.log_prob) for token in tokens],
            "top_logprobs": [
                None if token.top is None else {names[index]: _number(value) for index, value in token.top}
                for token in tokens
            ],
            "text_offset": [token.offset for token in tokens],
        }

    def log(self) -> None:
        """Let the log know what came of it."""
        self.request.scope.setdefault("rnn_lm.log", {}).update(model=self.model.name, **self.usage)

    async def whole(self) -> Response:
        """Answer when all of it is there."""
        watching = asyncio.create_task(watch(self.request, self.sink))
        found = [Piece("") for _ in self.jobs]
        try:
            with self.service.submitted(self.jobs):
                async for some in self.pieces():
                    for index, piece in some:
                        one = found[index]
                        one.text, one.finish = one.text + piece.text, piece.finish or one.finish
                        one.tokens.extend(piece.tokens)
        except ClientGone:
            return Response(status_code=499)
        finally:
            watching.cancel()
            self.held.close()
            self.log()
        choices = [self.choice(index, piece) for index, piece in enumerate(found)]
        return JSONResponse({**self.facts, "choices": choices, "usage": self.usage})

    def stream(self) -> Response:
        """Answer as it comes."""
        return EventStream(self)

    async def events(self) -> AsyncIterator[bytes]:
        """The stream's events; such as come together are given together."""
        options = self.body.stream_options
        counted = options is not None and options.include_usage
        facts = {**self.facts, "usage": None} if counted else self.facts
        begin = _json(facts)[:-1] + ', "choices": ['
        async for some in self.pieces():
            yield "".join(f"data: {begin}{_json(self.choice(*one))}]}}\n\n" for one in some).encode()
        if counted:
            yield f"data: {_json({**self.facts, 'choices': [], 'usage': self.usage})}\n\n".encode()
        yield b"data: [DONE]\n\n"


class ClientGone(Exception):
    """Whoever asked has closed the connection."""


class EventStream(Response):
    """Sends an answer as server-sent events."""

    media_type = "text/event-stream"

    def __init__(self, answer: Answer) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        self._answer = answer
        del self.headers["content-length"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        answer = self._answer
        watching = asyncio.create_task(watch(answer.request, answer.sink))
        try:
            with answer.service.submitted(answer.jobs):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                try:
                    async for event in answer.events():
                        await send({"type": "http.response.body", "body": event, "more_body": True})
                except ApiError as error:  # the status has been sent: the client is told in the stream
                    answer.request.scope.setdefault("rnn_lm.log", {}).update(error=error.code or str(error.status))
                    await send(
                        {"type": "http.response.body", "body": b"data: " + error.body + b"\n\n", "more_body": True}
                    )
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ClientGone:
            answer.request.scope.setdefault("rnn_lm.log", {}).update(error="client_gone")
        finally:
            watching.cancel()
            answer.held.close()
            answer.log()


async def watch(request: Request, sink: Sink) -> None:
    """Note when the client leaves."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    sink.leave()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None if value is None else -1e9


def prompts_of(given: str | Sequence[Any]) -> list[str | Ids]:
    """Return the prompts of a request: one or several, as text or ids."""
    if isinstance(given, str):
        return [given]
    if not given or isinstance(given[0], int):
        return [list(given)]
    return list(given)


def stops_of(body: Writing) -> list[str]:
    """Return the strings that end an answer."""
    return [body.stop] if isinstance(body.stop, str) else body.stop or []


def echo_of(prompt: Prompt) -> Piece:
    """Return a prompt as it is answered with ``echo``."""
    return Piece(prompt.text, [Token(index, at) for index, at in zip(prompt.ids, prompt.offsets, strict=True)])


async def complete(service: Service, request: Request, body: CompletionRequest) -> Response:
    """Answer a request for completions.

    Raises:
        ApiError: it cannot be answered as it asks.
    """
    model = service.model(body.model)
    count = body.n or 1
    if body.best_of not in (None, count):
        raise ApiError(400, "best_of: must equal n: all that is drawn is answered", "best_of")
    given = prompts_of(body.prompt)
    room = service.config.streams + service.config.waiting
    if len(given) * count > room:
        raise ApiError(400, f"{len(given) * count:,} completions in one request, where {room:,} are the most", "prompt")
    sink, seed, jobs, total = Sink(), secrets.randbits(62), [], 0
    for one in given:
        prompt = await service.prompt(model, one)
        total += len(prompt.ids)
        for index in range(count):
            sampling = service.sampling(body, index, seed)
            writer = Writer(model.codec, prompt.ids, prompt.text, len(prompt.text), stops_of(body))
            echo = echo_of(prompt) if sampling.echo else None
            jobs.append(service.job(model, prompt, sampling, sink, writer=writer, echo=echo))
    answer = Answer(service, request, body, model, jobs, sink, total)
    return answer.stream() if body.stream else await answer.whole()
