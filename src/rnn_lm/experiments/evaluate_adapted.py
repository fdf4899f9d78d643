"""Scoring stored models that adapt to the text as they read it, each beside its own static figure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rnn_lm.adaptation.config import AdaptationConfig, CacheSettings
from rnn_lm.adaptation.dynamic import Dynamic, root_mean_square_gradients
from rnn_lm.adaptation.reading import as_scores, read_adapting
from rnn_lm.adaptation.tuning import beginning, best_cache, best_dynamic, cache_grid
from rnn_lm.corpora import Split, load_corpus
from rnn_lm.errors import UserError
from rnn_lm.evaluation.figures import TextPerplexity
from rnn_lm.evaluation.intervals import Effect, number_text
from rnn_lm.evaluation.perplexity import TokenScores, score_text
from rnn_lm.evaluation.significance import gain, perplexity_interval, perplexity_ratio
from rnn_lm.experiments.claims import BLOCKS
from rnn_lm.experiments.evaluate import reading_by
from rnn_lm.files import require_output, write_json
from rnn_lm.limits import flag
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.report.evaluation import figures_text, p_value_text
from rnn_lm.stream import EncodedText

_DIVERGED = 100.0
"""Nats per token that no model costs whose parameters are still of any use; what is not a number is above it, too."""


@dataclass(frozen=True)
class Pass:
    """One reading of the text, which gives a figure without the cache and one with it.

    Attributes:
        dynamic: how the parameters move; None where they stand still.
        cache: the cache that looks on, if there is one.
    """

    dynamic: Dynamic | None
    cache: CacheSettings | None


@dataclass(frozen=True)
class Adapted:
    """What one way of adapting came to.

    Attributes:
        label: what stands beside the model's name wherever a figure of it is shown.
        settings: of its parts, as the flags name them.
        scores: of every token.
        tokens_per_second: of the reading.
    """

    label: str
    settings: dict[str, Any]
    scores: TokenScores
    tokens_per_second: float

    @property
    def flags(self) -> str:
        """What gives the same settings again."""
        return " ".join(f"{flag(name)} {value}" for name, value in self.settings.items())


def check_adaptation(models: Sequence[StoredModel], config: AdaptationConfig, *, overwrite: bool = False) -> None:
    """Raises ``UserError``, before any work is done, for a model that cannot adapt or results with no place to go."""
    for stored in models:
        if not isinstance(stored.model, NeuralLanguageModel):
            raise UserError(f"{stored.name} is no neural model, and --adapt works on those alone: leave it out")
    if config.adapt_results is not None:
        require_output(Path(config.adapt_results), "--adapt-results", overwrite=overwrite)


def evaluate_adapted(
    models: Sequence[StoredModel], chosen: Sequence[Split], config: AdaptationConfig, progress: Progress
) -> Iterator[str]:
    """Lines to print: per model, under policy stream, its static figure and each way of adapting against it.

    Raises:
        UserError: a model cannot adapt, its corpus cannot be read, or the file of results cannot be written.
    """
    yield "context policy stream, adapting to the text while reading it (not comparable with static figures)"
    results = []
    for stored, split in zip(models, chosen, strict=True):
        model, text = stored.model, split.encoded(stored.vocabulary)
        assert isinstance(model, NeuralLanguageModel)
        splits, reading = _other_splits(stored, config), reading_by(stored, split)
        static = score_text(model, text, "stream", progress=progress)
        yield f"  {stored.name}, static: {figures_text(TextPerplexity.of([static], reading, BLOCKS))}"
        found = []
        for adapted in _adapted(model, text, config, splits, progress):
            effect = gain([adapted.scores], [static], BLOCKS)
            result = _result(adapted, effect)
            perplexity = TextPerplexity.of([adapted.scores], reading, BLOCKS)
            yield f"  {stored.name} {adapted.label}: {figures_text(perplexity)}"
            yield (
                f"    perplexity x {number_text(result['ratio'])} {perplexity_ratio(effect).text('.3f')} "
                f"of its static one{p_value_text(effect.p_value)}; {adapted.tokens_per_second:,.0f} tokens/s"
            )
            yield f"    {'chosen on valid' if config.tune else 'settings'}: {adapted.flags}"
            found.append(result)
        results.append({"model": stored.name, "tokens": len(text), "static": _perplexity(static), "adapted": found})
        if config.adapt_results is not None:
            tuned = f"the first {config.tune_tokens} tokens of valid" if config.tune else None
            report = {"policy": "stream", "settings_chosen_on": tuned, "models": results}
            write_json(Path(config.adapt_results), report)


def _other_splits(stored: StoredModel, config: AdaptationConfig) -> dict[str, EncodedText]:
    """What is needed of the models' corpus besides the text to score: valid for tuning, train for mean squares."""
    names = ["valid"] if config.tune else []
    if config.adapt != "cache" and config.dynamic.dynamic_update == "rms":
        names.append("train")
    splits = load_corpus(stored.corpus, tokenizer=stored.tokenizer).splits if names else {}
    return {name: splits[name].encoded(stored.vocabulary) for name in names}


