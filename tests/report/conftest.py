"""A results file such as a comparison writes, made up with a fixed seed: five models, two seeds, 2,000 steps."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MODELS = {
    "ngram": ("n-gram", "ngram", 141.2, 3_950_000, 1, 4.2),
    "rnn": ("RNN", "recurrent", 125.5, 3_180_000, 2, 402.0),
    "gru": ("GRU", "recurrent", 102.2, 3_181_200, 2, 455.0),
    "lstm": ("LSTM", "recurrent", 100.8, 3_180_500, 2, 462.0),
    "lstm-random": ("LSTM, random input", "recurrent", 103.9, 3_180_500, 2, 460.0),
}
MATCHES = {"0": 5_210, "1": 21_480, "2": 25_930, "3": 16_250, "4+": 13_560}
LEVELS = {"0": 4100.0, "1": 780.0, "2": 160.0, "3": 42.0, "4+": 9.5}
GAINS = {"0": 0.62, "1": 0.74, "2": 0.86, "3": 1.02, "4+": 1.18}


@pytest.fixture(scope="session")
def made_up_results() -> dict[str, Any]:
    """Shared by the tests that only read it."""
    return made_up()


def made_up() -> dict[str, Any]:
    """The results file."""
    random = np.random.Generator(np.random.PCG64(1))
    return {
        "format": "rnn_lm results",
        "version": 1,
        "made": {
            "command": "rnn-lm compare --seeds 2", "date": "2025-01-31 12:00 UTC", "rnn_lm": "0.1.0", "torch": "2.13.0",
            "python": "3.12.4", "platform": "Linux x86_64", "threads": 2, "seconds": 1790.5,
        },
        "config": {"training": {"budget": "10m", "clip": "norm", "clip_threshold": 1.0}, "seeds": [1, 2]},
        "corpus": _corpus(),
        "embedding": {
            "source": "trained on the train split", "algorithm": "skip-gram", "dimensions": 300,
            "covered_types": 0.987, "covered_tokens": 0.9991, "seconds": 14.3,
        },
        "models": [_model(name, random) for name in MODELS],
        "claims": _claims(),
    }  # fmt: skip


@pytest.fixture
def results(made_up_results: dict[str, Any]) -> dict[str, Any]:
    """One test's own copy."""
    return copy.deepcopy(made_up_results)


def _corpus() -> dict[str, Any]:
    sizes = {"train": (42_068, 929_589, 9_999), "valid": (3_370, 73_760, 6_021), "test": (3_761, 82_430, 6_048)}
    splits = {
        name: {"sentences": s, "tokens": t, "types": v, "oov_rate": 0.048, "characters": round(5.4 * t)}
        for name, (s, t, v) in sizes.items()
    }
    return {
        "name": "Penn Treebank", "source": "a folder with train, valid and test", "licence": "LDC <members only>",
        "split": "as the folder brings it", "tokens": "whitespace", "lowercase": True, "vocabulary_size": 10_000,
        "min_count": 1, "splits": splits,
    }  # fmt: skip


def _model(name: str, random: np.random.Generator) -> dict[str, Any]:
    label, kind, level, parameters, seeds, seconds = MODELS[name]
    trained = kind == "recurrent"
    return {
        "name": name, "label": label, "kind": kind, "parameters": parameters, "seconds": seconds,
        "settings": {"hidden_size": 300, "layers": 1} if trained else {"order": 5},
        "seeds": list(range(1, seeds + 1)), "steps": 2_000 if trained else 0,
        "perplexity": {
            "stream": {"valid": _score(level * 1.05, seeds, 73_760), "test": _score(level, seeds, 82_430)},
            "sentence": {"valid": _score(level * 1.12, seeds, 73_760), "test": _score(level * 1.07, seeds, 82_430)},
        },
        "breakdown": [_match_score(match, level / 141.2 * GAINS[match] if trained else 1.0) for match in MATCHES],
        "curves": [_curve(seed, level, random) for seed in range(1, seeds + 1)] if trained else [],
        "gradient_norms": [_norms(name, seed, random) for seed in range(1, seeds + 1)] if trained else [],
        "samples": _samples(label),
    }  # fmt: skip


def _score(level: float, seeds: int, tokens: int) -> dict[str, Any]:
    bits = math.log2(level)
    return {
        "perplexity": level, "low": level * 0.983, "high": level * 1.018,
        "per_seed": [level * (1 + 0.006 * (2 * i - 1) * (seeds > 1)) for i in range(seeds)],
        "bits_per_token": bits, "bits_per_character": bits / 5.4, "token_count": tokens,
    }  # fmt: skip


