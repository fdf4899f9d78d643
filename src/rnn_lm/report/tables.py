"""Tables as plain text cells, made from results once and shown by the page, the terminal and Markdown alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

import numpy as np

from rnn_lm.report import numbers
from rnn_lm.report.results import Claim, GradientNorms, MatchScore, ModelResult, Policy, Results

POLICIES: dict[Policy, str] = {
    "stream": "state carried over the whole text",
    "sentence": "every sentence from the initial state",
}
"""The context policies and what each means, in the order in which they are shown."""


UNK_TOLERANCE = 1.5
"""How many times its share of the valid text <unk> may have in the test text before a table speaks of it."""


@dataclass(frozen=True)
class Column:
    """A column's title; figures are aligned to the right."""

    title: str
    align: Literal["left", "right"] = "right"


@dataclass(frozen=True)
class Table:
    """Rows of text cells; the first column names the row.

    Attributes:
        caption: what the table shows.
        columns: the columns.
        rows: cells, one per column.
        row_classes: for the page, a style class per row; empty where rows are all alike.
        notes: what stands below, a line each: why a cell is empty.
        telling: the row that tells most, by its index: the one that a page shows of a long table.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    row_classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    telling: int = 0

    def without(self, title: str) -> Table:
        """The same table without the column called ``title``."""
        return self.only([i for i, column in enumerate(self.columns) if column.title != title])

    def only(self, kept: Sequence[int]) -> Table:
        """The same table with the columns of these indices."""
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[i] for i in kept), rows=rows)


def text_column(title: str) -> Column:
    """A column of words."""
    return Column(title, "left")


def missing_intervals(rows: Iterable[tuple[str, Mapping[str, Any]]], key: str = "note") -> tuple[str, ...]:
    """Why there is a dash instead of an interval, a line for each reason with the rows that it holds for.

    Args:
        rows: what a row is called, and its entry in the results, with ``low`` and, perhaps, the reason.
        key: of the reason.
    """
    named = [(name, entry.get(key, "") if entry["low"] is None else "") for name, entry in rows]
    lines = []
    for reason in dict.fromkeys(own for _, own in named if own):
        names = dict.fromkeys(name for name, own in named if own == reason)
        which = "" if all(own == reason for _, own in named) else f"{', '.join(names)}: "
        lines.append(f"{numbers.MISSING} {which}{reason}")
    return tuple(lines)


def policies(results: Results) -> list[Policy]:
    """The policies under which at least one model has a test score."""
    return [policy for policy in POLICIES if scored_models(results, policy)]


def scored_models(results: Results, policy: Policy) -> list[ModelResult]:
    """The models with a test score under ``policy``."""
    return [model for model in results["models"] if "test" in model["perplexity"].get(policy, {})]


def perplexity_table(results: Results, policy: Policy) -> Table:
    """One row per model: perplexity on test and valid, its interval, bits, size and training time."""
    columns = (
        text_column("Model"), Column("Test perplexity"), Column("95% interval"), Column("Valid perplexity"),
        Column("Bits per token"), Column("Bits per char."), Column("Parameters"), Column("Training"),
    )  # fmt: skip
    models = scored_models(results, policy)
    rows = tuple(_perplexity_row(model, policy) for model in models)
    if any(_much_unknown(model, policy) for model in models):
        columns += (Column("<unk>"), Column("Perplexity without <unk>"))
        rows = tuple((*row, *_unknown_cells(model, policy)) for row, model in zip(rows, models, strict=True))
    notes = missing_intervals((model["label"], model["perplexity"][policy]["test"]) for model in models)
    return Table(f"Policy “{policy}”: {POLICIES[policy]}", columns, rows, notes=notes)


def _much_unknown(model: ModelResult, policy: Policy) -> bool:
    """Whether more of the test text is ``<unk>`` than of the valid text, so that a perplexity flatters the model."""
    scores = model["perplexity"][policy]
    test, valid = (scores[split].get("unk_share") if split in scores else None for split in ("test", "valid"))
    return test is not None and test > (0.0 if valid is None else valid) * UNK_TOLERANCE


def _unknown_cells(model: ModelResult, policy: Policy) -> tuple[str, str]:
    test = model["perplexity"][policy]["test"]
    share = test.get("unk_share")
    return numbers.MISSING if share is None else numbers.share(share), numbers.perplexity(
        test.get("perplexity_without_unk")
    )


def _perplexity_row(model: ModelResult, policy: Policy) -> tuple[str, ...]:
    scores = model["perplexity"][policy]
    test, valid = scores["test"], scores.get("valid")
    return (
        model["label"],
        numbers.perplexity(test["perplexity"]),
        numbers.interval(test["low"], test["high"]),
        numbers.perplexity(valid["perplexity"] if valid else None),
        numbers.bits(test["bits_per_token"]),
        numbers.bits(test["bits_per_character"]),
        numbers.count(model["parameters"]),
        numbers.duration(model["seconds"]),
    )


def seeds_table(results: Results, policy: Policy) -> Table:
    """Test perplexity of every seed of the models that have several."""
    models = [model for model in scored_models(results, policy) if len(model["seeds"]) > 1]
    rows = tuple(
        (model["label"], str(seed), numbers.perplexity(value))
        for model in models
        for seed, value in zip(model["seeds"], model["perplexity"][policy]["test"]["per_seed"], strict=False)
    )
    columns = (text_column("Model"), Column("Seed"), Column("Test perplexity"))
    return Table(f"Test perplexity of each seed, policy “{policy}”", columns, rows)


def claims_tables(results: Results) -> list[Table]:
    """A table per policy with a row per claim: verdict, effect with its 95% interval, p-value and a note.

    The unit of the effects stands in the heading where all have the same, else in a column.
    """
    found = dict.fromkeys(claim["policy"] for claim in results["claims"])
    return [_claims_table([claim for claim in results["claims"] if claim["policy"] == policy]) for policy in found]


def _claims_table(claims: list[Claim]) -> Table:
    units = {claim["unit"] for claim in claims}
    effect = f"Effect ({units.pop()})" if len(units) == 1 else "Effect"
    columns = (
        text_column("Claim"), text_column("Verdict"), Column(effect), Column("95% interval"), text_column("Unit"),
        Column("p"), text_column("Note"),
    )  # fmt: skip
    rows = tuple(_claim_row(claim) for claim in claims)
    classes = tuple(claim["verdict"].replace(" ", "-") for claim in claims)
    notes = missing_intervals(((claim["statement"], claim) for claim in claims), "reason")
    table = Table(f"Claims under policy “{claims[0]['policy']}”", columns, rows, classes, notes)
    return table.without("Unit") if effect != "Effect" else table


def _claim_row(claim: Claim) -> tuple[str, ...]:
    effect, low, high = numbers.signed(claim["effect"], claim["low"], claim["high"])
    return (
        claim["statement"],
        claim["verdict"],
        effect,
        numbers.MISSING if claim["low"] is None else f"{low} to {high}",
        claim["unit"],
        numbers.p_value(claim["p_value"]),
        claim["note"],
    )


def splits_table(results: Results) -> Table:
    """Size of each split."""
    columns = (text_column("Split"), *map(Column, ("Sentences", "Tokens", "Types", "Out of vocabulary", "Characters")))
    rows = tuple(
        (
            name,
            *(numbers.count(n) for n in (split["sentences"], split["tokens"], split["types"])),
            numbers.share(split["oov_rate"]),
            numbers.count(split["characters"]),
        )
        for name, split in results["corpus"]["splits"].items()
    )
    return Table("The splits; the vocabulary comes from train alone", columns, rows)


def facts_table(caption: str, facts: dict[str, str]) -> Table:
    """Names and values, one per row, without column titles."""
    return Table(caption, (text_column(""), text_column("")), tuple(facts.items()))


def gain_in_bits(baseline: MatchScore, other: MatchScore) -> float:
    """Bits per token that ``other`` needs fewer than ``baseline`` on the same tokens."""
    return math.log2(baseline["perplexity"]) - math.log2(other["perplexity"])


def breakdown_table(results: Results) -> Table:
    """One row per length of seen context and model: tokens, perplexity, and the gain over the n-gram."""
    columns = (
        text_column("Seen context"), text_column("Model"), Column("Tokens"), Column("Perplexity"),
        Column("95% interval"), Column("Bits per token gained on the n-gram"),
    )  # fmt: skip
    baseline = {score["match"]: score for score in ngram_breakdown(results)}
    rows = [
        (
            score["match"],
            model["label"],
            numbers.count(score["token_count"]),
            numbers.perplexity(score["perplexity"]),
            numbers.interval(score["low"], score["high"]),
            f"{gain_in_bits(baseline[score['match']], score):+.3f}".replace("-", "−")
            if score["match"] in baseline and model["kind"] != "ngram"
            else numbers.MISSING,
        )
        for model in results["models"]
        for score in model["breakdown"]
    ]
    rows.sort(key=lambda row: row[0])
    notes = missing_intervals(
        (f"{model['label']} at {score['match']}", score) for model in results["models"] for score in model["breakdown"]
    )
    caption = "Test perplexity by the longest context that training contains, in tokens"
    return Table(caption, columns, tuple(rows), notes=notes)


def ngram_breakdown(results: Results) -> list[MatchScore]:
    """The n-gram's breakdown, empty where there is no n-gram."""
    return next((model["breakdown"] for model in results["models"] if model["kind"] == "ngram"), [])


