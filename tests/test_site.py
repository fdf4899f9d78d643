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


def test_links_from_a_notebook_lead_to_pages():
    pytest.importorskip("latex2mathml")
    page = type("Page", (), {"url": "tutorials/1-first-model.html"})
    links = '<a href="../theory/3-gating.md#as-code"> <a href="../theory/README.md"> <a href="https://host/README.md">'
    assert load("hooks").on_post_page(links, page=page) == (
        '<a href="../theory/3-gating.html#as-code"> <a href="../theory/index.html"> <a href="https://host/README.md">'
    )


def test_what_is_wrong_with_a_site_is_found(tmp_path):
    (tmp_path / "index.html").write_text(
        '<a href="a.html#here">a</a> <a href="gone.html">g</a> <img src="http://h/i.png">'
    )
    (tmp_path / "a.html").write_text('<h1 id="there">A</h1> <a href="index.html">back</a> <a href="https://h/x">x</a>')
    (tmp_path / "lost.html").write_text('<a href="lost.html">me</a>')
    assert list(load("check_links").faults(tmp_path)) == [
        "index.html loads http://h/i.png",
        "index.html leads to a.html#here: there is no such place on that page",
        "index.html leads to gone.html, which is not there",
        "lost.html has no way in",
    ]


def test_what_is_too_wide_for_a_telephone_is_found(tmp_path, browser):
    narrow = load("check_narrow")
    head = '<meta name="viewport" content="width=device-width"><div class="md-content">'
    (tmp_path / "fits.html").write_text(head + '<div style="overflow-x: auto"><p style="width: 900px">a</p></div>')
    (tmp_path / "wide.html").write_text(head + '<p style="width: 900px">too wide</p>')
    assert narrow.fault(browser, tmp_path / "fits.html") is None
    assert 'p "too wide"' in narrow.fault(browser, tmp_path / "wide.html")


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
