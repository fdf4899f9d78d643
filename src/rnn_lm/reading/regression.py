"""How much surprisal adds to a regression of reading times, on stories that the regression has not seen.

    log time = intercept + length + frequency + length x frequency       of the word
                         + length + frequency                            of each of the two words before
                         + surprisal of the word and of the two before   <- what is asked

Each story is left out in turn: both regressions, without and with the last line, are fitted by least squares to the
other stories, and give the left-out words a Gaussian log-likelihood with the variance of the residuals they were fitted
with. The gain is the difference per word (Goodkind and Bicknell 2018 call what it measures a model's psychometric
power). Its interval is the jackknife's over stories: words of one story are not independent.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from rnn_lm.evaluation.intervals import FEWEST, Effect, Measurements
from rnn_lm.evaluation.jackknife import effect_of, left_out, too_few

SPILL_OVER = 2
"""Words before, that still cost time."""


def least_squares(x_nk: Float64[np.ndarray, "N K"], y_n: Float64[np.ndarray, "N"]) -> tuple[np.ndarray, float]:
    """Return the coefficients of a linear regression and its residuals' variance (maximum likelihood).

    statsmodels does it where it is installed, numpy where it is not; they agree.
    """
    if importlib.util.find_spec("statsmodels") is not None:
        from statsmodels.regression.linear_model import OLS  # pyright: ignore[reportMissingImports]

        with warnings.catch_warnings():
            # Of a few words, columns can depend on each other; what is predicted is the same whatever the coefficients.
            warnings.filterwarnings("ignore", message="The design matrix is rank-deficient")
            found = OLS(y_n, x_nk).fit()
        return np.asarray(found.params), float(found.ssr) / len(y_n)
    coefficients_k, *_ = np.linalg.lstsq(x_nk, y_n, rcond=None)
    return coefficients_k, float(np.mean((y_n - x_nk @ coefficients_k) ** 2))


def log_likelihoods(
    x_nk: Float64[np.ndarray, "N K"], y_n: Float64[np.ndarray, "N"], story_n: Int64[np.ndarray, "N"]
) -> Float64[np.ndarray, "N"]:
    """Return log p(y) of every observation, in nats, by the regression fitted to the other stories."""
    found_n = np.empty(len(y_n))
    for story in np.unique(story_n):
        held_n = story_n == story
        coefficients_k, variance = least_squares(x_nk[~held_n], y_n[~held_n])
        residual_m = y_n[held_n] - x_nk[held_n] @ coefficients_k
        found_n[held_n] = -0.5 * (residual_m**2 / variance + math.log(2 * math.pi * variance))
    return found_n


def over_stories(value_n: Float64[np.ndarray, "N"], story_n: Int64[np.ndarray, "N"]) -> Effect:
    """Return the mean of a value over words, its interval by the jackknife over stories, and the p-value of 0."""
    stories = np.unique(story_n)
    sums_s = np.array([value_n[story_n == story].sum() for story in stories])
    counts_s = np.array([(story_n == story).sum() for story in stories])
    found = left_out([Measurements(sums_s[None, :, None], counts_s[:, None])])
    means_r = found.means[0][:, 0]
    note = too_few(len(stories), "stories") if len(stories) < FEWEST else ""
    return effect_of(means_r[0], [] if note else found.parts(means_r), found, note)


def with_spill_over(
    columns: Sequence[Float64[np.ndarray, "N"]], spill_over: int = SPILL_OVER
) -> Float64[np.ndarray, "N K"]:
    """Return each column, and the same of the words before; nan where there is none.

    Args:
        columns: of one text, a number for each word.
        spill_over: how many words before.
    """
    found = []
    for column_n in columns:
        for back in range(spill_over + 1):
            shifted_n = np.full(len(column_n), np.nan)
            shifted_n[back:] = column_n[: len(column_n) - back]
            found.append(shifted_n)
    return np.stack(found, axis=1)