def curve_table(results: Results) -> Table:
    """The validation points of every learning curve."""
    columns = (text_column("Model"), *map(Column, ("Seed", "Step", "Tokens read", "Time", "Train", "Valid")))
    rows = tuple(
        (
            model["label"], str(curve["seed"]), numbers.count(point["step"]), numbers.count(point["tokens"]),
            numbers.duration(point["seconds"]), numbers.perplexity(point["train_perplexity"]),
            numbers.perplexity(point["valid_perplexity"]),
        )
        for model in results["models"]
        for curve in model["curves"]
        for point in curve["points"]
        if point["valid_perplexity"] is not None
    )  # fmt: skip
    return Table("Train and valid perplexity during training", columns, rows)


def norms_table(results: Results) -> Table:
    """One row per model and seed: how large gradients were and how often they were clipped."""
    titles = ("Seed", "Steps", "Median", "95th percentile", "Largest", "Steps clipped", "Loss spikes")
    rows = tuple(
        (
            model["label"], str(norms["seed"]), numbers.count(len(norms["step"])),
            *(numbers.significant(_quantile(norms["before"], q)) for q in (0.5, 0.95, 1.0)),
            numbers.share(norms["clipped_share"]), numbers.count(norms["loss_spikes"]),
        )
        for model in results["models"]
        for norms in model["gradient_norms"]
    )  # fmt: skip
    caption = "Global gradient norm before clipping, over all steps"
    return Table(caption, (text_column("Model"), *map(Column, titles)), rows)


