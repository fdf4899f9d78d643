"""Text from any language model, token by token, in constant memory.

Each step: log-probabilities of the next token -> ``<unk>`` struck out -> drawn from (``drawing.py``).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from rnn_lm.config import GenerationConfig
from rnn_lm.errors import UserError
from rnn_lm.evaluation.drawing import draw
from rnn_lm.evaluation.int8_drawing import Int8Draw
from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.models.int8_decoder import Int8Decoder, needs_another_device, needs_another_model
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.reading import needs_other_layers, reader_of
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
        config: temperature, top-k, top-p, seed, limits. Where ``decoder_precision`` cannot be had it is float32:
            ``why_not_int8`` says why.
        vocabulary: whose ``<unk>`` is not produced unless ``config.allow_unk`` says so.

    Raises:
        UserError: the model gives a probability to nothing that may be produced.
    """
    writer = _writer_of(model, config, vocabulary)
    *before, token = vocabulary.eos_id, *prompt_ids
    for read in before:
        writer.read(read)
    sentences = 0
    for _ in range(config.length):
        token = writer.follow(token)
        if token is None:
            raise UserError("the model gives every token that may come next the probability 0; try --allow-unk")
        yield token
        sentences += token == vocabulary.eos_id
        if sentences == config.sentences:
            return


def why_not_int8(model: LanguageModel, config: GenerationConfig) -> str | None:
    """Why ``generate`` takes float32 where ``--decoder-precision int8`` is asked for; None: it does not.

    Raises:
        UserError: the model has no decoder that could be brought to 8 bits anywhere.
    """
    if config.decoder_precision == "float32":
        return None
    if reason := needs_another_model(model):
        raise UserError(f"--decoder-precision int8: {reason}; leave it out")
    return needs_another_device(model)


def why_not_int8_layers(model: LanguageModel, config: GenerationConfig) -> str | None:
    """Why ``generate`` reads layers in float32 where ``--layer-precision int8`` is asked for; None: it does not."""
    if config.layer_precision == "float32" or not isinstance(model, NeuralLanguageModel):
        return None
    return needs_another_device(model) or needs_other_layers(model)


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


@runtime_checkable
class _Writer(Protocol):
    """A text under way."""

    def read(self, token: int) -> None:
        """Go on by a token that was given."""

    def follow(self, token: int) -> int | None:
        """Read a token and draw the next; None where nothing may come."""


def _writer_of(model: LanguageModel, config: GenerationConfig, vocabulary: Vocabulary) -> _Writer:
    random = generator(config.sample_seed, "sampling")
    struck_out = [] if config.allow_unk else [vocabulary.unk_id]
    asked = config.decoder_precision == "int8" and (config.top_p in (None, 1) or config.top_k is not None)
    if asked and not (needs_another_model(model) or needs_another_device(model)):
        assert isinstance(model, NeuralLanguageModel)
        return _Int8Writer(model, config, struck_out, random)
    return _StepWriter(model, config, struck_out, random)


class _StepWriter:
    """Writes with any model's ``step``.

    Modes are set per step, not around the loop: a generator is suspended between tokens, and whoever consumes it must
    not find itself in inference mode.
    """

    def __init__(
        self, model: LanguageModel, config: GenerationConfig, struck_out: list[int], random: torch.Generator
    ) -> None:
        self._model, self._config, self._random = for_stepping(model), config, random
        self._struck_out = torch.tensor(struck_out, dtype=torch.int64)
        # A copy is nobody else's, and in evaluation mode already.
        self._mode = evaluating if self._model is model else _as_it_is
        self._state = self._model.initial_state(1)

    def read(self, token: int) -> None:
        self._step(token)

    def follow(self, token: int) -> int | None:
        log_probs_v = self._step(token).index_fill(0, self._struck_out, -math.inf)
        return draw(log_probs_v, self._config, self._random) if log_probs_v.max() > -math.inf else None

    @torch.inference_mode()
    def _step(self, token: int) -> Tensor:
        """log P(next) (V,) on the CPU after reading ``token``."""
        with self._mode(self._model):
            token_b = torch.tensor([token], device=self._model.device)
            log_probs_bv, self._state = self._model.step(token_b, self._state)
        return log_probs_bv[0].cpu()


class _Int8Writer:
    """Writes with a decoder in 8 bits, the same distribution: ``int8_drawing.py``; layers as ``config`` has them."""

    def __init__(
        self, model: NeuralLanguageModel, config: GenerationConfig, struck_out: list[int], random: torch.Generator
    ) -> None:
        self._reader = reader_of(model, config.layer_precision)
        decoder = Int8Decoder(model.output_product, struck_out)
        self._draw = Int8Draw(decoder, config, random)

    def read(self, token: int) -> None:
        self._reader.read(token)

    def follow(self, token: int) -> int | None:
        return self._draw.draw(self._reader.read(token))


def _as_it_is(model: LanguageModel) -> AbstractContextManager[None]:  # noqa: ARG001
    return nullcontext()
