"""A claim that is not supported comes with what the curves say about it."""

from __future__ import annotations

from typing import Any

from rnn_lm.report.notes_probes import undecided_because


def probe(verdict: str, **last: list[float]) -> dict[str, Any]:
    return {
        "claims": [{"verdict": "supported"}, {"verdict": verdict}],
        "models": [{"name": name, "label": name.upper()} for name in last],
        "curves": [
            {
                "model": name,
                "points": [
                    {"distance": 0, "accuracy": 1.0, "per_seed": [1.0] * len(seeds)},
                    {"distance": 96, "accuracy": sum(seeds) / len(seeds), "per_seed": seeds},
                ],
            }
            for name, seeds in last.items()
        ],
    }


def test_nothing_is_said_where_every_claim_is_supported() -> None:
    assert undecided_because(probe("supported", rnn=[1.0, 1.0], lstm=[1.0, 1.0])) == []


def test_models_that_lose_nothing_are_named() -> None:
    (reason,) = undecided_because(probe("undecided", rnn=[0.99, 1.0], lstm=[1.0, 1.0]))
    assert reason.startswith("Neither the RNN nor the LSTM")
    assert undecided_because(probe("undecided", rnn=[0.6, 0.5], lstm=[1.0, 1.0])) == []


def test_seeds_that_did_not_learn_are_counted() -> None:
    (reason,) = undecided_because(probe("not supported", attention=[1.0, 0.1, 0.5, 1.0]))
    assert reason.startswith("ATTENTION: 2 of 4 seeds did not learn the task at distance 96")
