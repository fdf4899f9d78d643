"""Figures hold the numbers of the results, within the sizes that a page can bear."""

from __future__ import annotations

import math
from importlib import resources
from pathlib import Path
from typing import Any

import altair as alt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.errors import UserError
from rnn_lm.report import figures_compare as figures
from rnn_lm.report import html as page_module
from rnn_lm.report import style
from rnn_lm.report.drawing import DrawingFailed
from rnn_lm.report.results import Results, check_results
from rnn_lm.report.sections import load_sections, sections_of
from rnn_lm.report.thinning import FIGURE_POINTS


@pytest.fixture(scope="module")
def checked(made_up_results: dict[str, Any]) -> Results:
    return check_results(made_up_results, "results")


def _rows(chart: alt.TopLevelMixin) -> list[dict[str, Any]]:
    return [row for rows in style.chart_spec(chart)["datasets"].values() for row in rows]


def test_perplexity_figure_shows_one_policy(checked: Results) -> None:
    for policy in ("stream", "sentence"):
        shown = {row["model"]: row["perplexity"] for row in _rows(figures.perplexity_figure(checked, policy))}
        assert shown == {m["label"]: m["perplexity"][policy]["test"]["perplexity"] for m in checked["models"]}


def test_gain_is_in_bits_against_the_ngram(checked: Results) -> None:
    ngram, rnn = checked["models"][0]["breakdown"], checked["models"][1]["breakdown"]
    rows = [row for row in _rows(figures.gain_figure(checked)) if row.get("model") == "RNN"]
    expected = [math.log2(a["perplexity"] / b["perplexity"]) for a, b in zip(ngram, rnn, strict=True)]
    assert [row["gain"] for row in rows] == pytest.approx(expected, rel=1e-4)
    assert all(row.get("model") != "n-gram" for row in _rows(figures.gain_figure(checked)))


def test_learning_figures_have_every_model_and_seed(checked: Results) -> None:
    rows = _rows(figures.learning_figure(checked, "seconds"))
    assert {(row["model"], row["seed"]) for row in rows} == {
        (label, seed) for label in ("RNN", "GRU", "LSTM", "LSTM, random input") for seed in (1, 2)
    }
    assert max(row["seconds"] for row in rows) == pytest.approx(400 / 60, rel=1e-4)  # minutes


def test_norms_are_thinned_with_peaks_kept(checked: Results) -> None:
    model = checked["models"][1]
    norms = model["gradient_norms"][0]
    rows = _rows(figures.norms_figure(model, norms, figures.norms_domain(checked)))
    before = [row["norm"] for row in rows if row["when"] == "before clipping"]
    assert len(before) <= FIGURE_POINTS < len(norms["before"])
    assert max(before) == pytest.approx(max(norm for norm in norms["before"] if norm is not None), rel=1e-5)
    assert max(row["norm"] for row in rows if row["when"] != "before clipping") <= 1.0


def test_empty_results_still_draw(checked: Results) -> None:
    nothing = Results(**{**checked, "models": []})
    for chart in (figures.breakdown_figure(nothing), figures.learning_figure(nothing, "tokens")):
        assert style.chart_spec(chart)
    assert figures.norms_domain(nothing) == (0.1, 10.0)


@given(st.floats(1e-6, 1e6), st.floats(1.01, 1e8))
@settings(deadline=None, max_examples=200)
def test_log_ticks_are_few_and_inside(low: float, factor: float) -> None:
    ticks = figures.log_ticks(low, low * factor)
    assert 2 <= len(ticks) <= 13
    assert ticks == sorted(ticks)
    assert all(low * 0.999 <= tick <= low * factor * 1.001 for tick in ticks)


def test_models_differ_in_color_dash_and_marker() -> None:
    styles = list(style.model_styles([*style.HOUSE_MODELS, "my-model", "another"]).values())
    for attribute in ("color", "dash", "marker"):
        assert len({getattr(one, attribute) for one in styles}) == len(styles)


def test_a_model_keeps_its_style_in_any_company() -> None:
    assert style.model_styles(["x", "lstm"])["lstm"] == style.model_styles(["lstm"])["lstm"]


def test_neutral_colors_are_exchanged_in_dark_pages() -> None:
    css = resources.files("rnn_lm.report").joinpath("page.css").read_text(encoding="utf-8")
    for color in (
        style.INK,
        style.MUTED,
        style.RULE,
        style.GRID,
        style.PAPER,
        style.model_styles(["ngram"])["ngram"].color,
    ):
        assert f'="{color}"]' in css


def test_theme_is_applied_and_gives_way_to_the_chart() -> None:
    chart = alt.Chart(alt.InlineData(values=[{"a": 1}])).mark_point().encode(x="a:Q")
    config = style.chart_spec(chart.configure_axis(labelFontSize=20))["config"]
    assert config["axis"]["labelFontSize"] == 20
    assert config["axis"]["labelColor"] == style.MUTED
    assert style.chart_spec(chart)["config"] == style.theme()["config"]


def test_more_rows_than_altair_allows_by_itself() -> None:
    rows = [{"a": i} for i in range(6000)]
    assert style.chart_spec(alt.Chart(alt.InlineData(values=rows)).mark_point().encode(x="a:Q"))


@pytest.mark.parametrize(("ending", "start"), [(".png", b"\x89PNG"), (".svg", b"<svg"), (".json", b"{")])
def test_figures_are_saved(tmp_path: Path, checked: Results, ending: str, start: bytes) -> None:
    path = tmp_path / f"figure{ending}"
    style.save_chart(figures.gain_figure(checked), path)
    assert path.read_bytes().startswith(start)


def test_a_figure_that_cannot_be_drawn_is_left_out_and_said(
    tmp_path: Path, checked: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(kind: str, _: object) -> bytes:
        if kind == "png":
            raise DrawingFailed("a figure cannot be drawn: no memory")
        return b"<svg></svg>"

    monkeypatch.setattr(style, "draw", failing)
    said: list[str] = []
    charts = {"gain": figures.gain_figure(checked)}
    assert style.save_charts(charts.items(), tmp_path / "new", ".png", said.append) == []
    assert said == ["note        gain.png: a figure cannot be drawn: no memory"]
    assert style.save_charts(charts.items(), tmp_path / "new", ".svg", said.append) == [tmp_path / "new" / "gain.svg"]


@pytest.mark.slow
def test_every_figure_keeps_to_the_schema(full_results: dict[str, Any]) -> None:
    load_sections()
    sections = sections_of(check_results(full_results, "results"))
    figures_of = [figure for section in sections for figure in page_module._figures(section.blocks)]
    assert len(figures_of) > 25
    for figure in figures_of:
        figure.chart.to_dict()  # type: ignore[attr-defined]


def test_other_endings_are_refused(tmp_path: Path, checked: Results) -> None:
    with pytest.raises(UserError, match=r"\.png, \.svg or \.json"):
        style.save_chart(figures.gain_figure(checked), tmp_path / "figure.gif")
