"""Scoring stored models that are changed at test time, each beside its own static figure.

They adapt to the text as they read it, or have a temperature, or both; a temperature chosen on valid is that of the
static model in all of these readings. Monte-Carlo dropout is a reading of its own, with a temperature of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from rnn_lm.adaptation.config import AdaptationConfig, CacheSettings
from rnn_lm.adaptation.dynamic import Dynamic, root_mean_square_gradients
from rnn_lm.adaptation.figures import AdaptedFigures, AdaptingModel, EvaluatedAdapting, Settings
from rnn_lm.adaptation.monte_carlo import best_sampling_temperature, has_dropout, sampled_nll
from rnn_lm.adaptation.reading import as_scores, read_adapting
from rnn_lm.adaptation.temperature import best_temperature
from rnn_lm.adaptation.tuning import beginning, best_cache, best_dynamic, cache_grid
from rnn_lm.corpora import Split, load_corpus
from rnn_lm.errors import UserError
from rnn_lm.evaluation.figures import TextPerplexity
from rnn_lm.evaluation.perplexity import TokenScores, score_text
from rnn_lm.evaluation.significance import gain
from rnn_lm.experiments.claims import BLOCKS
from rnn_lm.experiments.evaluate import reading_by
from rnn_lm.files import require_output, write_json
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.stream import EncodedText

_DIVERGED = 100.0
"""Nats per token that no model costs whose parameters are still of any use; what is not a number is above it, too."""


@dataclass(frozen=True)
class Pass:
    """One reading of the text, which gives a figure without the cache and one with it; with neither of the two, that of
    the temperature alone.

    Attributes:
        dynamic: how the parameters move; None where they stand still.
        cache: the cache that looks on, if there is one.
    """

    dynamic: Dynamic | None
    cache: CacheSettings | None


class _Scored(NamedTuple):
    """The text's scores with one way of adapting, and what that was; see ``AdaptedFigures``."""

    label: str
    settings: Settings
    scores: TokenScores
    tokens_per_second: float


def check_adaptation(models: Sequence[StoredModel], config: AdaptationConfig, *, overwrite: bool = False) -> None:
    """Raises ``UserError``, before any work is done, for a model that cannot adapt or results with no place to go."""
    for stored in models:
        if not isinstance(stored.model, NeuralLanguageModel):
            flag = config.flags[0]
            raise UserError(f"{stored.name} is no neural model, and {flag} works on those alone: leave it out")
        if config.mc_dropout and not has_dropout(stored.model.config):
            raise UserError(f"{stored.name} was trained without dropout, so --mc-dropout has no masks to draw")
    if config.adapt_results is not None:
        require_output(Path(config.adapt_results), "--adapt-results", overwrite=overwrite)


def evaluate_adapted(
    models: Sequence[StoredModel],
    chosen: Sequence[Split],
    config: AdaptationConfig,
    progress: Progress,
    told: Callable[[EvaluatedAdapting], None] | None = None,
) -> EvaluatedAdapting:
    """Return each model's static figure, under policy stream, and each way of adapting against it.

    Args:
        models: neural ones; see ``check_adaptation``.
        chosen: one text, as each model's tokenizer cuts it.
        config: what to change, and where the results go, if anywhere: they are written after each model.
        progress: told how far the scoring is.
        told: given, as soon as a model is scored, static or adapting, the figures up to it.

    Raises:
        UserError: a model cannot adapt, its corpus cannot be read, or the file of results cannot be written.
    """
    tuned = config.tune_tokens if config.tune else None
    figures = EvaluatedAdapting((), tuned, config.temperature == "auto", config.flags)
    for stored, split in zip(models, chosen, strict=True):
        before = figures.models
        for model in _adapting(stored, split, config, progress):
            figures = replace(figures, models=(*before, model))
            if told is not None:
                told(figures)
        if config.adapt_results is not None:
            write_json(Path(config.adapt_results), figures.to_json())
    return figures


def _adapting(
    stored: StoredModel, split: Split, config: AdaptationConfig, progress: Progress
) -> Iterator[AdaptingModel]:
    """One model as it is scored: static, then with one way of adapting after the other."""
    model, text = stored.model, split.encoded(stored.vocabulary)
    assert isinstance(model, NeuralLanguageModel)
    splits, reading = _other_splits(stored, config), reading_by(stored, split)
    static = score_text(model, text, "stream", progress=progress)
    figures = AdaptingModel(stored.name, len(text), TextPerplexity.of([static], reading, BLOCKS))
    yield figures
    for one in _adapted(model, text, config, splits, progress):
        perplexity, effect = TextPerplexity.of([one.scores], reading, BLOCKS), gain([one.scores], [static], BLOCKS)
        found = AdaptedFigures(one.label, one.settings, perplexity, effect, one.tokens_per_second)
        figures = replace(figures, adapted=(*figures.adapted, found))
        yield figures


