"""The report: one HTML file that needs nothing else, made from results alone.

The page holds the Vega libraries once and each figure's specification, so that figures answer to the pointer offline.
Each figure is in it a second time as a picture, for readers without scripts and for paper. The same results give the
same bytes.

Whatever comes from results may be anything, so that nothing is escaped by hand: HTML is put together by ``Safe.format``
and ``Safe.join`` alone, which escape each value that is not ``Safe`` itself, and only words of this package are made
``Safe``.
"""

from __future__ import annotations

import base64
import functools
import gzip
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, NamedTuple, assert_never

from altair.utils.schemapi import debug_mode
from markupsafe import Markup as Safe

from rnn_lm.files import write_atomically
from rnn_lm.report.drawing import AT_A_TIME, DrawingFailed, draw
from rnn_lm.report.lighter import lighter, packed, unpacked
from rnn_lm.report.results import Results, check_results
from rnn_lm.report.sections import (
    Block,
    Code,
    Columns,
    Details,
    Download,
    Figure,
    Folded,
    Heading,
    Markup,
    Paragraph,
    Samples,
    Section,
    load_sections,
    sections_of,
)
from rnn_lm.report.style import chart_spec, with_own_ids
from rnn_lm.report.summary import verdict, what_was_run
from rnn_lm.report.tables import Table

LONG_TABLE = 8
"""Rows that a table may have before a page folds it."""
_PANELS = ("facet", "hconcat", "vconcat", "concat", "repeat", "spec")


def write_report(results: Mapping[str, Any], path: Path) -> None:
    """Write the report of ``results`` (what a results file holds) to ``path``.

    Raises:
        UserError: these are not results, or the file cannot be written.
    """
    checked = check_results(results, "results")
    load_sections()
    with debug_mode(False):  # no part of a chart is validated as it is made: a third of the time, and a test does it
        page = report_html(checked, sections_of(checked))
    write_atomically(path, page)


@dataclass(frozen=True)
class Head:
    """What stands above the sections of a page: its title, what was run, when it was made, and what came out."""

    title: str
    run: str
    made: str
    verdict: str


def report_html(results: Results, sections: list[Section]) -> str:
    """The page of a comparison as text. Section anchors and figure names must be unique."""
    made = f"rnn_lm {results['made']['rnn_lm']}, {results['made']['date']}"
    title = f"Language models on {results['corpus']['name']}"
    return page_html(Head(title, what_was_run(results), made, verdict(results)), sections)


def page_html(head: Head, sections: list[Section]) -> str:
    """A page as text. Section anchors and figure names must be unique."""
    names = [section.anchor for section in sections]
    names += [figure.name for section in sections for figure in _figures(section.blocks)]
    if len(set(names)) != len(names):
        raise ValueError(f"anchors and figure names must differ: {sorted(names)}")
    writer = _Writer(_drawn([figure for section in sections for figure in _figures(section.blocks)]))
    anchors = [writer.new_id(section.anchor) for section in sections]
    links = (
        Safe('<li><a href="#{}">{}</a></li>').format(anchor, section.title)
        for anchor, section in zip(anchors, sections, strict=True)
    )
    parts = {
        "title": Safe.escape(head.title),
        "css": Safe(_asset("page.css")),
        "run": Safe.escape(head.run),
        "made": Safe.escape(head.made),
        "verdict": Safe.escape(head.verdict),
        "contents": Safe("\n").join(links),
        "sections": Safe("\n").join(map(writer.section, anchors, sections)),
        "vega": Safe(_vega_libraries()),
        "script": Safe(_asset("page.js")),
    }
    return Template(_asset("page.html")).substitute(parts)


def _figures(blocks: tuple[Block, ...]) -> Iterator[Figure]:
    for block in blocks:
        if isinstance(block, Figure):
            yield block
        elif isinstance(block, Columns):
            yield from block.figures
        elif isinstance(block, Details):
            yield from _figures(block.blocks)


class _Picture(NamedTuple):
    """A figure as it is drawn for a page: in SVG, and as a specification that fits itself to the page's width."""

    svg: Future[bytes]
    fluid: dict[str, Any]


