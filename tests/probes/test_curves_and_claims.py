"""Known forgetting is measured as what it is, and a claim follows the curves it is about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.evaluation.intervals import Measurements
from rnn_lm.probes.claims import judged
from rnn_lm.probes.curves import fit, half_life

DISTANCES = (0, 1, 2, 4, 8, 16, 32, 64)
CHANCE = 0.5


def forgetting(half: float, shape: float = 1.0, start: float = 0.5) -> np.ndarray:
    return CHANCE + start * 2.0 ** -((np.array(DISTANCES, dtype=float) / half) ** shape)


def curves(accuracy_d: np.ndarray, seeds: int = 5, items: int = 200) -> Measurements:
    """Answers with the given accuracy; each seed differs a little."""
    random = np.random.default_rng(1)
    right = random.random((seeds, items, len(DISTANCES))) < accuracy_d
    return Measurements(right.astype(np.float64), np.ones((items, len(DISTANCES)), dtype=np.int64))


@given(half=st.floats(1.0, 60.0), shape=st.sampled_from([0.7, 1.0, 2.0]), start=st.floats(0.2, 0.5))
@settings(deadline=None, max_examples=25)
def test_fit_finds_the_half_life_it_was_given(half: float, shape: float, start: float) -> None:
    best = fit(forgetting(half, shape, start)[None], DISTANCES, CHANCE)
    assert best.half_life_r[0] == pytest.approx(half, rel=0.12)
    assert best.start_r[0] == pytest.approx(start, abs=0.02)


def test_half_life_has_an_interval_that_holds_the_truth() -> None:
    one = curves(forgetting(6.0))
    found = half_life(one, DISTANCES, CHANCE)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < 6 < found.high
    assert found.high / found.low < 2


def test_what_does_not_fall_has_a_half_life_beyond_the_distances_asked() -> None:
    one = curves(np.full(len(DISTANCES), 0.98))
    assert half_life(one, DISTANCES, CHANCE).text == "> 64"


def test_what_was_never_learned_has_none() -> None:
    one = curves(np.full(len(DISTANCES), 0.5))
    found = half_life(one, DISTANCES, CHANCE)
    assert (found.value, found.text) == (None, "not learned")


def verdicts(rnn: np.ndarray, lstm: np.ndarray, attention: np.ndarray) -> dict[str, str]:
    table = {"rnn": curves(rnn), "lstm": curves(lstm), "attention": curves(attention)}
    claims = judged(table, DISTANCES, CHANCE)
    assert all(claim["p_value"] < 0.01 for claim in claims if claim["verdict"] == "supported")  # pyright: ignore
    return {claim["statement"]: claim["verdict"] for claim in claims}


def test_expected_curves_support_every_claim() -> None:
    found = verdicts(forgetting(3), forgetting(30), np.full(len(DISTANCES), 0.99))
    assert len(found) == 5
    assert set(found.values()) == {"supported"}


def test_curves_the_other_way_round_support_none() -> None:
    found = verdicts(np.full(len(DISTANCES), 0.98), forgetting(3), forgetting(10))
    assert found["LSTM > RNN at long range"] == "not supported"
    assert found["the RNN falls faster than the LSTM"] == "not supported"
    assert found["attention does not fall with distance"] == "not supported"
    assert found["the RNN falls with distance"] != "supported"


def test_claims_about_models_that_are_not_there_are_not_made() -> None:
    found = judged({"rnn": curves(forgetting(3))}, DISTANCES, CHANCE)
    assert [claim["statement"] for claim in found] == ["the RNN falls with distance"]


def test_without_long_range_the_claims_say_that_they_are_not_tested() -> None:
    (claim,) = judged({"rnn": curves(forgetting(3))}, (0, 1, 2, 3, 4, 5, 6, 7), CHANCE)
    assert (claim["statement"], claim["effect"], claim["verdict"]) == (
        "the RNN falls with distance", None, "not tested"
    )  # fmt: skip
    assert claim["reason"].startswith("not tested: the distances asked, 0 to 7,")  # pyright: ignore
