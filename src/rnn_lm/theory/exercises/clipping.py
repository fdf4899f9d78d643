"""Exercise 4 checked: the formulas of ``theory/clipping.py`` against the clipping of the training loop."""

from __future__ import annotations

import itertools
import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator
from rnn_lm.theory.bptt import decoder_gradients, pair_gradients
from rnn_lm.theory.clipping import Cliff, cosine, gaussian_cosine, norm_factor, spike_cosine
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.exercises.bptt import EMBEDDING_SIZE, VOCABULARY
from rnn_lm.theory.results import Angle, ClippingCurves, Landscape, PathPoint
from rnn_lm.theory.statement import Statement, at_least, at_most, equal
from rnn_lm.training.optimizer import clip_gradients, global_norm


def clipped(gradient_n: Float[Tensor, " N"], by: str, threshold: float) -> Float[Tensor, " N"]:
    """What ``clip_gradients`` makes of a gradient; ``by`` is "norm" or "value"."""
    config = TrainingConfig(clip=by, clip_threshold=threshold)  # pyright: ignore[reportArgumentType]
    parts = [gradient_n.clone()]
    clip_gradients(parts, global_norm(parts), config)
    return parts[0]


class Descent(NamedTuple):
    """Gradient descent from many starts at once.

    Attributes:
        path_usn: parameters before each of U updates and after the last, for S starts.
        loss_us: the loss there.
        norm_us: the gradient's norm there, before clipping.
    """

    path_usn: Tensor
    loss_us: Tensor
    norm_us: Tensor


def descend(
    cliff: Cliff, start_sn: Float[Tensor, "S 2"], learning_rate: float, config: TrainingConfig, updates: int
) -> Descent:
    """Plain gradient descent, each start by itself, every gradient clipped as ``config`` says."""
    point_sn, path, losses, norms = start_sn, [], [], []
    value_and_gradient = torch.func.vmap(torch.func.grad_and_value(cliff.loss))
    for update in range(updates + 1):
        gradient_sn, loss_s = value_and_gradient(point_sn)
        path.append(point_sn)
        losses.append(loss_s)
        norms.append(torch.linalg.vector_norm(gradient_sn, dim=1))
        if update == updates:
            break
        gradient_sn = gradient_sn.clone()
        for gradient_n, norm in zip(gradient_sn, norms[-1].tolist(), strict=True):
            clip_gradients([gradient_n], norm, config)
        point_sn = point_sn - learning_rate * gradient_sn
    return Descent(torch.stack(path), torch.stack(losses), torch.stack(norms))


def run(config: TheoryConfig) -> tuple[list[Statement], ClippingCurves]:
    """The exercise's statements and the curves of its figure."""
    random = generator(config.theory_seed, "theory: clipping")
    by_value, angles = _by_value(random)
    cliff, landscape, paths = _cliff()
    return [*_by_norm(random), *_by_lag(config, random), *by_value, *cliff], {
        "angles": angles,
        "landscape": landscape,
        "paths": paths,
    }


def _by_norm(random: torch.Generator) -> list[Statement]:
    size, threshold = 1000, 1.0
    gradient_n = torch.randn(size, generator=random, dtype=torch.float64)
    norm = float(torch.linalg.vector_norm(gradient_n))
    found_n = clipped(gradient_n, "norm", threshold)
    within_nu = torch.randn(size, 500, generator=random, dtype=torch.float64)
    within_nu *= threshold * torch.rand(500, generator=random, dtype=torch.float64) / within_nu.norm(dim=0)
    nearest = float((gradient_n.unsqueeze(1) - within_nu).norm(dim=0).min())
    small_n = gradient_n * (0.999 * threshold / norm)
    detail = f"{size} elements, norm {norm:.3f}, threshold {threshold}"
    return [
        equal("norm clipping: direction", "cos(clip(g), g) = 1", 1.0, cosine(found_n, gradient_n), detail),
        equal(
            "norm clipping: length",
            "‖clip(g)‖ = min(‖g‖, c)",
            min(norm, threshold),
            float(torch.linalg.vector_norm(found_n)),
            detail,
        ),
        equal(
            "norm clipping: every element",
            "clip(g) = min(1, {c}//{‖g‖}) g",
            norm_factor(norm, threshold) * gradient_n,
            found_n,
            detail,
        ),
        at_least(
            "norm clipping: nearest point of the ball",
            "‖g - u‖ ≥ ‖g - clip(g)‖ for ‖u‖ ≤ c",
            float(torch.linalg.vector_norm(gradient_n - found_n)),
            nearest,
            f"{detail}; nearest of 500 random points of the ball",
        ),
        equal(
            "norm clipping: a small gradient is untouched",
            "‖g‖ ≤ c, clip(g) = g",
            small_n,
            clipped(small_n, "norm", threshold),
            f"norm {0.999 * threshold}, threshold {threshold}; equal bit by bit",
            tolerance=0.0,
        ),
    ]