def layer_norms_table(results: Results) -> Table:
    """One row per model and layer: the median gradient norm, seeds together."""
    rows = tuple(
        (model["label"], layer, *(numbers.significant(_quantile(values, q)) for q in (0.05, 0.5, 0.95)))
        for model in results["models"]
        for layer, values in _layers(model).items()
    )
    titles = ("5th percentile", "Median", "95th percentile")
    columns = (text_column("Model"), text_column("Layer"), *map(Column, titles))
    return Table("Gradient norm of each layer before clipping", columns, rows)


def norm_stretches_table(label: str, norms: GradientNorms, stretches: int = 12) -> Table:
    """Median and largest norm before and after clipping in equal stretches of the steps."""
    parts = [part for part in np.array_split(np.arange(len(norms["step"])), stretches) if len(part)]
    rows = []
    for part in parts:
        first, last = int(part[0]), int(part[-1]) + 1
        before, after = norms["before"][first:last], norms["after"][first:last]
        cells = (_quantile(values, q) for values in (before, after) for q in (0.5, 1.0))
        rows.append((f"{norms['step'][first]:,} to {norms['step'][last - 1]:,}", *map(numbers.significant, cells)))
    columns = ("Median before", "Largest before", "Median after", "Largest after")
    caption = f"Gradient norm of {label}, seed {norms['seed']}"
    return Table(caption, (text_column("Steps"), *map(Column, columns)), tuple(rows))


def samples_by_prompt(results: Results) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(prompt, settings as text, (model's label, text)) for each prompt and setting, in order of appearance."""
    found = [
        ((sample["prompt"], settings_text(sample["settings"])), (model["label"], sample["text"]))
        for model in results["models"]
        for sample in model["samples"]
    ]
    order = list(dict.fromkeys(key for key, _ in found))
    found.sort(key=lambda pair: order.index(pair[0]))
    return [(*key, [text for _, text in group]) for key, group in groupby(found, key=lambda pair: pair[0])]


def settings_text(settings: dict[str, object]) -> str:
    """Settings in one line; those that are off (None) are left out."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items() if value is not None)


def _layers(model: ModelResult) -> dict[str, list[float | None]]:
    names = dict.fromkeys(layer for norms in model["gradient_norms"] for layer in norms["layers"])
    return {name: [v for norms in model["gradient_norms"] for v in norms["layers"].get(name, [])] for name in names}


def _quantile(values: Sequence[numbers.Number | None], q: float) -> float | None:
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.quantile(finite, q)) if finite else None
