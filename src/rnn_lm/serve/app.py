"""The routes of a server: what can be asked for at which address."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse

from rnn_lm.serve.completions import complete
from rnn_lm.serve.errors import ApiError
from rnn_lm.serve.guard import Guard
from rnn_lm.serve.log import Log
from rnn_lm.serve.schemas import CompletionRequest, DetokenizeRequest, TokenizeRequest
from rnn_lm.serve.served import ServedModel
from rnn_lm.serve.service import Service
from rnn_lm.serve.session_routes import session_routes
from rnn_lm.vocabulary import EOS, UNK

NO_CHAT = (
    "there is no chat here: the models go on with text, and have learned no turns of a conversation; "
    "send a prompt to /v1/completions"
)


def build_app(service: Service, log: Log | None = None) -> FastAPI:
    """Return the server's application; its engine runs while it does."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(title="rnn-lm serve", docs_url=None, redoc_url=None, lifespan=lifespan)
    _answer_errors(app)
    _add_models(app, service)
    _add_completions(app, service)
    _add_tokens(app, service)
    app.include_router(session_routes(service))
    _add_observed(app, service)
    app.add_middleware(Guard, service=service, log=log or Log(None))
    return app


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> Response:
        return Response(error.body, error.status, error.headers, "application/json")

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return await refused(_, _first_fault(error))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        return await refused(request, _no_route(app, request, error))


def _first_fault(error: RequestValidationError) -> ApiError:
    """The first thing that is wrong with a request's fields."""
    found = error.errors()
    fault = found[0]
    if fault["type"] == "json_invalid":
        return ApiError(400, f"the body is no JSON: {fault.get('ctx', {}).get('error', 'it cannot be read')}")
    place = [str(part) for part in fault["loc"] if part != "body"]
    name = place[0] if place else None
    if name is None:
        return ApiError(400, "the body must be a JSON object, with content-type: application/json")
    if fault["type"] == "extra_forbidden":
        known = sorted(CompletionRequest.model_fields)
        close = difflib.get_close_matches(name, known, n=1)
        fix = f"did you mean {close[0]!r}?" if close else "leave it out"
        return ApiError(400, f"there is no field {name[:80]!r} here: {fix}", name[:80], "unknown_field")
    return ApiError(400, f"{name[:80]}: {fault['msg'][:200]}", name[:80])


def _no_route(app: FastAPI, request: Request, error: HTTPException) -> ApiError:
    path = request.url.path
    if error.status_code == 404:
        known = sorted({str(getattr(route, "path", "")) for route in app.routes} - {""})
        close = difflib.get_close_matches(path, known, n=1, cutoff=0.5)
        return ApiError(404, f"there is nothing at {path[:200]}" + (f"; did you mean {close[0]}?" if close else ""))
    if error.status_code == 405:
        failure = ApiError(405, f"{path[:200]} does not take {request.method[:20]}")
        failure.headers.update(error.headers or {})
        return failure
    return ApiError(error.status_code, str(error.detail)[:300])


def _model_facts(model: ServedModel) -> dict[str, Any]:
    return {
        "id": model.name, "object": "model", "created": model.loaded, "owned_by": "rnn-lm",
        "vocabulary_size": model.lm.vocabulary_size, "digest": model.digest, "batch_sizes": list(model.sizes),
    }  # fmt: skip


def _add_models(app: FastAPI, service: Service) -> None:
    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model_facts(model) for model in service.models]}

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        return _model_facts(service.model(name))


def _add_completions(app: FastAPI, service: Service) -> None:
    @app.post("/v1/completions", response_model=None)
    async def completions(request: Request, body: CompletionRequest) -> Response:
        return await complete(service, request, body)

    @app.post("/v1/chat/completions", response_model=None, include_in_schema=False)
    @app.post("/v1/responses", response_model=None, include_in_schema=False)
    async def chat() -> Response:
        raise ApiError(404, NO_CHAT, code="no_chat")


def _add_tokens(app: FastAPI, service: Service) -> None:
    @app.post("/tokenize")
    async def tokenize(body: TokenizeRequest) -> dict[str, Any]:
        model = service.model(body.model)
        prompt = await service.prompt(model, body.prompt)
        given = [model.eos_id] if body.prompt == EOS else prompt.ids  # alone it is asked for by its name
        ids = [model.eos_id, *given] if body.add_special_tokens else given
        names = model.codec.vocabulary.decode(ids) if body.return_token_strs else None
        return {"count": len(ids), "max_model_len": service.config.prompt_tokens, "tokens": ids, "token_strs": names}

    @app.post("/detokenize")
    async def detokenize(body: DetokenizeRequest) -> dict[str, Any]:
        prompt = await service.prompt(service.model(body.model), body.tokens, "tokens")
        return {"prompt": prompt.text}

    @app.get("/tokenizer_info")
    async def tokenizer_info(model: str | None = None) -> dict[str, Any]:
        found = service.model(model)
        return {
            "tokenizer_class": "rnn_lm.TextCodec", "tokenization": found.codec.settings.tokens,
            "lowercase": found.codec.settings.lowercase, "vocab_size": found.lm.vocabulary_size,
            "eos_token": EOS, "bos_token": None, "unk_token": UNK, "pad_token": None, "chat_template": None,
            "model_max_length": service.config.prompt_tokens,
        }  # fmt: skip


def _add_observed(app: FastAPI, service: Service) -> None:
    @app.get("/")
    async def index() -> dict[str, Any]:
        names = [model.name for model in service.models]
        return {"server": "rnn-lm", "models": names, "completions": "/v1/completions", "schema": "/openapi.json"}

    @app.get("/health")
    async def health() -> Response:
        good = service.engine.alive and not service.ending
        state = "ok" if good else "ending" if service.ending else "the engine has stopped"
        return JSONResponse({"status": state}, 200 if good else 503)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        return PlainTextResponse(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