def _by_lag(config: TheoryConfig, random: torch.Generator) -> list[Statement]:
    """Clipping cannot bring back what has vanished: every lag's share of the gradient is scaled alike."""
    by_lag = _lag_gradients(config, random)
    whole_n = by_lag.sum(0)
    norm = float(torch.linalg.vector_norm(whole_n))
    threshold = norm / 10
    factor = norm_factor(norm, threshold)
    detail = f"gradient of weight_hh at recurrent gain 0.7, clipped to a tenth of its norm {norm:.3g}"
    return [
        equal(
            "norm clipping: every lag is scaled alike",
            "clip(∑_l g_l) = ∑_l min(1, {c}//{‖g‖}) g_l",
            factor * by_lag.sum(0),
            clipped(whole_n, "norm", threshold),
            detail,
        ),
    ]


@torch.no_grad()
def _lag_gradients(config: TheoryConfig, random: torch.Generator) -> Float[Tensor, "T N"]:
    """The gradient of an Elman model's recurrent matrix, taken apart by lag."""
    settings = ModelConfig(
        cell="rnn", engine="hand", hidden_size=config.theory_size, tie_weights=False, recurrent_gain=0.7
    )
    model = RecurrentLanguageModel(VOCABULARY, EMBEDDING_SIZE, settings, random).double()
    steps = config.theory_steps
    input_tb, target_tb = (torch.randint(VOCABULARY, (steps, 1), generator=random) for _ in range(2))
    layer = model.torch_cells[0]
    zero_bh = torch.zeros(1, config.theory_size, dtype=torch.float64)
    hidden_tbh, _ = layer(model.embedding.weight[input_tb], (zero_bh,))
    _, upstream_tbh = decoder_gradients(model, hidden_tbh, target_tb)
    hidden_sbh = torch.cat([zero_bh.unsqueeze(0), hidden_tbh])
    pairs_tkn = pair_gradients(layer.weight_hh, hidden_sbh, 1 - hidden_tbh.square(), upstream_tbh).flatten(2)
    return torch.stack([pairs_tkn.diagonal(-lag).sum(-1) for lag in range(steps)])


def _by_value(random: torch.Generator) -> tuple[list[Statement], list[Angle]]:
    size = 1_000_000
    normal_n = torch.randn(size, generator=random, dtype=torch.float64)
    thresholds = [0.05, *(0.25 * step for step in range(1, 17))]
    predicted = [gaussian_cosine(threshold) for threshold in thresholds]
    measured = [cosine(clipped(normal_n, "value", threshold), normal_n) for threshold in thresholds]
    by_norm = [cosine(clipped(normal_n, "norm", threshold), normal_n) for threshold in thresholds]
    curve: list[Angle] = [
        {"threshold": threshold, "predicted": _degrees(a), "measured": _degrees(b), "norm": _degrees(c)}
        for threshold, a, b, c in zip(thresholds, predicted, measured, by_norm, strict=True)
    ]
    spike_n = torch.ones(100, dtype=torch.float64)
    spike_n[0] = 1e4
    turned = cosine(clipped(spike_n, "value", 1.0), spike_n)
    heavy_n = normal_n[:1000] / normal_n[1000:2000]
    detail = f"{size:,} normal elements, thresholds {thresholds[0]} to {thresholds[-1]} deviations; norm of the cosines"
    return [
        equal(
            "value clipping: angle of a normal gradient",
            "cos(clip(g), g) = {E[g clip(g)]}//{√{E[g^2] E[clip(g)^2]}}",
            torch.tensor(predicted, dtype=torch.float64),
            torch.tensor(measured, dtype=torch.float64),
            f"{detail}; tolerance 5 / sqrt(N) for the sample",
            tolerance=5 / math.sqrt(size),
        ),
        equal(
            "value clipping: one spike turns the gradient",
            "cos(clip(g), g) = {M + n - 1}//{√{n (M^2 + n - 1)}}",
            spike_cosine(1e4, 100),
            turned,
            f"g = (10000, 1, ..., 1), n = 100, c = 1: {_degrees(turned):.1f} degrees",
        ),
        at_least(
            "value clipping: never turns further than this",
            "cos(clip(g), g) ≥ {1}//{√{n}}",
            1 / math.sqrt(len(heavy_n)),
            cosine(clipped(heavy_n, "value", 0.1), heavy_n),
            f"{len(heavy_n)} elements with Cauchy tails, c = 0.1",
        ),
    ], curve


