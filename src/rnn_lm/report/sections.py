"""What a page is made of: blocks, sections, and the registry that a new section joins.

A section is a function from results to a ``Section``, or to None where the results hold nothing for it. A new one is
one file ``report/sections_<name>.py`` with one registration::

    @section("probes", position=60)
    def probes(results: Results) -> Section | None:
        if "probes" not in results:
            return None
        return Section("The long-range probe", "probes", (Paragraph("..."), Figure(...)))

Positions: 10 claims, 20 perplexity, 30 seen context, 40 learning, 50 gradient norms, 60 probes, 70 gradients,
80 theory, 85 samples, 90 corpus, 95 running it again.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import altair as alt
from markupsafe import Markup as Safe

import rnn_lm.report
from rnn_lm.registry import Registry
from rnn_lm.report.results import Results
from rnn_lm.report.style import FIGURE_WIDTH
from rnn_lm.report.tables import Table


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Figure:
    """A chart with its caption and the numbers behind it.

    Attributes:
        name: unique on the page; its letters, digits and hyphens are also the name of a saved picture.
        chart: drawn by the browser from its specification, and as a picture where scripts are off and on paper. A chart
            without panels stretches to the page's width.
        caption: what is seen.
        description: the figure in words, for who cannot see it.
        numbers: tables, folded away under the figure.
        width: of the plot in px in the fixed picture, for a chart without panels.
    """

    name: str
    chart: alt.TopLevelMixin
    caption: str
    description: str
    numbers: tuple[Table, ...] = ()
    width: int = FIGURE_WIDTH


@dataclass(frozen=True)
class Columns:
    """Figures side by side, two in a row where the page is wide enough."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Code:
    """Preformatted text, such as a command."""

    text: str


@dataclass(frozen=True)
class Samples:
    """Texts by different models that go on from the same prompt.

    Attributes:
        prompt: what they go on from, may be empty.
        settings: how they were sampled.
        texts: (model's label, text).
    """

    prompt: str
    settings: str
    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away under a summary."""

    summary: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Folded:
    """A long block, of which only the part that tells most is seen until it is unfolded; on paper all of it is.

    Attributes:
        summary: what stands on the fold, such as "All 36 rows".
        telling: what is seen of it.
        whole: all of it, the telling part included.
    """

    summary: str
    telling: Table | Markup
    whole: Table | Markup


@dataclass(frozen=True)
class Download:
    """A link that saves the results file from the page."""

    results: Results


@dataclass(frozen=True)
class Markup:
    """HTML as it is, for what the other blocks cannot hold, such as MathML; a plain string is shown as text."""

    html: Safe


Block = Paragraph | Heading | Table | Figure | Columns | Code | Samples | Details | Folded | Download | Markup


@dataclass(frozen=True)
class Section:
    """A part of the page with an entry in its table of contents.

    Attributes:
        title: its heading.
        anchor: unique on the page; letters, digits and hyphens.
        blocks: its content.
    """

    title: str
    anchor: str
    blocks: tuple[Block, ...]


SectionMaker = Callable[[Results], Section | None]


@dataclass(frozen=True)
class PlacedSection:
    """A section's maker and its position on the page."""

    position: int
    make: SectionMaker


SECTIONS: Registry[PlacedSection] = Registry("report section")


def section(name: str, position: int) -> Callable[[SectionMaker], SectionMaker]:
    """Decorator that puts a section on the page at ``position``."""

    def add(make: SectionMaker) -> SectionMaker:
        SECTIONS.register(name)(PlacedSection(position, make))
        return make

    return add


def sections_of(results: Results, registry: Registry[PlacedSection] = SECTIONS) -> list[Section]:
    """The sections that these results fill, in order of their positions."""
    placed = sorted((registry[name] for name in registry), key=lambda entry: entry.position)
    return [made for made in (entry.make(results) for entry in placed) if made is not None]


def load_sections() -> None:
    """Import every ``report/sections_<name>.py``, so that each registers what it adds to the page."""
    for module in pkgutil.iter_modules(rnn_lm.report.__path__):
        if module.name.startswith("sections_"):
            importlib.import_module(f"rnn_lm.report.{module.name}")