def _match_score(match: str, factor: float) -> dict[str, Any]:
    level = LEVELS[match] * factor
    return {
        "match": match, "token_count": MATCHES[match], "perplexity": level, "low": level * 0.955, "high": level * 1.048
    }  # fmt: skip


def _curve(seed: int, level: float, random: np.random.Generator) -> dict[str, Any]:
    def point(step: int) -> dict[str, Any]:
        valid = level * (1.04 + 2.2 * math.exp(-step / 420)) * math.exp(0.006 * float(random.standard_normal()))
        return {
            "step": step, "epoch": step / 830, "tokens": step * 1_120, "seconds": step * 0.2,
            "learning_rate": 0.003 * (1 - step / 2_000), "train_perplexity": valid * (1.05 - 0.3 * step / 2_000),
            "valid_perplexity": valid,
        }  # fmt: skip

    return {"seed": seed, "points": [point(step) for step in range(200, 2_001, 200)]}


def _norms(name: str, seed: int, random: np.random.Generator) -> dict[str, Any]:
    steps = np.arange(1, 2_001)
    level = (1.9 if name == "rnn" else 0.8) * (1 + 2 * np.exp(-steps / 60))
    before = level * np.exp(0.35 * random.standard_normal(2_000))
    if name == "rnn":
        before[random.integers(0, 2_000, size=30)] *= 14.0
    after = np.minimum(before, 1.0)
    layers = {"embedding": before * 0.4, "recurrent.0": before * 0.8, "decoder": before * 0.5}
    return {
        "seed": seed, "step": steps.tolist(),
        "before": [None if name == "rnn" and i == 700 else round(v, 6) for i, v in enumerate(before.tolist())],
        "after": [round(v, 6) for v in after.tolist()],
        "layers": {layer: [round(v, 6) for v in values.tolist()] for layer, values in layers.items()},
        "clipped_share": float((before > 1).mean()), "loss_spikes": 3 if name == "rnn" else 0,
    }  # fmt: skip


def _samples(label: str) -> list[dict[str, Any]]:
    settings = {"temperature": 1.0, "top_k": None, "top_p": 0.9, "sample_seed": 1}
    text = "the company said it will <unk> & sell its N million shares of <b>preferred</b> stock to a unit of the bank"
    second = "the dollar rose against the yen on friday , but traders do n't expect it to last"
    return [
        {"prompt": "", "text": f"{text} , says the {label} .", "settings": settings},
        {"prompt": "analysts said", "text": f"{second} .", "settings": settings},
    ]


def _claims() -> list[dict[str, Any]]:
    keys = ("statement", "effect", "low", "high", "p_value", "verdict", "note")
    rows = [
        ("LSTM < RNN in perplexity", 0.219, 0.208, 0.231, 0.0001, "supported", "perplexity ratio 0.803 [0.794, 0.812]"),
        ("RNN < n-gram in perplexity", 0.118, 0.1, 0.136, 0.0001, "supported", "perplexity ratio 0.889 [0.873, 0.905]"),
        ("LSTM < n-gram in perplexity", 0.337, 0.318, 0.355, 0.0, "supported", "perplexity ratio 0.714 [0.701, 0.728]"),
        ("LSTM's gain on the n-gram is larger where the context was not seen", -0.03, -0.05, -0.01, 0.998,
         "not supported", "contexts of which at most 1 token was seen in training, against the others"),
        ("LSTM with word2vec input < with random input in perplexity", 0.03, -0.002, 0.061, 0.064, "undecided", ""),
    ]  # fmt: skip
    return [
        {**dict(zip(keys, row, strict=True)), "policy": policy, "unit": "nats per token"}
        for policy in ("stream", "sentence")
        for row in rows
    ]


@pytest.fixture(scope="session")
def made_up_parts() -> dict[str, Any]:
    """Probes, gradients and theory as small runs of them left them."""
    return json.loads(Path(__file__).with_name("parts.json").read_text(encoding="utf-8"))


@pytest.fixture
def full_results(results: dict[str, Any], made_up_parts: dict[str, Any]) -> dict[str, Any]:
    """One test's own copy of results with all parts."""
    return {**results, **copy.deepcopy(made_up_parts)}
