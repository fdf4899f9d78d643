"""The report: one HTML file that needs nothing else, made from results alone.

The page holds the Vega libraries once and each figure's specification, so that figures answer to the pointer offline.
Each figure is in it a second time as a picture, for readers without scripts and for paper. The same results give the
same bytes.
"""

from __future__ import annotations

import base64
import functools
import gzip
import itertools
import json
from collections.abc import Iterator, Mapping
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, assert_never

import vl_convert

from rnn_lm.files import write_atomically
from rnn_lm.report.results import Results, check_results
from rnn_lm.report.sections import (
    Block,
    Code,
    Columns,
    Details,
    Download,
    Figure,
    Heading,
    Markup,
    Paragraph,
    Samples,
    Section,
    load_sections,
    sections_of,
)
from rnn_lm.report.style import chart_spec, spec_svg
from rnn_lm.report.summary import verdict, what_was_run
from rnn_lm.report.tables import Table

_PANELS = ("facet", "hconcat", "vconcat", "concat", "repeat", "spec")


def write_report(results: Mapping[str, Any], path: Path) -> None:
    """Write the report of ``results`` (what a results file holds) to ``path``.

    Raises:
        UserError: these are not results, or the file cannot be written.
    """
    checked = check_results(results, "results")
    load_sections()
    write_atomically(path, report_html(checked, sections_of(checked)))


def report_html(results: Results, sections: list[Section]) -> str:
    """The page as text. Section anchors and figure names must be unique."""
    numbering = itertools.count(1)
    names = [section.anchor for section in sections]
    names += [figure.name for section in sections for figure in _figures(section.blocks)]
    if len(set(names)) != len(names):
        raise ValueError(f"anchors and figure names must differ: {sorted(names)}")
    return Template(_asset("page.html")).substitute(
        title=escape(f"Language models on {results['corpus']['name']}"),
        css=_asset("page.css"),
        run=escape(what_was_run(results)),
        made=escape(f"rnn_lm {results['made']['rnn_lm']}, {results['made']['date']}"),
        verdict=escape(verdict(results)),
        contents="\n".join(f'<li><a href="#{s.anchor}">{escape(s.title)}</a></li>' for s in sections),
        sections="\n".join(_section_html(section, numbering) for section in sections),
        vega=_vega_libraries(),
        script=_asset("page.js"),
    )


def _figures(blocks: tuple[Block, ...]) -> Iterator[Figure]:
    for block in blocks:
        if isinstance(block, Figure):
            yield block
        elif isinstance(block, Columns):
            yield from block.figures
        elif isinstance(block, Details):
            yield from _figures(block.blocks)


def _section_html(section: Section, numbering: Iterator[int]) -> str:
    blocks = _blocks_html(section.blocks, numbering)
    return f'<section id="{section.anchor}"><h2>{escape(section.title)}</h2>\n{blocks}\n</section>'


def _blocks_html(blocks: tuple[Block, ...], numbering: Iterator[int]) -> str:
    return "\n".join(_block_html(block, numbering) for block in blocks)


def _block_html(block: Block, numbering: Iterator[int]) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Heading(text):
            return f"<h3>{escape(text)}</h3>"
        case Code(text):
            return f"<pre><code>{escape(text)}</code></pre>"
        case Table():
            return _table_html(block)
        case Figure():
            return _figure_html(block, next(numbering))
        case Columns(figures):
            inner = "\n".join(_figure_html(figure, next(numbering)) for figure in figures)
            return f'<div class="columns">{inner}</div>'
        case Details(summary, blocks):
            return _details_html(summary, _blocks_html(blocks, numbering))
        case Samples():
            return _samples_html(block)
        case Download(results):
            return _download_html(results)
        case Markup(html):
            return html
        case _:
            assert_never(block)


def _details_html(summary: str, inner: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>\n{inner}\n</details>"


def _table_html(table: Table) -> str:
    heads = "".join(f'<th scope="col" class="{c.align}">{escape(c.title)}</th>' for c in table.columns)
    thead = f"<thead><tr>{heads}</tr></thead>" if any(column.title for column in table.columns) else ""
    classes = table.row_classes or ("",) * len(table.rows)
    rows = "\n".join(_row_html(table, row, name) for row, name in zip(table.rows, classes, strict=True))
    label = escape(table.caption, quote=True)
    return (
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0"><table>'
        f"<caption>{escape(table.caption)}</caption>{thead}\n<tbody>{rows}</tbody></table></div>"
    )


def _row_html(table: Table, row: tuple[str, ...], name: str) -> str:
    head, *cells = row
    tds = "".join(
        f'<td class="{column.align}">{escape(cell)}</td>' for column, cell in zip(table.columns[1:], cells, strict=True)
    )
    opening = f'<tr class="{name}">' if name else "<tr>"
    return f'{opening}<th scope="row">{escape(head)}</th>{tds}</tr>'


def _figure_html(figure: Figure, number: int) -> str:
    spec = {**chart_spec(figure.chart), "description": figure.description}
    fixed, fluid = spec, spec
    if not any(key in spec for key in _PANELS):
        fixed, fluid = {**spec, "width": figure.width}, _fluid(spec)
    numbers = "\n".join(_table_html(table) for table in figure.numbers)
    return "\n".join(
        (
            f'<figure id="{figure.name}">',
            f'<div class="picture" role="img" aria-label="{escape(figure.description, quote=True)}">',
            f"{spec_svg(fixed, figure.name)}</div>",
            f'<script type="application/json">{_json_in_html(fluid)}</script>',
            f"<figcaption><b>Figure {number}.</b> {escape(figure.caption)}</figcaption>",
            _details_html("The numbers behind it", numbers) if numbers else "",
            "</figure>",
        )
    )


def _fluid(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification for a plot that takes the width of the page and keeps its height."""
    return {**spec, "width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}


def _samples_html(samples: Samples) -> str:
    prompt = f"Going on from “{samples.prompt}”" if samples.prompt else "From the beginning of a sentence"
    texts = "\n".join(
        f"<dt>{escape(label)}</dt><dd>{_continuation(samples.prompt, text)}</dd>" for label, text in samples.texts
    )
    settings = f" <small>{escape(samples.settings)}</small>" if samples.settings else ""
    return f'<h3>{escape(prompt)}{settings}</h3>\n<dl class="samples">{texts}</dl>'


def _continuation(prompt: str, text: str) -> str:
    lead = f"<mark>{escape(prompt)}</mark> " if prompt else ""
    return lead + escape(text.strip())


def _download_html(results: Results) -> str:
    packed = gzip.compress(json.dumps(results, ensure_ascii=False).encode(), compresslevel=9, mtime=0)
    data = base64.b64encode(packed).decode()
    return (
        f'<p class="download"><a id="download" download="results.json.gz" href="data:application/gzip;base64,{data}">'
        "Save results.json</a>, the file that every figure and table on this page is drawn from.</p>"
    )


def _json_in_html(value: Any) -> str:
    """JSON that cannot end the script element that it stands in."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


@functools.cache
def _vega_libraries() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that cannot end its element early; seconds of work, done once."""
    script = vl_convert.javascript_bundle()  # pyright: ignore[reportCallIssue] (the stub lacks the default)
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _asset(name: str) -> str:
    return resources.files("rnn_lm.report").joinpath(name).read_text(encoding="utf-8")
