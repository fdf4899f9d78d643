"""What requests hold: the fields of OpenAI's completions, and a few of ours."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[int, Field(ge=0, lt=2**31, strict=True)]
Ids = list[Id]
Name = Annotated[str, Field(max_length=256)]
_64_BITS = 2**63


class Body(BaseModel):
    """A request's fields; one that there is not is refused, as it would do nothing."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())


class StreamOptions(Body):
    """How a stream is written."""

    include_usage: bool = False
    include_obfuscation: bool = False


class Writing(Body):
    """How text is gone on with."""

    max_tokens: Annotated[int, Field(ge=0)] | None = 16
    temperature: Annotated[float, Field(ge=0, le=1000)] | None = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    stop: (
        Annotated[str, Field(max_length=1000)]
        | Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=64)]
        | None
    ) = None
    seed: Annotated[int, Field(ge=-_64_BITS, lt=_64_BITS)] | None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: bool | None = False
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    sentences: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """End after so many sentences."""
    allow_unk: bool = False
    """Let the model write ``<unk>``."""
    policy: Literal["stream", "sentence"] = "stream"
    """sentence: at the end of a sentence the model forgets all that it has read."""
    user: str | None = None


class CompletionRequest(Writing):
    """A request for completions."""

    model: Name | None = None
    prompt: str | Ids | list[str] | list[Ids] = ""
    n: Annotated[int, Field(ge=1, le=2048)] | None = 1
    best_of: Annotated[int, Field(ge=1, le=2048)] | None = None
    suffix: Literal[""] | None = None
    frequency_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    presence_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None


class SessionCompletionRequest(Writing):
    """The same of a session's text, which goes on with what is written."""

    prompt: str | Ids = ""


class NewSession(Body):
    """A session to begin."""

    model: Name | None = None
    text: str | Ids = ""


class Feed(Body):
    """Text that a session is to read."""

    text: str | Ids


class TokenizeRequest(Body):
    """Text to be cut; what else programs send changes nothing here."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())
    model: Name | None = None
    prompt: str
    add_special_tokens: bool = False
    return_token_strs: bool | None = False


class DetokenizeRequest(Body):
    """Ids to be written as text."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())
    model: Name | None = None
    tokens: Ids
