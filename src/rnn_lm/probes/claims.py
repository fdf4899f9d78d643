"""What the probe is expected to show, each statement tested over seeds and items.

All five are asked of every probe, and the answers differ between probes: that is the finding. A gated network can latch
one thing and keep it almost for ever, so that on agreement and recall it is the RNN alone that falls; where everything
said may be asked for, every fixed state falls, and attention does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rnn_lm.evaluation.intervals import FEWEST, Measurements
from rnn_lm.evaluation.jackknife import Part, effect_of, left_out, too_few
from rnn_lm.probes.curves import LEARNED, MERGED, SHORTEST, fit
from rnn_lm.probes.models import probe_label
from rnn_lm.probes.results import ProbeClaim

SHORT, LONG = 2, 16
"""Short range: up to this many tokens. Long range: from this many on."""
MARGIN = 0.05
"""Attention "does not fall" where its accuracy falls by less than this from short to long range."""


@dataclass(frozen=True)
class Claim:
    """One statement.

    Attributes:
        statement: in words.
        models: those it compares.
        unit: of the effect.
        effect: from the models' accuracies by distance (rows, D), one of each row; above 0 where the statement is true.
        note: what the effect is.
    """

    statement: str
    models: tuple[str, ...]
    unit: str
    effect: Callable[[Sequence[np.ndarray], _Ranges], np.ndarray]
    note: str


@dataclass(frozen=True)
class _Ranges:
    """Which columns are short and long range, and what a fit needs."""

    distances: tuple[int, ...]
    chance: float
    trained: int = LONG - 1

    @property
    def fewest(self) -> int:
        """Distances in the range that has fewer."""
        return min(sum(one <= SHORT for one in self.distances), sum(one >= LONG for one in self.distances))

    def short(self, rows: np.ndarray) -> np.ndarray:
        return rows[:, np.array(self.distances) <= SHORT].mean(axis=1)

    def long(self, rows: np.ndarray) -> np.ndarray:
        return rows[:, np.array(self.distances) >= LONG].mean(axis=1)

    def beyond(self, rows: np.ndarray) -> np.ndarray:
        """Mean accuracy at distances that training had not."""
        return rows[:, np.array(self.distances) > self.trained].mean(axis=1)

    def fall(self, rows: np.ndarray) -> np.ndarray:
        return self.short(rows) - self.long(rows)

    def log_half_life(self, rows: np.ndarray) -> np.ndarray:
        """log2 of the half-life; that of a curve which never left chance is the shortest of the grid."""
        best = fit(rows, self.distances, self.chance)
        learned = best.start_r >= LEARNED * (1 - self.chance)
        return np.log2(np.where(learned, best.half_life_r, SHORTEST))


def _fall_claim(name: str, label: str) -> Claim:
    return Claim(
        f"the {label} falls with distance",
        (name,),
        "accuracy",
        lambda rows, ranges: ranges.fall(rows[0]),
        f"accuracy up to {SHORT} tokens minus accuracy from {LONG} tokens on",
    )


CLAIMS = (
    Claim(
        "LSTM > RNN at long range",
        ("lstm", "rnn"),
        "accuracy",
        lambda rows, ranges: ranges.long(rows[0]) - ranges.long(rows[1]),
        f"difference of mean accuracy from {LONG} tokens on",
    ),
    _fall_claim("rnn", "RNN"),
    _fall_claim("lstm", "LSTM"),
    Claim(
        "the RNN falls faster than the LSTM",
        ("lstm", "rnn"),
        "doublings",
        lambda rows, ranges: ranges.log_half_life(rows[0]) - ranges.log_half_life(rows[1]),
        "log2 of the ratio of the half-lives, LSTM to RNN",
    ),
    Claim(
        "attention does not fall with distance",
        ("attention",),
        "accuracy",
        lambda rows, ranges: MARGIN - ranges.fall(rows[0]),
        f"{MARGIN:g} minus the fall from up to {SHORT} tokens to {LONG} tokens and more",
    ),
)


def _exceeds(one: str, other: str) -> Claim:
    return Claim(
        f"{probe_label(one)} > {probe_label(other)} beyond the trained lengths",
        (one, other),
        "accuracy",
        lambda rows, ranges: ranges.beyond(rows[0]) - ranges.beyond(rows[1]),
        "difference of mean accuracy at lengths above any in training",
    )


STATE_CLAIMS = tuple(
    _exceeds(one, other) for one in ("rnn", "lstm") for other in ("mingru", "deltanet", "attention")
)  # fmt: skip
"""That a nonlinear recurrence follows a machine where what is computed in parallel over time does not."""


def judged(
    tables: Mapping[str, Measurements],
    distances: tuple[int, ...],
    chance: float,
    expected: tuple[Claim, ...] = CLAIMS,
    trained: int = LONG - 1,
) -> list[ProbeClaim]:
    """Every claim whose models are there, with effect, interval, p-value and verdict.

    Where the distances do not reach from short to long range there is nothing to test, and the claims say so.

    Args:
        tables: right answers by model: seed, item and distance.
        distances: asked at.
        chance: accuracy of guessing.
        expected: the claims.
        trained: the longest distance in training.
    """
    made = [claim for claim in expected if all(name in tables for name in claim.models)]
    if min(distances) > SHORT or max(distances) < LONG:
        reason = (
            f"not tested: the distances asked, {min(distances)} to {max(distances)}, do not reach from "
            f"{SHORT} or fewer to {LONG} or more"
        )
        return [_untested(claim, reason) for claim in made]
    if expected is STATE_CLAIMS and max(distances) <= trained:
        return [_untested(claim, f"not tested: no distance asked is above {trained}") for claim in made]
    ranges = _Ranges(distances, chance, trained)
    return [_judged(claim, [tables[name] for name in claim.models], ranges) for claim in made]


def _untested(claim: Claim, reason: str) -> ProbeClaim:
    return {
        "statement": claim.statement,
        "unit": claim.unit,
        "effect": None,
        "low": None,
        "high": None,
        "p_value": None,
        "over": None,
        "verdict": "not tested",
        "note": claim.note,
        "reason": reason,
    }


def _judged(claim: Claim, members: Sequence[Measurements], ranges: _Ranges) -> ProbeClaim:
    found = left_out([member.merged(MERGED) for member in members])
    effect_r = claim.effect(found.means, ranges)
    note = too_few(found.units, "questions") if found.units < FEWEST else ""
    parts = [] if note else found.parts(effect_r)
    if parts and claim.unit == "accuracy":
        parts = _with_doubt(parts, members, ranges)
    effect = effect_of(effect_r[0], parts, found, note)
    answer: ProbeClaim = {
        "statement": claim.statement,
        "unit": claim.unit,
        "effect": effect.effect,
        "low": effect.low,
        "high": effect.high,
        "p_value": effect.p_value,
        "verdict": effect.verdict,
        "over": effect.over,
        "note": claim.note,
    }
    if note:
        answer["reason"] = note
    return answer


def _with_doubt(parts: list[Part], members: Sequence[Measurements], ranges: _Ranges) -> list[Part]:
    """The parts with what one more question answered for the claim, and one against it, would add to the last.

    Where every answer is right, nothing varies and the next may still be wrong (Agresti and Caffo 2000 add two answers
    for the same reason).
    """
    questions = members[0].units * ranges.fewest
    *others, last = parts
    return [*others, replace(last, variance=last.variance + len(members) * 2 / questions**2)]
