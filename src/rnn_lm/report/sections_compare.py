"""The page's sections on what was measured: claims, perplexity, seen context, learning, gradient norms."""

from __future__ import annotations

from rnn_lm.report import figures_compare as figures
from rnn_lm.report import tables
from rnn_lm.report.numbers import MISSING, Number
from rnn_lm.report.results import ModelResult, Policy, Results
from rnn_lm.report.sections import Block, Columns, Details, Figure, Heading, Paragraph, Section, section
from rnn_lm.report.thinning import FIGURE_POINTS

HALF_WIDTH = 400
"""Width in px of the fixed picture of a figure that shares its row."""


@section("claims", position=10)
def claims(results: Results) -> Section | None:
    """The claims table."""
    if not results["claims"]:
        return None
    how = Paragraph(
        "Each claim is tested on the same test sentences for all models, under one context policy at a time. It is "
        "supported where the 95% interval lies wholly on the claimed side of zero, not supported where it lies wholly "
        "on the other side, and undecided where it holds zero, or where the text is too small for an interval. Not "
        "tested is what this text gave no occasion to test."
    )
    return Section("Claims", "claims", (how, *tables.claims_tables(results)))


@section("perplexity", position=20)
def perplexity(results: Results) -> Section | None:
    """A figure and a table for each policy."""
    scored = tables.policies(results)
    if not scored:
        return None
    how = Paragraph(
        "Perplexity counts every token of the test text once, the end of each sentence included. The context policies "
        "ask different questions, so figures are compared within one of them, never across."
    )
    return Section(
        "Perplexity", "perplexity", (how, *(block for policy in scored for block in _policy(results, policy)))
    )


def _policy(results: Results, policy: Policy) -> tuple[Block, ...]:
    table, seeds = tables.perplexity_table(results, policy), tables.seeds_table(results, policy)
    known = any(
        model["perplexity"][policy]["test"]["low"] is not None for model in tables.scored_models(results, policy)
    )
    lines = "Line: 95% interval over test sentences (and seeds, where there are several). " if known else ""
    ticks = "Thin ticks: single seeds. " if seeds.rows else ""
    chart = Figure(
        name=f"perplexity-{policy}",
        chart=figures.perplexity_figure(results, policy),
        caption=f"Test perplexity. {lines}{ticks}Lower is better.",
        description=f"Test perplexity with {tables.POLICIES[policy]}: "
        + "; ".join(f"{row[0]} {row[1]}, 95% interval {row[2]}" for row in table.rows),
        numbers=(seeds,) if seeds.rows else (),
    )
    return Heading(f"Policy “{policy}”: {tables.POLICIES[policy]}"), chart, table


@section("seen-context", position=30)
def seen_context(results: Results) -> Section | None:
    """The breakdown by the longest context seen in training, and the gain on the n-gram."""
    table = tables.breakdown_table(results)
    if not table.rows:
        return None
    how = Paragraph(
        "Test tokens are sorted by the longest part of their context that stands in the training text. An n-gram that "
        "has never seen the last words together must fall back on fewer of them; what a neural model gains there, it "
        "gains by generalizing."
    )
    blocks: list[Block] = [how, _breakdown_figure(results, table)]
    if tables.ngram_breakdown(results) and any(row[-1] != MISSING for row in table.rows):
        blocks.append(_gain_figure(results))
    return Section("By seen context", "seen-context", tuple(blocks))


def _breakdown_figure(results: Results, table: tables.Table) -> Figure:
    policy = next((score.get("policy") for model in results["models"] for score in model["breakdown"]), None)
    known = any(score["low"] is not None for model in results["models"] for score in model["breakdown"])
    lines = " Lines: 95% intervals, in places shorter than the marker is high." if known else ""
    under = f", policy “{policy}”" if policy else ""
    return Figure(
        name="seen-context-perplexity",
        chart=figures.breakdown_figure(results),
        caption=f"Test perplexity (log scale{under}) by the number of tokens before the predicted one that training "
        f"contains as a sequence.{lines}",
        description="Test perplexity of each model in groups of tokens, from contexts never seen in training to those "
        "of which four tokens or more were seen. The table below holds the figures.",
        numbers=(table,),
    )


def _gain_figure(results: Results) -> Figure:
    return Figure(
        name="seen-context-gain",
        chart=figures.gain_figure(results),
        caption="Bits per token that each model saves against the n-gram on the same tokens. Above zero the model is "
        "better, below zero the n-gram.",
        description="Gain of each neural model on the n-gram, in bits per token, for the same groups of tokens. "
        "The table below holds the figures.",
        numbers=(tables.breakdown_table(results),),
    )


@section("learning", position=40)
def learning(results: Results) -> Section | None:
    """Perplexity during training, by tokens read and by time."""
    table = tables.curve_table(results)
    if not table.rows:
        return None
    how = Paragraph(
        "Measured while training, on stretches of the valid text; the exact figures of the finished models stand under "
        "“Perplexity”. One line per model and seed, perplexity on a log scale."
    )
    axes = {"tokens": "tokens read", "seconds": "training time"}
    shown = tuple(
        Figure(
            name=f"learning-{by}",
            chart=figures.learning_figure(results, by),
            caption=f"Valid perplexity by {axes[by]}.",
            description=f"Valid perplexity of each model falling with {axes[by]}. The table below holds the figures.",
            numbers=(table,),
            width=HALF_WIDTH,
        )
        for by in ("tokens", "seconds")
    )
    return Section("Learning curves", "learning", (how, Columns(shown)))


@section("gradient-norms", position=50)
def gradient_norms(results: Results) -> Section | None:
    """A panel per model with norms before and after clipping, on one scale."""
    logged = [model for model in results["models"] if model["gradient_norms"]]
    if not logged:
        return None
    how = Paragraph(
        "The global norm of the gradient during training. Where nothing is clipped, it is the same before and after; "
        "the dark line is the highest norm that clipping leaves. All panels share one log scale. Drag a panel to move "
        "along its steps, turn the wheel with Shift held to zoom, double-click to go back."
    )
    domain = figures.norms_domain(results)
    panels = Columns(tuple(_norms_panel(model, domain) for model in logged))
    layers = Details("Gradient norm of each layer", (tables.layer_norms_table(results),))
    return Section("Gradient norms", "gradient-norms", (how, panels, tables.norms_table(results), layers))


def _norms_panel(model: ModelResult, domain: tuple[Number, Number]) -> Figure:
    norms, steps = model["gradient_norms"][0], len(model["gradient_norms"][0]["step"])
    seeds = (
        f"seed {norms['seed']} of {len(model['gradient_norms'])}"
        if len(model["gradient_norms"]) > 1
        else "its one seed"
    )
    thinned = f" Of {steps:,} steps, the lowest and highest norm of each {2 * steps / FIGURE_POINTS:.0f} are drawn."
    return Figure(
        name=f"gradient-norm-{model['name']}",
        chart=figures.norms_figure(model, norms, domain),
        caption=f"{model['label']}, {seeds}: {100 * norms['clipped_share']:.0f}% of steps were clipped."
        + (thinned if steps > FIGURE_POINTS else ""),
        description=f"Gradient norm of {model['label']} by training step, before and after clipping.",
        numbers=(tables.norm_stretches_table(model["label"], norms),),
        width=HALF_WIDTH,
    )
