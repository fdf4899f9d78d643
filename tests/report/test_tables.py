"""Tables, sentences and numbers, on the page, in Markdown and in a terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rnn_lm.registry import Registry
from rnn_lm.report import numbers, tables
from rnn_lm.report.html import write_report
from rnn_lm.report.markdown import claims_markdown, perplexity_markdown, results_markdown, table_markdown
from rnn_lm.report.results import Results, check_results
from rnn_lm.report.sections import PlacedSection, Section, SectionMaker, sections_of
from rnn_lm.report.summary import verdict, what_was_run
from rnn_lm.report.tables_gradients import gradients_tables
from rnn_lm.report.terminal import print_results, tables_text


@pytest.fixture
def checked(results: dict[str, Any]) -> Results:
    return check_results(results, "results")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (numbers.perplexity(141.204), "141.20"),
        (numbers.perplexity(12345.6), "12,346"),
        (numbers.perplexity(None), "–"),
        (numbers.perplexity(float("inf")), "–"),
        (numbers.signed(0.219, -0.05, 0.3), ("+0.219", "−0.050", "+0.300")),
        (numbers.signed(-1234.5), ("−1,234",)),
        (numbers.signed(0.0), ("+0.00",)),
        (numbers.significant(0.00123456), "0.00123"),
        (numbers.significant(98.54), "98.5"),
        (numbers.significant(1234.5), "1,234"),
        (numbers.p_value(0.0), "< 0.001"),
        (numbers.p_value(0.0644), "0.064"),
        (numbers.p_value(None), "–"),
        (numbers.share(0.0481), "4.8%"),
        (numbers.duration(14.31), "14.3 s"),
        (numbers.duration(59.97), "1 min 00 s"),
        (numbers.duration(402), "6 min 42 s"),
        (numbers.duration(3599.8), "1 h 00 min"),
        (numbers.duration(7384), "2 h 03 min"),
    ],
)
def test_numbers_as_read(shown: object, expected: object) -> None:
    assert shown == expected


def test_perplexity_tables_hold_their_policy(checked: Results) -> None:
    stream, sentence = (tables.perplexity_table(checked, policy) for policy in tables.policies(checked))
    assert stream.rows[0][:3] == ("n-gram", "141.20", "138.80 to 143.74")
    assert sentence.rows[0][1] == "151.08"
    assert stream.rows[1][-2:] == ("3,180,000", "6 min 42 s")


def test_a_model_without_a_policy_is_left_out_of_its_table(checked: Results) -> None:
    del checked["models"][2]["perplexity"]["sentence"]
    assert [row[0] for row in tables.perplexity_table(checked, "sentence").rows] == [
        "n-gram", "RNN", "LSTM", "LSTM, random input"
    ]  # fmt: skip


def test_claims_have_a_table_per_policy_and_one_unit_in_the_heading(checked: Results) -> None:
    stream, sentence = tables.claims_tables(checked)
    assert "“stream”" in stream.caption
    assert "“sentence”" in sentence.caption
    assert stream.columns[2].title == "Effect (nats per token)"
    assert stream.rows[0][:4] == ("LSTM < RNN in perplexity", "supported", "+0.219", "+0.208 to +0.231")
    assert stream.row_classes == ("supported", "supported", "supported", "not-supported", "undecided")


def test_units_that_differ_have_a_column(checked: Results) -> None:
    checked["claims"][0]["unit"] = "bits"
    table = tables.claims_tables(checked)[0]
    assert [row[4] for row in table.rows[:2]] == ["bits", "nats per token"]


def test_breakdown_is_grouped_by_context(checked: Results) -> None:
    rows = tables.breakdown_table(checked).rows
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert rows[0][:4] == ("0", "n-gram", "5,210", "4,100")
    assert rows[0][-1] == "–"
    assert rows[1][-1] == "+0.860"


def test_norms_are_summarized_without_what_was_not_finite(checked: Results) -> None:
    rows = tables.norms_table(checked).rows
    assert [row[:3] for row in rows[:2]] == [("RNN", "1", "2,000"), ("RNN", "2", "2,000")]
    assert all(re.fullmatch(r"[\d.,]+", cell) for row in rows for cell in row[3:6])


FEW = "no interval: 15 sentences, 40 are needed"


def _without_intervals(results: Results, models: int) -> None:
    for model in results["models"][:models]:
        model["perplexity"]["stream"]["test"].update(low=None, high=None, note=FEW)
        for bucket in model["breakdown"]:
            bucket.update(low=None, high=None, note=FEW)
    for claim in results["claims"][:5]:
        claim.update(low=None, high=None, p_value=None, verdict="undecided", reason=FEW)


def test_a_reason_stands_once_below_its_table(checked: Results) -> None:
    _without_intervals(checked, 5)
    table = tables.perplexity_table(checked, "stream")
    assert {row[2] for row in table.rows} == {"–"}
    assert table.notes == (f"– {FEW}",)
    assert tables.perplexity_table(checked, "sentence").notes == ()
    assert tables.breakdown_table(checked).notes == (f"– {FEW}",)
    assert [table.notes for table in tables.claims_tables(checked)] == [(f"– {FEW}",), ()]


def test_a_reason_that_some_rows_have_names_them(checked: Results) -> None:
    _without_intervals(checked, 2)
    assert tables.perplexity_table(checked, "stream").notes == (f"– n-gram, RNN: {FEW}",)


def test_reasons_are_shown_in_markdown_terminal_and_page(checked: Results, tmp_path: Path) -> None:
    _without_intervals(checked, 5)
    shown = io.StringIO()
    print_results(checked, Console(width=100, color_system=None, file=shown))
    assert shown.getvalue().count(f"– {FEW}") == 2
    assert results_markdown(checked).count(f"|\n\n– {FEW}\n") == 2
    checked["models"] = checked["models"][:1]
    write_report(checked, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count(f'<p class="note">– {FEW}</p>') == 3
    assert "Lines: 95% intervals" not in page


def test_a_slope_without_an_interval_is_shown(full_results: dict[str, Any]) -> None:
    models = check_results(full_results, "results")["gradients"]["models"]  # pyright: ignore[reportTypedDictNotRequiredAccess]
    models[0]["slope"].update(low=None, high=None)
    assert "–" in gradients_tables(full_results["gradients"])[0].rows[0]


def test_a_perplexity_beyond_reading_is_a_power_of_ten(full_results: dict[str, Any]) -> None:
    """A run that has diverged may come to 1e300, which nobody wants to see written out."""
    row = full_results["gradients"]["clipping"]["rows"][0]
    row["perplexity"] = {"median": 1e300, "low": 40.26, "high": 1e300}
    shown = gradients_tables(full_results["gradients"])[-2].rows[0]
    assert shown[2:4] == ("1e+300", "40.3 to 1e+300")


def test_samples_stand_together_by_prompt(checked: Results) -> None:
    groups = tables.samples_by_prompt(checked)
    assert [(prompt, len(texts)) for prompt, _, texts in groups] == [("", 5), ("analysts said", 5)]
    assert groups[0][1] == "temperature 1.0, top p 0.9, sample seed 1"


def test_verdict_ranks_models_and_counts_the_same_policy(checked: Results) -> None:
    sentence = verdict(checked)
    assert sentence.startswith(
        "Under policy “stream”, LSTM reaches the lowest test perplexity, 100.8 (95% interval 99.1"
    )
    assert sentence.index("GRU") < sentence.index("RNN") < sentence.index("n-gram")
    assert sentence.endswith("of 5 claims tested there, 3 are supported, 1 is not supported and 1 is undecided.")
    assert sentence.count(".") - len(re.findall(r"\d\.\d", sentence)) == 1


def test_verdict_without_claims_or_scores(checked: Results) -> None:
    checked["claims"] = []
    checked["models"] = checked["models"][:1]
    assert verdict(checked).endswith("138.8 to 143.7).")
    for splits in checked["models"][0]["perplexity"].values():
        del splits["test"]
    assert verdict(checked) == "No model was scored."
    checked["models"] = []
    assert verdict(checked) == "No model was scored."


def test_what_was_run_names_models_text_and_effort(checked: Results) -> None:
    assert what_was_run(checked) == (
        "n-gram · RNN · GRU · LSTM · LSTM, random input: trained on 929,589 tokens of Penn Treebank with 2 seeds, "
        "in 29 min 50 s on 2 threads."
    )


def test_markdown_tables(checked: Results) -> None:
    text = results_markdown(checked)
    assert text == perplexity_markdown(checked) + "\n" + claims_markdown(checked)
    assert "| LSTM | 100.80 | 99.09 to 102.61 |" in text
    assert "| LSTM &lt; RNN in perplexity | supported | +0.219 |" in text
    tables_of_lines = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables_of_lines) == 4
    assert all(len({line.count("|") for line in lines}) == 1 for lines in tables_of_lines)


def test_markdown_cells_cannot_end_themselves() -> None:
    table = tables.Table("A | B", (tables.text_column("x"),), (("a|b\nc <i>",),))
    assert table_markdown(table).splitlines()[-1] == r"| a\|b c &lt;i&gt; |"


@pytest.mark.parametrize("width", [100, 80])
def test_terminal_output_fits_and_is_whole(results: dict[str, Any], width: int) -> None:
    results["models"][0]["label"] = "n-gram [bold]"
    console = Console(width=width, record=True, color_system=None, quiet=False, file=None, force_terminal=False)
    with console.capture() as capture:
        print_results(results, console)
    shown = capture.get()
    assert max(len(line) for line in shown.splitlines()) <= width
    assert "…" not in shown
    words = ("n-gram", "[bold]", "not supported")
    for text in (*words, "102.13 to 105.77", "3,180,500", "7 min 40 s", "+0.208 to +0.231"):
        assert text in shown


def test_the_probes_verdicts_are_told_where_there_are_some(
    results: dict[str, Any], full_results: dict[str, Any]
) -> None:
    def last_words(of: dict[str, Any]) -> str:
        console = Console(width=200, color_system=None, file=(shown := io.StringIO()))
        print_results(of, console)
        return shown.getvalue()

    probes = full_results["probes"]["probes"]
    assert probes
    assert all(f"{probe['label']}: of {len(probe['claims'])} claims" in last_words(full_results) for probe in probes)
    assert "probes" not in results
    assert probes[0]["label"] not in last_words(results)


def test_titles_take_more_lines_only_where_there_is_no_room() -> None:
    columns = (tables.text_column("Model"), *[tables.Column("Bits per char.")] * 3)
    table = tables.Table("T", columns, (("one two-three", "1.234", "1.234", "1.234"),))
    wide, narrow = (tables_text([table], width) for width in (100, 34))
    assert "Bits per" in wide
    assert "Bits per" not in narrow
    assert "two-three" in narrow
    assert "…" not in narrow


def test_columns_that_do_not_fit_continue_below_beside_the_names_of_their_rows() -> None:
    distances = [str(distance) for distance in range(10, 26)]
    columns = (tables.text_column("Model"), tables.text_column("Weights"), *map(tables.Column, distances))
    rows = tuple((name, "new", *(f"{name[0]}{distance}.00%" for distance in distances)) for name in ("LSTM", "RNN"))
    table = tables.Table("Accuracy", columns, rows, notes=("A note.",))
    lines = tables_text([table], 80).splitlines()
    shown = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert "…" not in shown
    assert all(shown.count(cell) == 1 for row in rows for cell in row[2:])
    assert shown.count("LSTM") == shown.count("Model") == shown.count("Weights") == shown.count("new") / 2 == 3
    assert shown.count("Accuracy") == shown.count("A note.") == 1
    assert shown.index("A note.") > shown.index("R25.00%")
    assert tables_text([table], 200).count("Model") == 1


def test_sections_come_in_order_and_only_where_there_is_something(checked: Results) -> None:
    def maker(key: str) -> SectionMaker:
        return lambda results: Section(key, key, ()) if key in results else None

    registry: Registry[PlacedSection] = Registry("report section")
    for name, position in (("theory", 80), ("probes", 60), ("gradients", 70)):
        registry.register(name)(PlacedSection(position, maker(name)))
    assert sections_of(checked, registry) == []
    checked.update({"theory": {}, "probes": {}})  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert [section.anchor for section in sections_of(checked, registry)] == ["probes", "theory"]
