"""The ``gradients`` part of a results file, read: where entries that are each as expected do not go together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_lm.gradients.results import Clipping, GradientsPart
from rnn_lm.report.limits import LARGEST

LARGEST_EXPONENT = 1e4
"""Of Lyapunov: a change that grew faster would leave a double's range in a single step."""


def inconsistencies(part: GradientsPart) -> Iterator[str]:
    """Where entries that are each as expected do not go together."""
    if not part["models"]:
        yield "models is empty"
        return
    if not any(model["weights"] == "trained" for model in part["models"]):
        yield "models: none is trained"
    lengths = next((model["truncation"]["bptt_length"] for model in part["models"] if "truncation" in model), [])
    for index, model in enumerate(part["models"]):
        where = f"models[{index}]"
        if "hidden" not in model["by_lag"]:
            yield f"{where}.by_lag.hidden is missing"
            return
        if "cell" in model["by_lag"] and not {"cell only", "cell rest"} <= model["by_lag"].keys():
            yield f"{where}.by_lag lacks a path of the cell"
        perplexity = model["facts"].get("valid_perplexity")
        if not isinstance(perplexity, float | int | None):
            yield f"{where}.facts.valid_perplexity is no number"
        for path in ("hidden", "cell", "cell only", "cell rest"):
            if path in model["by_lag"]:
                band = model["by_lag"][path]  # pyright: ignore[reportTypedDictNotRequiredAccess] (just asked)
                yield from _unequal(f"{where}.by_lag.{path}", band["mean"], band["low"], band["high"])
        step, singular = model["one_step"], model["one_step"]["singular_values"]
        yield from _unequal(
            f"{where}.one_step", step["tokens"], step["spectral_radius"], step["largest_singular_value"]
        )
        yield from _unequal(f"{where}.one_step.singular_values", singular["mean"], singular["low"], singular["high"])
        spectrum = model["lyapunov"]
        ends = (spectrum.get("low"), spectrum.get("high"), spectrum.get("standard_errors"))
        yield from _unequal(f"{where}.lyapunov", spectrum["exponents"], *(end for end in ends if end is not None))
        if not all(abs(exponent) <= LARGEST_EXPONENT for exponent in spectrum["exponents"]):
            yield f"{where}.lyapunov has an exponent beyond {LARGEST_EXPONENT:g}"
        yield from _unequal(f"{where}.product", model["product"]["steps"], model["product"]["log_norm"])
        if "truncation" in model:
            cut = model["truncation"]
            kinds = (cut["window_share"], cut["segments_share"], cut["window_error"], cut["segments_error"])
            yield from _unequal(f"{where}.truncation", cut["bptt_length"], *kinds)
            if cut["bptt_length"] != lengths or min(lengths, default=0) < 1:
                yield f"{where}: bptt_length is below 1, or not that of the other models"
        prediction = model["prediction"]
        yield from _unequal(f"{where}.prediction", prediction["measured"], prediction["predicted"])
        if len(prediction["measured"]) < 2:
            yield f"{where}.prediction has but one lag"
        if min(model["product"]["steps"], default=0) < 1:
            yield f"{where}.product: steps are below 1"
    yield from _clipping_inconsistencies(part["clipping"])


def _unequal(where: str, *columns: Sequence[object]) -> Iterator[str]:
    if not columns[0] or len({len(column) for column in columns}) > 1:
        yield f"{where} has no values, or lists of different lengths"


def _clipping_inconsistencies(clipping: Clipping) -> Iterator[str]:
    for setting in ("exploding", "vanishing"):
        rows = [row["clip"]["name"] for row in clipping["rows"] if row["setting"]["name"] == setting]
        runs = [run for run in clipping["runs"] if run["setting"] == setting]
        if not rows or not {run["clip"] for run in runs} <= set(rows):
            yield f"clipping.rows lacks the {setting} setting, or a way of clipping there"
    for index, run in enumerate(clipping["runs"]):
        by_lag = run["by_lag"]
        if by_lag and not all(norm >= 0 and (by_lag[0] == 0 or norm / by_lag[0] <= LARGEST) for norm in by_lag):
            yield f"clipping.runs[{index}].by_lag has a norm below 0, or one beyond any measure of the first"
    ended = [run["final_perplexity"] for run in clipping["runs"] if not run["diverged"]]
    if not all(perplexity is not None and perplexity > 0 for perplexity in ended):
        yield "clipping.runs: a run that did not diverge has no final_perplexity"
    if not any(run["norms"]["before"] for run in clipping["runs"] if run["setting"] == "exploding"):
        yield "clipping.runs: no gradient norms in the exploding setting"
    if clipping["vocabulary_size"] < 2:
        yield "clipping.vocabulary_size is below 2"
