"""What the site does to pages that are read on their own, too: formulas become MathML, links into the code go to it.

Browsers draw MathML by themselves: a page needs no script for it, and no network.
"""

from __future__ import annotations

import re
from typing import Any

from latex2mathml.converter import convert

_FENCE = re.compile(r"(^```.*?^```[^\n]*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_DISPLAY = re.compile(r"^\$\$\n(.+?)\n\$\$$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<![\\$\w])\$(?=\S)([^$\n]+(?:\n[^$\n]+)?)(?<=\S)\$(?![\d$])")
_FROM_NOTEBOOK = re.compile(r'href="(?![a-z]+:)([^"#?]+)\.(?:md|ipynb)((?:#[^"]*)?)"')
_INTO_CODE = re.compile(r"\]\((?:\.\./)+((?:src|benchmarks|tests|examples)\b[^)]*)\)")


def on_page_markdown(markdown: str, *, config: Any, **_: Any) -> str:
    """Return a page's text as the site takes it; what is code stays as it is."""
    parts = _FENCE.split(markdown)
    return "".join(part if index % 2 else _changed(part, config["repo_url"]) for index, part in enumerate(parts))


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Return a page whose links from a notebook lead to pages of the site, and which asks nobody else for a script.

    The script is the one with which search works from the disk: ours does.
    """
    output = _FROM_NOTEBOOK.sub(lambda found: f'href="{_as_page(found[1])}{found[2]}"', output)
    own = f"{'../' * page.url.count('/')}site/worker.js"
    return re.sub(r"<script src=\"?https://unpkg\.com/iframe-worker/shim\"?>", f'<script src="{own}">', output)


def _as_page(source: str) -> str:
    """Where the page of a source file lies: ``../index.html`` of ``../README``."""
    return f"{source.removesuffix('README')}index.html" if source.endswith("README") else f"{source}.html"


def _changed(text: str, repository: str) -> str:
    text = _DISPLAY.sub(lambda found: f'<div class="formula">{_mathml(found[1], "block")}</div>', text)
    # Inside a span, since a line that began with <math> would be taken for a block of its own.
    text = _INLINE.sub(lambda found: f"<span>{_mathml(found[1], 'inline')}</span>", text)
    return _INTO_CODE.sub(lambda found: f"]({repository}/blob/main/{found[1]})", text)


def _mathml(formula: str, display: str) -> str:
    """A formula on one line, since a blank one would end the element."""
    return " ".join(convert(formula.replace("\n", " "), display=display).split())
