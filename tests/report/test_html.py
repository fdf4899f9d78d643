"""The page is self-contained, repeatable, escaped, accessible, and holds every number."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import re
import threading
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import altair as alt
import pytest
import vl_convert
from markupsafe import Markup as Safe

from rnn_lm.errors import UserError
from rnn_lm.report import html
from rnn_lm.report.drawing import AT_A_TIME
from rnn_lm.report.html import report_html, specifications, write_report
from rnn_lm.report.results import check_results
from rnn_lm.report.sections import Columns, Details, Figure, Markup, Paragraph, Section

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \" ' & ${x} $title"
SVG_TAGS = {"svg", "g", "path", "text", "line", "rect", "defs", "clippath", "tspan", "title", "use"}


class Page(HTMLParser):
    """Elements with their attributes, and the text inside each kind of element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open, []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of this kind."""
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def text(made_up_results: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(made_up_results, path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def markup(text: str) -> str:
    """The page without Vega and its own script, which hold bits of HTML themselves."""
    return re.sub(r'<script type="module">.*?</script>', "", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_nothing_is_loaded_from_elsewhere(page: Page) -> None:
    loading = {"src", "href", "xlink:href", "srcset", "data", "action", "poster"}
    targets = [value or "" for _, attributes in page.elements for name, value in attributes.items() if name in loading]
    assert all(target.startswith(("#", "data:")) for target in targets)
    assert page.all("link") == []
    styles = " ".join(page.texts["style"]) + " ".join(attributes.get("style") or "" for _, attributes in page.elements)
    assert "@import" not in styles
    assert re.findall(r"url\((?!['\"]?#)", styles) == []


def test_browser_is_told_to_load_nothing(page: Page) -> None:
    policies = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policies
    assert "default-src 'none'" in str(policies[0])
    assert "http" not in str(policies[0])


def test_vega_is_there_once_and_the_page_is_small(text: str) -> None:
    assert text.count("window.vegaEmbed=") == 1
    assert len(text.encode()) < 3_000_000


def test_same_results_give_the_same_bytes(text: str, results: dict[str, Any], tmp_path: Path) -> None:
    alt.Chart(alt.InlineData(values=[])).mark_point().add_params(alt.selection_point()).to_dict()  # moves its counters
    write_report(results, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == text


def test_contents_lead_to_every_section(page: Page) -> None:
    anchors = [section["id"] for section in page.all("section")]
    assert anchors == [
        "claims", "perplexity", "seen-context", "learning", "gradient-norms", "samples", "corpus", "again"
    ]  # fmt: skip
    assert {f"#{anchor}" for anchor in anchors} < {link["href"] for link in page.all("a")}


def test_headings_do_not_skip_a_level(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_table_has_a_caption_and_headers(markup: str) -> None:
    tables = re.findall(r"<table>.*?</table>", markup, re.DOTALL)
    assert len(tables) > 10
    for table in tables:
        assert "<caption>" in table
        assert '<th scope="row">' in table
        assert '<th scope="col"' in table or "<thead>" not in table


def test_every_figure_has_picture_words_caption_numbers_and_specification(markup: str) -> None:
    figures = re.findall(r"<figure id=.*?</figure>", markup, re.DOTALL)
    assert len(figures) == 10
    for number, figure in enumerate(figures, start=1):
        assert re.search(r'<div class="picture" role="img" aria-label="[^"]{30,}">\s*<svg ', figure)
        assert f"<b>Figure {number}.</b>" in figure
        assert "<summary>The numbers behind it</summary>" in figure
        (found,) = specifications(figure)
        assert vl_convert.vegalite_to_vega(found)["marks"]


def test_ids_are_unique_and_references_resolve(markup: str, page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'"url\(#([^)]+)\)"', markup)) <= set(ids)


def test_results_can_be_saved_from_the_page(page: Page, results: dict[str, Any]) -> None:
    (link,) = [link for link in page.all("a") if "download" in link]
    packed = base64.b64decode(str(link["href"]).split(",")[1])
    assert json.loads(gzip.decompress(packed)) == results


def test_text_from_results_stays_text(results: dict[str, Any], page: Page, tmp_path: Path) -> None:
    hostile = _with_every_text_replaced(results, HOSTILE)
    write_report(hostile, tmp_path / "hostile.html")
    attacked = Page((tmp_path / "hostile.html").read_text(encoding="utf-8"))
    known = {tag for tag, _ in page.elements} | SVG_TAGS
    assert {tag for tag, _ in attacked.elements} <= known
    assert len(attacked.all("script")) == len(page.all("script"))
    assert not any(name.startswith("on") for _, attributes in attacked.elements for name in attributes)
    assert any("<img src=x onerror=alert(2)>" in part for part in attacked.texts["h1"])


def _with_every_text_replaced(value: Any, text: str, key: str = "") -> Any:
    """A copy with ``text`` wherever a results file holds free text; names that mean something to the report stay."""
    if isinstance(value, dict):
        return {name: _with_every_text_replaced(item, text, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_every_text_replaced(item, text, key) for item in value]
    meaningful = {"format", "version", "name", "kind", "verdict", "match", "policy"}
    name_of_model = key == "name" and value in {"ngram", "rnn", "gru", "lstm", "lstm-random"}
    if not isinstance(value, str) or (key in meaningful and (key != "name" or name_of_model)):
        return value
    return f"{text} {value}" if key == "label" else text  # two models of one label would be refused


def test_policies_are_never_in_one_table(markup: str) -> None:
    for table in re.findall(r"<table>.*?</table>", markup, re.DOTALL):
        assert not ("“stream”" in table and "“sentence”" in table)


def test_a_lone_ngram_has_a_page(results: dict[str, Any], tmp_path: Path) -> None:
    alone = {**results, "models": results["models"][:1], "claims": [], "embedding": None}
    write_report(alone, tmp_path / "alone.html")
    sections = [section["id"] for section in Page((tmp_path / "alone.html").read_text(encoding="utf-8")).all("section")]
    assert sections == ["perplexity", "seen-context", "samples", "corpus", "again"]


def test_norms_that_were_not_finite_are_left_out(results: dict[str, Any], tmp_path: Path) -> None:
    results["models"] = results["models"][1:2]
    norms = results["models"][0]["gradient_norms"][0]
    norms["before"] = [None, 0.0, *norms["before"][2:]]
    write_report(results, tmp_path / "report.html")
    assert "NaN" not in Page((tmp_path / "report.html").read_text(encoding="utf-8")).texts["td"]


def test_an_infinity_that_no_file_can_hold_is_refused(results: dict[str, Any], tmp_path: Path) -> None:
    results["models"][1]["gradient_norms"][0]["before"][1] = float("inf")
    with pytest.raises(UserError, match=r"models\[1\].gradient_norms\[0\].before has a number that is larger"):
        write_report(results, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_what_is_no_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a results file"):
        write_report({"format": "something else"}, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def _chart() -> alt.Chart:
    return alt.Chart(alt.InlineData(values=[{"a": 1}])).mark_point().encode(x="a:Q")


def _figure(name: str) -> Figure:
    return Figure(name, _chart(), "A caption.", "A figure with one point in it.")


def test_names_that_clash_are_refused(results: dict[str, Any]) -> None:
    blocks = (_figure("same"), Details("More", (Columns((_figure("same"),)),)))
    with pytest.raises(ValueError, match="must differ"):
        report_html(check_results(results, "results"), [Section("One", "one", blocks)])


def test_blocks_of_other_sections(results: dict[str, Any]) -> None:
    wide = Figure("panels", alt.hconcat(_chart(), _chart()), "Two panels.", "Two panels with one point in each.")
    formula = Markup(Safe("<math><mi>h</mi></math>"))
    text = report_html(
        check_results(results, "results"), [Section("T & U", "theory", (Paragraph("1 < 2"), formula, wide))]
    )
    assert "<h2>T &amp; U</h2>" in text
    assert "<p>1 &lt; 2</p>" in text
    assert formula.html in text
    assert '"width":"container"' not in text  # panels keep their own widths


def test_ctrl_c_draws_nothing_that_was_not_begun(results: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[dict[str, Any]] = []
    interrupted = threading.Event()

    def drawing(_kind: str, spec: dict[str, Any]) -> bytes:
        begun.append(spec)
        interrupted.wait(10)
        return b"<svg></svg>"

    def specified(chart: alt.Chart) -> dict[str, Any]:
        if chart is last:
            threading.Timer(0.2, interrupted.set).start()
            raise KeyboardInterrupt
        return chart.to_dict()

    charts = [alt.Chart(alt.InlineData(values=[])).mark_point() for _ in range(20)]
    last = charts[-1]
    figures = [Figure(f"figure-{number}", chart, "A.", "A.") for number, chart in enumerate(charts)]
    monkeypatch.setattr(html, "_vega_libraries", lambda: "")  # which would be kept
    monkeypatch.setattr(html, "draw", drawing)
    monkeypatch.setattr(html, "chart_spec", specified)
    with pytest.raises(KeyboardInterrupt):
        report_html(check_results(results, "results"), [Section("Many", "many", tuple(figures))])
    assert len(begun) <= AT_A_TIME
