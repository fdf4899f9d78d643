"""A long table is folded on the page: its telling row is seen, all of it is there, and a short one stands as it is."""

import re

from rnn_lm.report.html import LONG_TABLE, Head, page_html
from rnn_lm.report.sections import Details, Folded, Markup, Section
from rnn_lm.report.sections_theory import theory
from rnn_lm.report.tables import Column, Table, text_column
from rnn_lm.report.tables_gradients import truncation_table


def table(rows: int, telling: int = 0) -> Table:
    cells = tuple((f"row {number}", str(number)) for number in range(rows))
    return Table("Many rows", (text_column("Name"), Column("Number")), cells, telling=telling)


def page(*blocks) -> str:
    html = page_html(Head("A page", "a run", "today", "so"), [Section("One", "one", blocks)])
    return html[html.index("<main") : html.index("</main>")]


def test_of_a_long_table_one_row_is_seen_and_all_are_there():
    folded = page(table(LONG_TABLE + 1, telling=3))
    seen, whole = folded.split('<details class="whole"><summary>')
    assert re.findall("row [0-9]", seen) == ["row 3"]
    assert whole.startswith(f"All {LONG_TABLE + 1} rows</summary>")
    assert re.findall("row [0-9]", whole) == [f"row {number}" for number in range(LONG_TABLE + 1)]


def test_a_short_table_is_not_folded():
    assert "<details" not in page(table(LONG_TABLE))


def test_what_is_folded_away_already_is_not_folded_again():
    assert page(Details("More", (table(LONG_TABLE + 1),))).count("<details") == 1


def test_of_truncation_the_row_of_a_trained_model_at_the_usual_length_is_seen(full_results):
    shown = truncation_table(full_results["gradients"])
    row = shown.rows[shown.telling]
    assert row[1] == "trained"
    lengths = {int(one[2]) for one in shown.rows}
    assert int(row[2]) == min(lengths, key=lambda length: abs(length - 35))


def test_a_statement_that_fails_is_the_one_that_is_seen(full_results):
    def seen() -> Folded:
        section = theory(full_results)
        assert section is not None
        return next(block for block in section.blocks if isinstance(block, Folded))

    statements = full_results["theory"]["exercises"][0]["statements"]
    assert seen().summary == f"All {len(statements)} statements hold"
    statements[-1]["holds"] = False
    telling = seen().telling
    assert seen().summary == f"1 of {len(statements)} statements fail"
    assert isinstance(telling, Markup)
    assert ">fails<" in telling.html
