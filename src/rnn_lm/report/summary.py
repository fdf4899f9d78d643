"""Results in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_lm.report import numbers
from rnn_lm.report.results import Policy, Results
from rnn_lm.report.tables import policies, scored_models


def verdict(results: Results) -> str:
    """What came out under the first context policy: the best model, the others, and how the claims fared."""
    scored = policies(results)
    if not scored:
        return "No model was scored."
    ranking, verdicts = (
        _ranking(results, scored[0]),
        [c["verdict"] for c in results["claims"] if c["policy"] == scored[0]],
    )
    return f"{ranking}; {_counted(verdicts)}." if verdicts else f"{ranking}."


def probes_verdicts(results: Results) -> list[str]:
    """How the claims about each language of the long-range probe fared; none where it was not asked."""
    if "probes" not in results:
        return []
    verdicts = {p["label"]: [claim["verdict"] for claim in p["claims"]] for p in results["probes"]["probes"]}
    return [f"{label}: {_counted(found)}." for label, found in verdicts.items()]


def what_was_run(results: Results) -> str:
    """Models, text and effort."""
    corpus, made = results["corpus"], results["made"]
    labels = " · ".join(model["label"] for model in results["models"])
    tokens = corpus["splits"]["train"]["tokens"] if "train" in corpus["splits"] else 0
    seeds = max((len(model["seeds"]) for model in results["models"]), default=0)
    runs = "one seed" if seeds == 1 else f"{seeds} seeds"
    return (
        f"{labels}: trained on {numbers.count(tokens)} tokens of {corpus['name']} with {runs}, "
        f"in {numbers.duration(made['seconds'])} on {made['threads']} threads."
    )


def _ranking(results: Results, policy: Policy) -> str:
    scored = [(model["label"], model["perplexity"][policy]["test"]) for model in scored_models(results, policy)]
    scored.sort(key=lambda pair: pair[1]["perplexity"])
    (best, score), others = scored[0], scored[1:]
    against = _listed([f"{other['perplexity']:.1f} ({label})" for label, other in others])
    known = score["low"] is not None and score["high"] is not None
    reach = f"95% interval {score['low']:.1f} to {score['high']:.1f}" if known else score.get("note", "no interval")
    interval = f"{score['perplexity']:.1f} ({reach})"
    lead = f"Under policy “{policy}”, {best} reaches the lowest test perplexity, {interval}"
    return f"{lead}, against {against}" if others else lead


def _counted(verdicts: Sequence[str]) -> str:
    untested = verdicts.count("not tested")
    tested = len(verdicts) - untested
    counts = [(verdicts.count(kind), kind) for kind in ("supported", "not supported", "undecided")]
    stated = _listed([f"{number} {'is' if number == 1 else 'are'} {kind}" for number, kind in counts if number])
    shown = f"of {tested} claims tested there, {stated}" if tested else "no claim could be tested there"
    return f"{shown}; {untested} could not be tested" if tested and untested else shown


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else "nothing"