def _adapted(
    model: NeuralLanguageModel,
    text: EncodedText,
    config: AdaptationConfig,
    splits: dict[str, EncodedText],
    progress: Progress,
) -> Iterator[Adapted]:
    """Every way of adapting that ``--adapt`` names."""
    for one in _passes(model, config, splits, progress):
        started = time.monotonic()
        caches = [one.cache] if one.cache else []
        name = "dynamic" if one.dynamic else "cache"
        reading = read_adapting(model, text, caches, one.dynamic, name=name, progress=progress)
        if one.dynamic and not float(reading.nll_n.mean()) < _DIVERGED:
            rate = one.dynamic.settings.rate
            raise UserError(f"the model runs away from the text at --dynamic-rate {rate:g}: lower it")
        speed = len(text) / (time.monotonic() - started)
        moving = asdict(one.dynamic.settings) if one.dynamic else {}
        if one.dynamic:
            yield Adapted("with dynamic evaluation", moving, as_scores(text, reading.nll_n), speed)
        if one.cache:
            scores = as_scores(text, reading.mixed_nll_n(0, one.cache.cache_weight))
            label = "with dynamic evaluation and cache" if one.dynamic else "with cache"
            yield Adapted(label, moving | asdict(one.cache), scores, speed)


def _passes(
    model: NeuralLanguageModel, config: AdaptationConfig, splits: dict[str, EncodedText], progress: Progress
) -> Iterator[Pass]:
    """The readings that ``--adapt`` asks for, one after the other, with settings given or tuned."""
    valid = beginning(splits["valid"], config.tune_tokens) if config.tune else None

    def cache(dynamic: Dynamic | None) -> CacheSettings:
        if valid is None:
            return config.cache
        grid = cache_grid(config.cache)
        return best_cache(read_adapting(model, valid, grid, dynamic, name="tune cache", progress=progress), grid)

    if config.adapt in ("cache", "both"):
        yield Pass(None, cache(None))
    if config.adapt in ("dynamic", "both"):
        rms = {}
        if config.dynamic.dynamic_update == "rms":
            rms = root_mean_square_gradients(model, splits["train"], config.dynamic.dynamic_length, progress)
        dynamic = Dynamic(replace(config.dynamic, dynamic_rate=config.dynamic.rate), rms)
        if valid is not None:
            dynamic = replace(dynamic, settings=best_dynamic(model, valid, dynamic, progress))
        yield Pass(dynamic, cache(dynamic) if config.adapt == "both" else None)


def _result(adapted: Adapted, effect: Effect) -> dict[str, Any]:
    ratio = perplexity_ratio(effect)
    return {
        "label": adapted.label,
        "settings": adapted.settings,
        **_perplexity(adapted.scores),
        "ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "p_value": effect.p_value,
        "verdict": effect.verdict,
    }


def _perplexity(scores: TokenScores) -> dict[str, float | None]:
    interval = perplexity_interval([scores], BLOCKS)
    return {"perplexity": interval.value, "low": interval.low, "high": interval.high}