def _other_splits(stored: StoredModel, config: AdaptationConfig) -> dict[str, EncodedText]:
    """What is needed of the models' corpus besides the text to score: valid for tuning, train for mean squares."""
    names = ["valid"] if config.tune or config.temperature == "auto" else []
    if config.adapt in ("dynamic", "both") and config.dynamic.dynamic_update == "rms":
        names.append("train")
    splits = load_corpus(stored.corpus, tokenizer=stored.tokenizer).splits if names else {}
    return {name: splits[name].encoded(stored.vocabulary) for name in names}


def _adapted(
    model: NeuralLanguageModel,
    text: EncodedText,
    config: AdaptationConfig,
    splits: dict[str, EncodedText],
    progress: Progress,
) -> Iterator[_Scored]:
    """The text with the temperature alone, if there is one, and with every way of adapting that ``--adapt`` names."""
    temperature = _temperature(model, config, splits, progress)
    fixed: Settings = {} if temperature is None else {"temperature": temperature}
    warm = [] if temperature is None else ["temperature"]
    for one in _passes(model, config, splits, temperature, progress):
        started = time.monotonic()
        caches = [one.cache] if one.cache else []
        name = "dynamic" if one.dynamic else "cache" if one.cache else "temperature"
        reading = read_adapting(
            model, text, caches, one.dynamic, temperature=temperature or 1.0, name=name, progress=progress
        )
        if one.dynamic and not float(reading.nll_n.mean()) < _DIVERGED:
            rate = one.dynamic.settings.rate
            raise UserError(f"the model runs away from the text at --dynamic-rate {rate:g}: lower it")
        speed = len(text) / (time.monotonic() - started)
        moving = fixed | (asdict(one.dynamic.settings) if one.dynamic else {})
        parts = [*warm, "dynamic evaluation"] if one.dynamic else warm
        if one.dynamic or not one.cache:
            yield _Scored(_label(parts), moving, as_scores(text, reading.nll_n), speed)
        if one.cache:
            scores = as_scores(text, reading.mixed_nll_n(0, one.cache.cache_weight))
            yield _Scored(_label([*parts, "cache"]), moving | asdict(one.cache), scores, speed)
    if config.mc_dropout:
        yield _sampled(model, text, config, splits, progress)


def _sampled(
    model: NeuralLanguageModel,
    text: EncodedText,
    config: AdaptationConfig,
    splits: dict[str, EncodedText],
    progress: Progress,
) -> _Scored:
    """The text by Monte-Carlo dropout, at a temperature of its own where that is chosen on valid."""
    samples, seed, temperature = config.mc_dropout, config.mc_seed, config.fixed_temperature
    if config.temperature == "auto":
        valid = beginning(splits["valid"], config.tune_tokens)
        temperature = best_sampling_temperature(model, valid, samples, seed, progress)
    started = time.monotonic()
    nll_kn = sampled_nll(model, text, samples, seed=seed, temperatures=[temperature or 1.0], progress=progress)
    speed = len(text) / (time.monotonic() - started)
    fixed: Settings = {} if temperature is None else {"temperature": temperature}
    parts = ["Monte-Carlo dropout"] if temperature is None else ["temperature", "Monte-Carlo dropout"]
    settings = fixed | {"mc_dropout": samples, "mc_seed": seed}
    return _Scored(_label(parts), settings, as_scores(text, nll_kn[0]), speed)


def _label(parts: Sequence[str]) -> str:
    """What stands beside the model's name, e.g. "with temperature, dynamic evaluation and cache"."""
    *others, last = parts
    return f"with {', '.join(others)} and {last}" if others else f"with {last}"


def _temperature(
    model: NeuralLanguageModel, config: AdaptationConfig, splits: dict[str, EncodedText], progress: Progress
) -> float | None:
    """The one that is given, or best for the static model on valid; None: none is wanted."""
    if config.temperature == "auto":
        return best_temperature(model, splits["valid"], progress)
    return config.fixed_temperature


def _passes(
    model: NeuralLanguageModel,
    config: AdaptationConfig,
    splits: dict[str, EncodedText],
    temperature: float | None,
    progress: Progress,
) -> Iterator[Pass]:
    """The readings that are asked for, one after the other, with settings given or tuned at the temperature."""
    degree = temperature or 1.0
    valid = beginning(splits["valid"], config.tune_tokens) if config.tune else None

    def cache(dynamic: Dynamic | None) -> CacheSettings:
        if valid is None:
            return config.cache
        grid = cache_grid(config.cache)
        reading = read_adapting(model, valid, grid, dynamic, temperature=degree, name="tune cache", progress=progress)
        return best_cache(reading, grid)

    if temperature is not None:
        yield Pass(None, None)
    if config.adapt in ("cache", "both"):
        yield Pass(None, cache(None))
    if config.adapt in ("dynamic", "both"):
        rms = {}
        if config.dynamic.dynamic_update == "rms":
            rms = root_mean_square_gradients(model, splits["train"], config.dynamic.dynamic_length, progress)
        dynamic = Dynamic(replace(config.dynamic, dynamic_rate=config.dynamic.rate), rms)
        if valid is not None:
            dynamic = replace(dynamic, settings=best_dynamic(model, valid, dynamic, progress, degree))
        yield Pass(dynamic, cache(dynamic) if config.adapt == "both" else None)
