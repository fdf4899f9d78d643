"""Scoring stored models that adapt to the text as they read it, each beside its own static figure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rnn_lm.adaptation.config import AdaptationConfig, CacheSettings, DynamicSettings
from rnn_lm.adaptation.dynamic import Dynamic, root_mean_square_gradients
from rnn_lm.adaptation.reading import as_scores, read_adapting
from rnn_lm.adaptation.tuning import beginning, best_cache, best_dynamic, cache_grid
from rnn_lm.corpora import Split, load_corpus
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import TokenScores, score_text
from rnn_lm.evaluation.significance import gain, perplexity_interval, perplexity_ratio
from rnn_lm.experiments.claims import BLOCKS
from rnn_lm.experiments.evaluate import figures
from rnn_lm.files import write_json
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.seeding import numpy_generator
from rnn_lm.stream import EncodedText


@dataclass(frozen=True)
class Variant:
    """One way to adapt.

    Attributes:
        label: what stands beside the model's name wherever a figure of it is shown.
        cache: the cache's settings, if there is one.
        dynamic: those of dynamic evaluation, if the parameters move.
    """

    label: str
    cache: CacheSettings | None
    dynamic: Dynamic | None

    @property
    def settings(self) -> dict[str, Any]:
        """As the flags name them."""
        parts = (self.cache, self.dynamic.settings if self.dynamic else None)
        return {name: value for part in parts if part is not None for name, value in asdict(part).items()}

    @property
    def flags(self) -> str:
        """What gives the same settings again."""
        return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in self.settings.items())


def require_adaptable(models: Sequence[StoredModel]) -> None:
    """Raises ``UserError`` for a model that has no hidden states and no gradients."""
    for stored in models:
        if not isinstance(stored.model, RecurrentLanguageModel):
            raise UserError(f"{stored.name} is no recurrent model, and --adapt works on those alone: leave it out")


def evaluate_adapted(
    models: Sequence[StoredModel], chosen: Split, config: AdaptationConfig, seed: int, progress: Progress
) -> Iterator[str]:
    """Lines to print: per model, under policy stream, its static figure and each way of adapting against it.

    Raises:
        UserError: a model cannot adapt, its corpus cannot be read, or the file of results cannot be written.
    """
    require_adaptable(models)
    vocabulary = models[0].vocabulary
    text = vocabulary.encode_text(chosen.sentences, chosen.characters)
    splits: dict[str, EncodedText] = {}
    if config.tune or (config.adapt != "cache" and config.dynamic_update == "rms"):
        corpus = load_corpus(models[0].corpus)
        for name in ("train", "valid"):
            splits[name] = vocabulary.encode_text(corpus.splits[name].sentences, corpus.splits[name].characters)
    yield "context policy stream, adapting to the text while reading it (not comparable with static figures)"
    results = []
    for stored in models:
        model = stored.model
        assert isinstance(model, RecurrentLanguageModel)
        static = score_text(model, text, "stream", progress=progress)
        yield f"  {stored.name}, static: {figures(static, seed)}"
        found = []
        for variant in _variants(model, config, splits, progress):
            started = time.monotonic()
            scores = _score(model, text, variant, progress)
            speed = len(text) / (time.monotonic() - started)
            yield f"  {stored.name} {variant.label}: {figures(scores, seed)}"
            result = _result(variant, scores, static, seed)
            yield (
                f"    perplexity x {result['ratio']:.3f} [{result['ratio_low']:.3f}, {result['ratio_high']:.3f}] of its "
                f"static one, p = {result['p_value']:.2g}; {speed:,.0f} tokens/s"
            )
            yield f"    {'chosen on valid' if config.tune else 'settings'}: {variant.flags}"
            found.append(result)
        results.append({"model": stored.name, "static": _perplexity(static, seed), "adapted": found})
        if config.adapt_results is not None:
            tuned = f"the first {config.tune_tokens} tokens of valid" if config.tune else None
            report = {"policy": "stream", "tokens": len(text), "settings_chosen_on": tuned, "models": results}
            write_json(Path(config.adapt_results), report)


def _variants(
    model: RecurrentLanguageModel, config: AdaptationConfig, splits: dict[str, EncodedText], progress: Progress
) -> Iterator[Variant]:
    """The ways of adapting that ``--adapt`` names, one after the other, with settings given or tuned."""
    valid = beginning(splits["valid"], config.tune_tokens) if config.tune else None

    def cache(dynamic: Dynamic | None) -> CacheSettings:
        if valid is None:
            return config.cache
        grid = cache_grid(config.cache)
        return best_cache(read_adapting(model, valid, grid, dynamic, name="tune cache", progress=progress), grid)

    if config.adapt in ("cache", "both"):
        yield Variant("with cache", cache(None), None)
    if config.adapt in ("dynamic", "both"):
        settings: DynamicSettings = config.dynamic
        rms = {}
        if settings.dynamic_update == "rms":
            rms = root_mean_square_gradients(model, splits["train"], settings.dynamic_length, progress)
        dynamic = Dynamic(settings, rms)
        if valid is not None:
            dynamic = replace(dynamic, settings=best_dynamic(model, valid, dynamic, progress))
        yield Variant("with dynamic evaluation", None, dynamic)
        if config.adapt == "both":
            yield Variant("with dynamic evaluation and cache", cache(dynamic), dynamic)


def _score(model: RecurrentLanguageModel, text: EncodedText, variant: Variant, progress: Progress) -> TokenScores:
    caches = [variant.cache] if variant.cache else []
    reading = read_adapting(model, text, caches, variant.dynamic, name=variant.label, progress=progress)
    nll_n = reading.mixed_nll_n(0, variant.cache.cache_weight) if variant.cache else reading.nll_n
    return as_scores(text, nll_n)


def _result(variant: Variant, scores: TokenScores, static: TokenScores, seed: int) -> dict[str, Any]:
    effect = gain([scores], [static], numpy_generator(seed, f"adaptation {variant.label}"), BLOCKS)
    ratio = perplexity_ratio(effect)
    return {
        "label": variant.label,
        "settings": variant.settings,
        **_perplexity(scores, seed),
        "ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "p_value": effect.p_value,
        "verdict": effect.verdict,
    }


def _perplexity(scores: TokenScores, seed: int) -> dict[str, float]:
    interval = perplexity_interval([scores], numpy_generator(seed, "perplexity"), BLOCKS)
    return {"perplexity": interval.value, "low": interval.low, "high": interval.high}