def _drawn(figures: list[Figure]) -> dict[str, _Picture]:
    """Pictures by the figures' names: the first are drawn, by other processes, while later ones are specified."""
    with ThreadPoolExecutor(AT_A_TIME) as drawing:
        drawing.submit(_vega_libraries)  # which the page needs in the end: kept by then
        pictures: dict[str, _Picture] = {}
        try:
            for figure in figures:
                spec = {**chart_spec(figure.chart), "description": figure.description}
                fixed, fluid = spec, spec
                if not any(key in spec for key in _PANELS):
                    fixed, fluid = {**spec, "width": figure.width}, _fluid(spec)
                pictures[figure.name] = _Picture(drawing.submit(draw, "svg", fixed), fluid)
            wait(picture.svg for picture in pictures.values())
        except BaseException:  # Ctrl-C, too: what has not been begun is not drawn first
            drawing.shutdown(wait=False, cancel_futures=True)
            raise
    return pictures


class _Writer:
    """Writes blocks as HTML; counts figures, and gives out ids of which no two are equal."""

    def __init__(self, pictures: Mapping[str, _Picture]) -> None:
        self._pictures = pictures
        self._numbers = itertools.count(1)
        self._ids: set[str] = {"main", "download"}

    def new_id(self, name: str) -> str:
        """``name`` as an id: letters, digits and hyphens, and a number behind it where another has the same."""
        base = re.sub(r"[^A-Za-z0-9-]+", "-", name)[:100] or "part"
        candidates = itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2)))
        found = next(one for one in candidates if one not in self._ids)
        self._ids.add(found)
        return found

    def section(self, anchor: str, section: Section) -> Safe:
        """A section under its heading."""
        template = Safe('<section id="{}"><h2>{}</h2>\n{}\n</section>')
        return template.format(anchor, section.title, self._blocks(section.blocks))

    def _blocks(self, blocks: tuple[Block, ...]) -> Safe:
        return Safe("\n").join(self._block(block) for block in blocks)

    def _block(self, block: Block) -> Safe:
        match block:
            case Paragraph(text):
                return Safe("<p>{}</p>").format(text)
            case Heading(text):
                return Safe("<h3>{}</h3>").format(text)
            case Code(text):
                return Safe("<pre><code>{}</code></pre>").format(text)
            case Table() if len(block.rows) > LONG_TABLE:
                return self._block(_folded(block))
            case Table():
                return table_html(block)
            case Folded(summary, telling, whole):
                return _unfolding(summary, _as_it_is(telling), _as_it_is(whole))
            case Figure():
                return self._figure(block)
            case Columns(figures):
                return Safe('<div class="columns">{}</div>').format(Safe("\n").join(map(self._figure, figures)))
            case Details(summary, blocks):
                return _details(summary, Safe("\n").join(_within(block, self._block) for block in blocks))
            case Samples():
                return _samples(block)
            case Download(results):
                return _download(results)
            case Markup():
                return _as_it_is(block)
            case _:
                assert_never(block)

    def _figure(self, figure: Figure) -> Safe:
        name, number = self.new_id(figure.name), next(self._numbers)
        numbers = Safe("\n").join(map(table_html, figure.numbers))
        folded = _details("The numbers behind it", numbers) if numbers else ""
        try:
            drawn = lighter(with_own_ids(self._pictures[figure.name].svg.result().decode(), name))
        except DrawingFailed as error:  # what would not be drawn here would not be drawn by a browser either
            return Safe("<p><b>Figure {}.</b> {} ({})</p>\n{}").format(number, figure.caption, error, folded)
        template = Safe(
            '<figure id="{}">\n<div class="picture" role="img" aria-label="{}">\n{}</div>\n'
            "{}\n"
            "<figcaption><b>Figure {}.</b> {}</figcaption>\n{}\n</figure>"
        )
        # Vega escapes what it writes into a picture, and ``_json_in_html`` leaves no element to be opened or closed.
        picture, shown = Safe(drawn), _specification(self._pictures[figure.name].fluid)
        return template.format(name, figure.description, picture, shown, number, figure.caption, folded)


def _folded(table: Table) -> Folded:
    """A long table, with its telling row to be seen."""
    classes = table.row_classes[table.telling : table.telling + 1]
    telling = replace(table, rows=(table.rows[table.telling],), row_classes=classes, notes=(), telling=0)
    return Folded(f"All {len(table.rows)} rows", telling, table)


def _as_it_is(block: Table | Markup) -> Safe:
    return table_html(block) if isinstance(block, Table) else Safe.escape(block.html)  # as it is, where it is ``Safe``


