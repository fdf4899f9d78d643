"""One pass over a text under policy stream, by a model that adapts as it reads.

Every token is scored once, by what was known before it: a segment is scored, and only then learned from; a position's
cache holds earlier positions alone. Under policy sentence nothing is known of earlier sentences, which is all that
adaptation could use, so there is no such pass.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from rnn_lm.adaptation.cache import NeuralCache, mixed_nll
from rnn_lm.adaptation.config import CacheSettings
from rnn_lm.adaptation.dynamic import Dynamic, adapting
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import Perplexity, TokenScores, evaluating
from rnn_lm.layers.recording import CudaRecorder, Played, Recorder
from rnn_lm.layers.state import State, detach
from rnn_lm.memory import available_memory
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.progress import Progress, SilentProgress
from rnn_lm.stream import EncodedText

BLOCK = 1024
"""Positions read at a time where the parameters stand still: those of ``score_text``, so that the bits are the same."""


@dataclass(frozen=True)
class Reading:
    """What was thought of every token of a text, with the mixture still to be made: any weight of the cache is at hand.

    Attributes:
        nll_n: the model's -log P, in nats.
        cached_cn: P_cache by each cache that looked on; nan where nothing was cached yet.
    """

    nll_n: Float64[Tensor, "N"]
    cached_cn: Float64[Tensor, "C N"]

    def mixed_nll_n(self, cache: int, weight: float) -> Float64[Tensor, "N"]:
        """-log of the mixture of the model with one of the caches, in nats."""
        return mixed_nll(self.nll_n, self.cached_cn[cache], weight)


def read_adapting(
    model: NeuralLanguageModel,
    text: EncodedText,
    caches: Sequence[CacheSettings] = (),
    dynamic: Dynamic | None = None,
    *,
    temperature: float = 1.0,
    block: int = BLOCK,
    name: str = "adapt",
    progress: Progress | None = None,
    recorder: Recorder | None = None,
) -> Reading:
    """Read ``text`` from its first token to its last.

    Args:
        model: its modes and parameters are afterwards as they were before.
        text: what to score.
        caches: their windows and thetas; their weights are for ``Reading.mixed_nll_n``.
        dynamic: how the parameters follow the text; None where they stand still.
        temperature: of the softmax, in what is scored, mixed with the cache and learned from.
        block: most positions read at a time, without ``dynamic``; changes no result.
        name: of the work, for ``progress``.
        progress: told the tokens done and the perplexity so far, that of the first cache's mixture if there is one.
        recorder: records a segment of ``dynamic``, which is some hundred small kernels; default: that of a CUDA device.
    """
    block = min(dynamic.settings.dynamic_length if dynamic else block, max(1, len(text)))
    input_n, target_n = text.inputs_and_targets()
    nll_n = torch.zeros(len(text), dtype=torch.float64)
    cached_cn = torch.zeros(len(caches), len(text), dtype=torch.float64)
    kept: list[NeuralCache] = []
    device, nll_sum = model.device, 0.0
    reporter = (progress or SilentProgress()).task(name, float(len(text)))
    with evaluating(model), _following(model, dynamic) as adapt, reporter as task:
        if dynamic is None:
            recorder = None
        elif recorder is None and device.type == "cuda":
            recorder = CudaRecorder(device, {})
        read = Played(_reader(model, adapt, temperature), recorder)
        state = model.initial_state(1)
        for first in range(0, len(text), block):
            span = slice(first, min(first + block, len(text)))
            target_k = target_n[span].to(device)
            nll_k, hidden_kd, *state = read(input_n[span].to(device), target_k, *state)
            nll_n[span] = nll_k.cpu().double()
            kept = kept or [_ring(one, len(text), block, hidden_kd) for one in caches]
            for number, cache in enumerate(kept):
                cached_cn[number, span] = cache.probability(hidden_kd, target_k).cpu().double()
            scored_k = mixed_nll(nll_n[span], cached_cn[0, span], caches[0].cache_weight) if caches else nll_n[span]
            nll_sum += float(scored_k.sum())
            task.update(float(span.stop), perplexity=Perplexity(nll_sum, span.stop, 0).perplexity)
    return Reading(nll_n, cached_cn)


def _reader(
    model: NeuralLanguageModel, adapt: Callable[[Tensor], None], temperature: float
) -> Callable[..., tuple[Tensor, ...]]:
    """Give what is done with one block: its inputs, its targets and the state to its NLL, what the decoder read, and
    the state after it; the model has then learned from the block."""

    def read(input_k: Tensor, target_k: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        after: State
        output_kbd, after = model.encode(input_k[:, None], state)
        nll_k = model.nll_of_output(output_kbd[:, 0], target_k, temperature)
        found = (nll_k.detach(), output_kbd[:, 0].detach(), *detach(after))
        adapt(nll_k.mean())
        return found

    return read


def as_scores(text: EncodedText, nll_n: Float64[Tensor, "N"]) -> TokenScores:
    """The NLL of ``text`` as what intervals and tests are made from."""
    return TokenScores.of(text, nll_n.numpy(), "stream")


def _ring(settings: CacheSettings, length: int, block: int, hidden_kd: Tensor) -> NeuralCache:
    """A window as long as the text keeps all of it: a longer one would only take memory.

    Raises:
        UserError: what it keeps, or its votes on one block, do not fit into memory.
    """
    window, width = min(settings.cache_window, length), hidden_kd.shape[1]
    needed = (window + block) * (width + block) * hidden_kd.element_size()
    if needed > (most := available_memory()) / 2:
        raise UserError(
            f"--cache-window {settings.cache_window}: takes {needed / 2**30:,.0f} GiB for this text, and there are "
            f"{most / 2**30:,.0f}; choose a smaller one"
        )
    return NeuralCache(window, settings.cache_theta, block, width, hidden_kd)


@contextlib.contextmanager
def _following(model: NeuralLanguageModel, dynamic: Dynamic | None) -> Iterator[Callable[[Tensor], None]]:
    """What is done with a segment's mean NLL once it is scored, and gradients only where something is."""
    if dynamic is None:
        with torch.inference_mode():
            yield lambda _: None
    else:
        with torch.enable_grad(), adapting(model, dynamic) as adapt:
            yield adapt
