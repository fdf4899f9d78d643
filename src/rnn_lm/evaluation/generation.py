"""Text from any language model, token by token, in constant memory.

Each step: log-probabilities of the next token -> ``<unk>`` struck out -> drawn from (``drawing.py``).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from rnn_lm.config import GenerationConfig
from rnn_lm.errors import UserError
from rnn_lm.evaluation.drawing import draw
from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.layers.state import State
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.stepping import for_stepping
from rnn_lm.seeding import generator
from rnn_lm.text import unknown_tokens
from rnn_lm.vocabulary import Vocabulary

_LISTED = 8
"""Unknown words named in an error before the rest are only counted."""
_ROUNDS, _LONGEST_ROUND = 3, 500
"""So many times must the same tokens follow one another to be called a repetition; how many tokens those may be."""


def check_prompt(tokens: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """The words of a prompt that the vocabulary lacks, each once, in order; the model reads them as ``<unk>``.

    Raises:
        UserError: the prompt has words, and none of them is known.
    """
    unknown = unknown_tokens(tokens, vocabulary)
    if tokens and all(token in unknown for token in tokens):
        listed = ", ".join(repr(token) for token in unknown[:_LISTED])
        more = f" and {len(unknown) - _LISTED} more" if len(unknown) > _LISTED else ""
        raise UserError(f"--prompt: the model knows none of its words ({listed}{more}); use words of its training text")
    return unknown


def generate(
    model: LanguageModel, prompt_ids: Sequence[int], config: GenerationConfig, vocabulary: Vocabulary
) -> Iterator[int]:
    """Token ids that go on from a prompt, each as soon as it is drawn.

    Ends after ``config.length`` tokens, or with the ``<eos>`` that closes sentence number ``config.sentences``.

    Args:
        model: any language model. Its state starts afresh and reads ``<eos>``, then the prompt.
        prompt_ids: may be empty.
        config: temperature, top-k, top-p, seed, limits.
        vocabulary: whose ``<unk>`` is not produced unless ``config.allow_unk`` says so.

    Raises:
        UserError: the model gives a probability to nothing that may be produced.
    """
    random = generator(config.sample_seed, "sampling")
    struck_out = torch.tensor([] if config.allow_unk else [vocabulary.unk_id], dtype=torch.int64)
    given, model = model, for_stepping(model)
    # A copy is nobody else's, and in evaluation mode already.
    mode = evaluating if model is given else _as_it_is
    state = model.initial_state(1)
    log_probs_v, state = _read(model, vocabulary.eos_id, state, mode)
    for token in prompt_ids:
        log_probs_v, state = _read(model, token, state, mode)
    sentences = 0
    for _ in range(config.length):
        log_probs_v = log_probs_v.index_fill(0, struck_out, -math.inf)
        if not log_probs_v.max() > -math.inf:
            raise UserError("the model gives every token that may come next the probability 0; try --allow-unk")
        token = draw(log_probs_v, config, random)
        yield token
        sentences += token == vocabulary.eos_id
        if sentences == config.sentences:
            return
        log_probs_v, state = _read(model, token, state, mode)


class Repetition:
    """Watches for a text that goes round in a circle, as greedy text does sooner or later, in constant memory."""

    def __init__(self) -> None:
        self._last: deque[int] = deque(maxlen=_ROUNDS * _LONGEST_ROUND)

    def add(self, token: int) -> None:
        """The next token of the text."""
        self._last.append(token)

    @property
    def period(self) -> int | None:
        """Of how many tokens the text ends in repetitions, three or more; the smallest number. None: of none."""
        last = list(self._last)
        for period in range(1, len(last) // _ROUNDS + 1):
            tail = last[-_ROUNDS * period :]
            if tail[period:] == tail[:-period]:
                return period
        return None


def _as_it_is(model: LanguageModel) -> AbstractContextManager[None]:  # noqa: ARG001
    return nullcontext()


@torch.inference_mode()
def _read(
    model: LanguageModel, token: int, state: State, mode: Callable[[LanguageModel], AbstractContextManager[None]]
) -> tuple[Tensor, State]:
    """log P(next) (V,) on the CPU after reading ``token``, and the state.

    Modes are set per step, not around the loop: a generator is suspended between tokens, and whoever consumes it must
    not find itself in inference mode.
    """
    with mode(model):
        log_probs_bv, state = model.step(torch.tensor([token], device=model.device), state)
    return log_probs_bv[0].cpu(), state