def _within(block: Block, write: Callable[[Block], Safe]) -> Safe:
    """A block of what is folded away already: a table is not folded again."""
    return table_html(block) if isinstance(block, Table) else write(block)


def _unfolding(summary: str, telling: Safe, whole: Safe) -> Safe:
    return Safe(
        '<div class="folded">\n<div class="telling">{}</div>\n'
        '<details class="whole"><summary>{}</summary>\n{}\n</details></div>'
    ).format(telling, summary, whole)


def _details(summary: str, inner: Safe) -> Safe:
    return Safe("<details><summary>{}</summary>\n{}\n</details>").format(summary, inner)


def table_html(table: Table) -> Safe:
    """A table as it stands in the page, notes below it; and as a notebook shows it."""
    cells = ((column.align, column.title) for column in table.columns)
    heads = Safe("").join(Safe('<th scope="col" class="{}">{}</th>').format(*cell) for cell in cells)
    thead = Safe("<thead><tr>{}</tr></thead>").format(heads) if any(column.title for column in table.columns) else ""
    classes = table.row_classes or ("",) * len(table.rows)
    rows = Safe("\n").join(_row(table, row, name) for row, name in zip(table.rows, classes, strict=True))
    notes = Safe("").join(Safe('<p class="note">{}</p>').format(note) for note in table.notes)
    return Safe(
        '<div class="scroll" role="region" aria-label="{0}" tabindex="0"><table>'
        "<caption>{0}</caption>{1}\n<tbody>{2}</tbody></table>{3}</div>"
    ).format(table.caption, thead, rows, notes)


def _row(table: Table, row: tuple[str, ...], name: str) -> Safe:
    head, *cells = row
    aligned = zip((column.align for column in table.columns[1:]), cells, strict=True)
    tds = Safe("").join(Safe('<td class="{}">{}</td>').format(align, cell) for align, cell in aligned)
    opening = Safe('<tr class="{}">').format(name) if name else Safe("<tr>")
    return Safe('{}<th scope="row">{}</th>{}</tr>').format(opening, head, tds)


def _fluid(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification for a plot that takes the width of the page and keeps its height."""
    return {**spec, "width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}


def _samples(samples: Samples) -> Safe:
    prompt = f"Going on from “{samples.prompt}”" if samples.prompt else "From the beginning of a sentence"
    texts = Safe("\n").join(
        Safe("<dt>{}</dt><dd>{}</dd>").format(label, _continuation(samples.prompt, text))
        for label, text in samples.texts
    )
    settings = Safe(" <small>{}</small>").format(samples.settings) if samples.settings else ""
    return Safe('<h3>{}{}</h3>\n<dl class="samples">{}</dl>').format(prompt, settings, texts)


def _continuation(prompt: str, text: str) -> Safe:
    lead = Safe("<mark>{}</mark> ").format(prompt) if prompt else ""
    return Safe("{}{}").format(lead, text.strip())


def _download(results: Results) -> Safe:
    packed = gzip.compress(json.dumps(results, ensure_ascii=False).encode(), compresslevel=9, mtime=0)
    return Safe(
        '<p class="download"><a id="download" download="results.json.gz" href="data:application/gzip;base64,{}">'
        "Save results.json</a>, the file that every figure and table on this page is drawn from.</p>"
    ).format(base64.b64encode(packed).decode())


def specifications(page: str) -> list[dict[str, Any]]:
    """The figures' specifications in a page, in order."""
    found: list[tuple[str, str]] = re.findall(r'<script type="application/(json|gzip)">(.*?)</script>', page, re.DOTALL)
    return [json.loads(text if kind == "json" else unpacked(text)) for kind, text in found]


def _specification(spec: dict[str, Any]) -> Safe:
    """A figure's specification as the page's script reads it; a long one packed."""
    plain = _json_in_html(spec)
    short = packed(plain)
    if short is None:
        return Safe('<script type="application/json">{}</script>').format(Safe(plain))
    return Safe('<script type="application/gzip">{}</script>').format(short)


def _json_in_html(value: Any) -> str:
    """JSON that can neither end the script element that it stands in nor be taken for markup in it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


@functools.cache
def _vega_libraries() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that cannot end its element early; seconds of work, done once."""
    script = draw("library", {}).decode()
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _asset(name: str) -> str:
    return resources.files("rnn_lm.report").joinpath(name).read_text(encoding="utf-8")
