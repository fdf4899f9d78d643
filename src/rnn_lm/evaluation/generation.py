"""Text from any language model, token by token, in constant memory.

Each step: log-probabilities of the next token -> ``<unk>`` struck out -> the k most probable kept -> divided by the
temperature -> of those, the nucleus that holds probability p (Holtzman et al. 2020) -> what is left, scaled to sum to
one, is drawn from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from rnn_lm.config import GenerationConfig
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.models.language_model import LanguageModel, State
from rnn_lm.seeding import generator
from rnn_lm.vocabulary import Vocabulary

_LISTED = 8
"""Unknown words named in an error before the rest are only counted."""


class Candidates(NamedTuple):
    """The tokens that may come next, most probable first, and the probabilities they are drawn with."""

    ids_c: Int64[Tensor, "C"]
    probabilities_c: Float64[Tensor, "C"]


def check_prompt(tokens: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """The words of a prompt that the vocabulary lacks, each once, in order; the model reads them as ``<unk>``.

    Raises:
        UserError: the prompt has words, and none of them is known.
    """
    unknown = list(dict.fromkeys(token for token in tokens if token not in vocabulary))
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
    """
    random = generator(config.sample_seed, "sampling")
    struck_out = torch.tensor([] if config.allow_unk else [vocabulary.unk_id], dtype=torch.int64)
    state = model.initial_state(1)
    log_probs_v, state = _read(model, vocabulary.eos_id, state)
    for token in prompt_ids:
        log_probs_v, state = _read(model, token, state)
    sentences = 0
    for _ in range(config.length):
        ids_c, probabilities_c = candidates(log_probs_v.index_fill(0, struck_out, -math.inf), config)
        token = int(ids_c[torch.multinomial(probabilities_c, 1, generator=random)])
        yield token
        sentences += token == vocabulary.eos_id
        if sentences == config.sentences:
            return
        log_probs_v, state = _read(model, token, state)


def candidates(log_probs_v: Float[Tensor, "V"], config: GenerationConfig) -> Candidates:
    """What may be drawn next: top-k, temperature, top-p, each applied to what the one before has left.

    Of tokens that are equally probable, those with the smaller ids come first. A nucleus is the shortest list of most
    probable tokens that holds ``config.top_p`` or more; there is always one token at least. Temperature 0 leaves the
    most probable token alone.

    Args:
        log_probs_v: natural logarithms of the model's probabilities; -inf strikes a token out.
        config: the three settings.
    """
    sorted_v, order_v = log_probs_v.double().sort(descending=True, stable=True)
    if config.temperature == 0:
        return Candidates(order_v[:1], torch.ones(1, dtype=torch.float64))
    possible = max(1, int(torch.isfinite(sorted_v).sum()))
    kept_c = sorted_v[: min(config.top_k or possible, possible)]
    # Relative to the most probable token, so that no temperature, however small, makes every exponent -inf.
    probabilities_c = torch.softmax((kept_c - kept_c[0]) / config.temperature, dim=0)
    if config.top_p is not None and config.top_p < 1:
        held_before_c = probabilities_c.cumsum(0) - probabilities_c
        probabilities_c = probabilities_c[held_before_c < config.top_p]
        probabilities_c = probabilities_c / probabilities_c.sum()
    return Candidates(order_v[: len(probabilities_c)], probabilities_c)


@torch.inference_mode()
def _read(model: LanguageModel, token: int, state: State) -> tuple[Tensor, State]:
    """log P(next) (V,) on the CPU after reading ``token``, and the state.

    Modes are set per step, not around the loop: a generator is suspended between tokens, and whoever consumes it must
    not find itself in inference mode.
    """
    device = state[0].device if state else torch.device("cpu")
    with evaluating(model):
        log_probs_bv, state = model.step(torch.tensor([token], device=device), state)
    return log_probs_bv[0].cpu(), state
