"""A text that was read, as the few kilobytes that a recurrent model keeps of it, and as a file.

    state.0, state.1, ...   the model's state, of one text, after all tokens but the last
    tail                    the tokens since the last <eos>; the last of them is to be read next

The file is safetensors: it says which model's it is, and is refused where it is another's or does not fit.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.layers.state import State
from rnn_lm.serve.served import ServedModel
from rnn_lm.serve.sizes import state_is_constant
from rnn_lm.serve.writing import LONGEST_TAIL, since_eos

_FORMAT, _VERSION = "rnn_lm session", "1"


@dataclass(frozen=True)
class TextState:
    """What is kept of a text. Nothing in it is ever changed: who goes on makes another.

    Attributes:
        model: whose state it is.
        state: after all tokens but the last; on the CPU.
        tail: ids since the last ``<eos>``, at most 513; the last of them has not been read.
        tokens: that were read or written, ``<eos>`` before the first not among them.
        characters: of text that was read or written.
    """

    model: ServedModel
    state: State
    tail: tuple[int, ...]
    tokens: int = 0
    characters: int = 0

    @classmethod
    def new(cls, model: ServedModel) -> TextState:
        """Nothing read yet."""
        return cls(model, _kept(model.stepping.initial_state(1)), (model.eos_id,))

    def after(self, state: State | None, ids: list[int], characters: int) -> TextState:
        """Return what is kept after more tokens, the last of which is not read yet.

        Args:
            state: of the model, on its device; None where no token was read.
            ids: that were given or drawn.
            characters: of their text.
        """
        if not ids:
            return self
        tail = tuple(since_eos([*self.tail, *ids], self.model.eos_id)[-LONGEST_TAIL - 1 :])
        kept = self.state if state is None else _kept(state)
        return replace(
            self, state=kept, tail=tail, tokens=self.tokens + len(ids), characters=self.characters + characters
        )

    def on_device(self) -> State:
        """The state where the model is."""
        return tuple(part.to(self.model.lm.device) for part in self.state)

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        return sum(part.numel() * part.element_size() for part in self.state) + 8 * len(self.tail)

    def to_file(self, **more: str) -> bytes:
        """Return it as a file's content; ``more`` goes along in the header."""
        tensors = {f"state.{number}": part.contiguous() for number, part in enumerate(self.state)}
        facts = {
            "format": _FORMAT, "version": _VERSION, "model": self.model.digest, "tokens": str(self.tokens),
            "characters": str(self.characters), **more,
        }  # fmt: skip
        return save({**tensors, "tail": torch.tensor(self.tail)}, facts)

    @classmethod
    def from_file(cls, content: bytes, model: ServedModel) -> TextState:
        """Read it.

        Raises:
            UserError: it is no such file, another model's, or does not fit.
        """
        facts = header_of(content)
        if facts.get("format") != _FORMAT or facts.get("version") != _VERSION:
            raise UserError("not the state of a session of rnn-lm; send what GET .../state gave")
        if facts.get("model") != model.digest:
            raise UserError(f"the state is another model's, not {model.name}'s; send it to a session of its own model")
        try:
            tensors = load(content)
        except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
            raise UserError("the state is damaged; send what GET .../state gave") from error
        tail = tensors.pop("tail", None)
        counts = [facts.get(name, "") for name in ("tokens", "characters")]
        if tail is None or not _is_tail(tail, model) or not all(_is_count(one) for one in counts):
            raise UserError("the state is damaged: its tail or its counts cannot be; send what GET .../state gave")
        state = tuple(tensors.get(f"state.{number}", torch.empty(0)) for number in range(len(tensors)))
        if not _fits(state, model):
            raise UserError(
                f"the state is damaged: its tensors are none of {model.name}'s; send what GET .../state gave"
            )
        return cls(model, state, tuple(tail.tolist()), *map(int, counts))


@dataclass
class Session:
    """A text that requests go on with.

    Attributes:
        id: its name, which nobody can guess.
        text: what is kept of it; None while it is on the disk alone.
        model: the name of its model.
        created, used: in seconds since 1970.
        busy: whether a request is at work on it.
    """

    id: str
    model: str
    text: TextState | None
    created: float = field(default_factory=time.time)
    used: float = field(default_factory=time.time)
    busy: bool = False


def header_of(content: bytes) -> dict[str, Any]:
    """Return the facts in the header of a safetensors file; empty where it has none."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        return {}
    try:
        header = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError):
        return {}
    facts = header.get("__metadata__") if isinstance(header, dict) else None
    return facts if isinstance(facts, dict) else {}


def _kept(state: State) -> State:
    """A state apart from everything else: what it was cut from is not kept in memory with it."""
    return tuple(part.detach().to("cpu", copy=True).contiguous().clone() for part in state)


def _is_tail(tail: Tensor, model: ServedModel) -> bool:
    whole = tail.dtype == torch.int64 and tail.dim() == 1 and 1 <= len(tail) <= LONGEST_TAIL + 1
    return whole and int(tail.min()) >= 0 and int(tail.max()) < model.lm.vocabulary_size


def _is_count(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18


def _fits(state: State, model: ServedModel) -> bool:
    """Whether a state could be the model's: its tensors' types and sizes, and numbers that are numbers."""
    start = model.stepping.initial_state(1)
    if len(start) != len(state) or any(one.dtype != own.dtype for one, own in zip(state, start, strict=True)):
        return False
    constant = state_is_constant(model.stepping, model.eos_id)
    for one, own in zip(state, start, strict=True):
        if one.dim() != own.dim() or one.shape[constant is False :] != own.shape[constant is False :]:
            return False
        if one.is_floating_point():
            if not bool(torch.isfinite(one).all()):
                return False
        elif one.numel() and (int(one.min()) < -1 or int(one.max()) >= model.lm.vocabulary_size):
            return False
    return constant or _grows_evenly(state, model)


def _grows_evenly(state: State, model: ServedModel) -> bool:
    """Whether a state that grows is as long in all its parts as reading some tokens makes it, and can be read on."""
    with torch.inference_mode():
        try:
            token_b = torch.tensor([model.eos_id], device=model.stepping.device)
            model.stepping.step(token_b, tuple(part.to(model.stepping.device) for part in state))
        except (RuntimeError, IndexError, ValueError):
            return False
    return True
