"""The site: what it does to pages and docstrings, and that every page has a way in. `make site` builds it whole."""

import re

import pytest

from by_path import ROOT, module_at


def load(name):
    return module_at(f"docs/site/{name}.py")


def test_formulas_become_mathml_and_code_stays():
    pytest.importorskip("latex2mathml")
    page = "Let $h_t$ be `$h_t$`.\n\n$$\nh_t = f(a_t)\n$$\n\n```\n$x$\n```\nIt costs $5 and $6.\n"
    out = load("hooks").on_page_markdown(page, config={"repo_url": "https://host/owner/repo"})
    assert out.count("<math") == 2
    assert 'display="block"' in out
    assert "`$h_t$`" in out
    assert "```\n$x$\n```" in out
    assert "It costs $5 and $6." in out


def test_links_into_the_code_go_to_the_repository():
    pytest.importorskip("latex2mathml")
    out = load("hooks").on_page_markdown(
        "[a](../src/rnn_lm/x.py) [b](../../benchmarks/y.json) [c](other.md)", config={"repo_url": "https://host/o/r"}
    )
    code = "https://host/o/r/blob/main"
    assert out == f"[a]({code}/src/rnn_lm/x.py) [b]({code}/benchmarks/y.json) [c](other.md)"


def test_a_page_fetches_no_script():
    pytest.importorskip("latex2mathml")
    page = type("Page", (), {"url": "theory/1-bptt.html"})
    out = load("hooks").on_post_page('<script src="https://unpkg.com/iframe-worker/shim"></script>', page=page)
    assert out == '<script src="../site/worker.js"></script>'


def test_doctests_are_fenced():
    pytest.importorskip("griffe")
    text = "Say it.\n\n    >>> 1 + 1\n    2\n\nArgs:\n    a: b.\n\n>>> 3\n3"
    assert load("doctests").fenced(text) == (
        "Say it.\n\n    ```pycon\n    >>> 1 + 1\n    2\n    ```\n\nArgs:\n    a: b.\n\n```pycon\n>>> 3\n3\n```"
    )


def test_every_page_has_a_way_in():
    linked = set(re.findall(r"[\w/.-]+\.(?:md|ipynb)", (ROOT / "mkdocs.yml").read_text()))
    pages = {
        str(path.relative_to(ROOT / "docs")) for end in ("md", "ipynb") for path in (ROOT / "docs").rglob(f"*.{end}")
    }
    assert pages == linked