def _degrees(cos: float) -> float:
    return math.degrees(math.acos(min(cos, 1.0)))


LEARNING_RATE = 0.1

UPDATES = 60

SHOWN = (1.4, -0.18)
"""The start (w, b) whose two paths the figure shows."""


def _cliff() -> tuple[list[Statement], Landscape, list[PathPoint]]:
    """Descent on the cliff from a grid of starts, with clipping by norm and without."""
    cliff, threshold = Cliff(), 1.0
    grid = [SHOWN, *itertools.product((1.3 + 0.1 * i for i in range(15)), (-0.9 + 0.1 * j for j in range(12)))]
    start_sn = torch.tensor(grid, dtype=torch.float64)
    free = descend(cliff, start_sn, LEARNING_RATE, TrainingConfig(clip="none"), UPDATES)
    kept = descend(cliff, start_sn, LEARNING_RATE, TrainingConfig(clip="norm", clip_threshold=threshold), UPDATES)
    by_hand = torch.tensor([cliff.gradient(*point) for point in grid], dtype=torch.float64)
    measured = torch.func.vmap(torch.func.grad(cliff.loss))(start_sn)
    longest_free, longest_kept = (
        float(torch.linalg.vector_norm(d.path_usn.diff(dim=0), dim=2).max()) for d in (free, kept)
    )
    solved_free, solved_kept = (float((d.loss_us[-10:].max(0).values < 0.01).double().mean()) for d in (free, kept))
    detail = f"one unit, {cliff.steps} steps, {len(grid)} starts, {UPDATES} updates at learning rate {LEARNING_RATE}"
    statements = [
        equal(
            "cliff: gradient of a one-unit network",
            "{dh_t}//{dw} = (1 - h_t^2) (h_{t-1} + w {dh_{t-1}}//{dw})",
            by_hand,
            measured,
            f"{len(grid)} points (w, b); norm of all gradients",
        ),
        at_most("cliff: longest clipped step", "‖Δθ‖ ≤ η c", LEARNING_RATE * threshold, longest_kept, detail),
        equal(
            "cliff: longest step without clipping",
            "‖Δθ‖ = η ‖g‖",
            LEARNING_RATE * float(free.norm_us[:-1].max()),
            longest_free,
            detail,
        ),
        at_least(
            "cliff: more starts settle with clipping",
            "P(solved | clipped) ≥ P(solved | free)",
            solved_free,
            solved_kept,
            f"{detail}; share whose last 10 losses are below 0.01",
        ),
    ]
    return statements, _landscape(cliff), _paths(free, kept)


def _landscape(cliff: Cliff) -> Landscape:
    """The loss over a grid of (w, b), for the figure: loss[i][j] belongs to w[i], b[j]."""
    weights = [round(1.0 + 0.02 * i, 2) for i in range(56)]
    biases = [round(-0.5 + 0.02 * j, 2) for j in range(46)]
    grid_wb2 = torch.cartesian_prod(*(torch.tensor(axis, dtype=torch.float64) for axis in (weights, biases)))
    loss_wb = torch.func.vmap(cliff.loss)(grid_wb2).view(len(weights), len(biases))
    return {"w": weights, "b": biases, "loss": [[round(loss, 4) for loss in row] for row in loss_wb.tolist()]}


def _paths(free: Descent, kept: Descent) -> list[PathPoint]:
    """The two ways that descent takes from the start shown."""
    descents: tuple[tuple[Literal["none", "norm"], Descent], ...] = (("none", free), ("norm", kept))
    return [
        {"clip": clip, "update": update, "w": w, "b": b, "loss": loss, "norm": norm}
        for clip, descent in descents
        for update, ((w, b), loss, norm) in enumerate(
            zip(
                descent.path_usn[:, 0].tolist(),
                descent.loss_us[:, 0].tolist(),
                descent.norm_us[:, 0].tolist(),
                strict=True,
            )
        )
    ]
