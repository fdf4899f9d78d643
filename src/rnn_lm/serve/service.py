"""What all routes of a server share: its models, its engine, its sessions, its counts."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from rnn_lm.config import GenerationConfig
from rnn_lm.errors import UserError
from rnn_lm.serve.config import ServeConfig
from rnn_lm.serve.engine import Engine
from rnn_lm.serve.errors import ApiError
from rnn_lm.serve.jobs import Job, Sampling
from rnn_lm.serve.metrics import Gauge, Metrics
from rnn_lm.serve.relay import Relay, Sink
from rnn_lm.serve.schemas import Writing
from rnn_lm.serve.served import Models, ServedModel
from rnn_lm.serve.sessions import Sessions
from rnn_lm.serve.writing import Prompt

_SHORT = 20_000
"""Characters of text that are cut at once; longer ones are cut in another thread, others answered meanwhile."""
_FORGET_EVERY = 30.0
"""Seconds between two looks for sessions that are over."""


class Service:
    """A server without its routes.

    Args:
        models: to be served.
        config: limits.

    Raises:
        UserError: the folder of the sessions cannot be used.
    """

    def __init__(self, models: Models, config: ServeConfig) -> None:
        self.models, self.config, self.metrics = models, config, Metrics()
        self.sessions = Sessions(models, config)
        self.relay = Relay()
        self.engine = Engine(models, config.streams, self.metrics, self.relay.flush)
        self.ending = False
        self.metrics.gauges += [
            Gauge("rnn_lm_streams", "Texts that are read or written.", lambda: self.engine.under_way),
            Gauge("rnn_lm_streams_waiting", "Texts that wait.", lambda: self.engine.load - self.engine.under_way),
            Gauge("rnn_lm_sessions", "Sessions that are kept.", lambda: len(self.sessions)),
            Gauge("rnn_lm_session_bytes", "Memory that states of sessions take.", lambda: self.sessions.bytes),
        ]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Inside, the engine runs, and old sessions are forgotten."""
        self.engine.start()
        forgetting = asyncio.create_task(self._forget())
        try:
            yield
        finally:
            forgetting.cancel()
            await asyncio.to_thread(self.engine.stop)

    async def _forget(self) -> None:
        while True:
            await asyncio.sleep(_FORGET_EVERY)
            self.sessions.forget_old()

    def model(self, name: str | None) -> ServedModel:
        """Return the model of that name; raises ``ApiError`` where there is none."""
        try:
            return self.models.find(name)
        except UserError as error:
            raise ApiError(404, str(error), "model", "model_not_found") from error

    async def prompt(self, model: ServedModel, given: str | Sequence[int], name: str = "prompt") -> Prompt:
        """Return what a request gives to be read.

        Raises:
            ApiError: an id is none of the model's, or it is too long.
        """
        if isinstance(given, str):
            if any("\ud800" <= character <= "\udfff" for character in given):
                raise ApiError(400, f"{name}: holds half of a surrogate pair, which is no character", name)
            work = (Prompt.of_text, given, model.codec)
            prompt = await asyncio.to_thread(*work) if len(given) > _SHORT else Prompt.of_text(given, model.codec)
        else:
            size = model.lm.vocabulary_size
            if wrong := [index for index in given if index >= size]:
                raise ApiError(400, f"{name}: {wrong[0]} is no token of {model.name}, which has 0 to {size - 1}", name)
            prompt = Prompt.of_ids(given, model.codec)
        most = self.config.prompt_tokens
        if len(prompt.ids) > most:
            raise ApiError(
                413, f"{name}: {len(prompt.ids):,} tokens, where {most:,} are the most; feed a session part by part",
                name, "context_length_exceeded",
            )  # fmt: skip
        return prompt

    def sampling(self, body: Writing, index: int = 0, seed: int | None = None) -> Sampling:
        """Return how a choice is drawn.

        Raises:
            ApiError: more tokens are asked for than there may be.
        """
        length = 16 if body.max_tokens is None else body.max_tokens
        most = self.config.completion_tokens
        if length > most:
            raise ApiError(
                400, f"max_tokens: {length:,}, where {most:,} are the most; go on in a session", "max_tokens"
            )
        temperature = 1.0 if body.temperature is None else body.temperature
        config = GenerationConfig(
            length=max(1, length), temperature=temperature, top_k=body.top_k, top_p=body.top_p, allow_unk=body.allow_unk
        )
        given = body.seed if body.seed is not None else seed
        return Sampling(
            length, config, secrets.randbits(62) if given is None else given, index, body.sentences, body.logprobs,
            bool(body.echo), body.policy,
        )  # fmt: skip

    @contextlib.contextmanager
    def submitted(self, jobs: Sequence[Job]) -> Iterator[None]:
        """Inside, the engine works on jobs; those that are not finished at the end are given up.

        Raises:
            ApiError: there are too many already, or the server is ending.
        """
        room = self.config.streams + self.config.waiting
        if self.ending:
            raise ApiError(503, "the server is ending; try again, or another one", code="ending", retry_after=5)
        if len(jobs) > room:
            raise ApiError(
                400, f"{len(jobs):,} completions in one request, where {room:,} are the most; send fewer", "prompt"
            )
        if self.engine.load + len(jobs) > room:
            raise ApiError(
                429,
                f"{self.engine.load:,} completions are under way or wait; try again",
                code="overloaded",
                retry_after=1,
            )
        if not self.engine.alive:
            raise ApiError(500, "the engine has stopped; the server must be started again", code="engine_stopped")
        self.engine.submit(jobs)
        try:
            yield
        finally:
            for job in jobs:
                job.cancelled = True

    def job(self, model: ServedModel, prompt: Prompt, sampling: Sampling, sink: Sink, **more: Any) -> Job:
        """Return a job whose news go to ``sink``; ``more``: see ``Job``."""

        def tell(job: Job, what: Any) -> None:
            self.relay.telling(sink, job, what)

        ids = more.pop("before", None)
        if ids is None:
            ids = [] if prompt.ids[:1] == [model.eos_id] else [model.eos_id]
        return Job(model, [*ids, *prompt.ids], more.get("state"), sampling, more.get("writer"), tell, more.get("echo"))
