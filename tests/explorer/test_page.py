"""The page in a real browser: served and written, by click and by key, with the numbers that Python has."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from explorer.conftest import TEXT
from rnn_lm.config import GenerationConfig
from rnn_lm.evaluation.drawing import candidates
from rnn_lm.explorer.answers import Explorer, next_log_probabilities
from rnn_lm.explorer.page import SCRIPTS, content_of, page_of, write_page
from rnn_lm.explorer.patterns import find_matches, pattern_over
from rnn_lm.explorer.reading import difference, read
from rnn_lm.explorer.server import Server
from rnn_lm.progress import SilentProgress

OTHER = "my son hears the king ."
WAIT = (
    "globalThis.until = async (holds) => { for (let turn = 0; turn < 500 && !holds(); turn++) "
    "await new Promise(go => setTimeout(go, 20)); return Boolean(holds()); }; true"
)


@pytest.fixture(scope="module")
def served(explorer: Explorer) -> Iterator[str]:
    with Server(explorer, [TEXT, OTHER], 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.address
        server.shutdown()


@pytest.fixture(scope="module")
def written(explorer: Explorer, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_page(explorer, [TEXT, OTHER], path, True, SilentProgress())
    return path.as_uri()


@pytest.fixture(params=["served", "written"])
def page(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    """The page, open and ready; afterwards nothing has gone wrong in it, and it has asked nobody else."""
    browser.resize(1280, 900)
    address = request.getfixturevalue(request.param)
    browser.open(address)
    browser.evaluate(f"Explorer.ready.then(() => {{ {WAIT} }})")
    yield browser
    assert not browser.errors
    asked = browser.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
    assert all(request.param == "served" and each.startswith(address) for each in asked)


def until(page: Any, holds: str) -> None:
    assert page.evaluate(f"until(() => {holds})"), holds


def texts_of(page: Any, selector: str) -> list[str]:
    return page.evaluate(f"[...document.querySelectorAll({selector!r})].map(each => each.textContent)")


def click(page: Any, selector: str, number: int = 0) -> None:
    page.evaluate(f"document.querySelectorAll({selector!r})[{number}].click()")


def change(page: Any, name: str, value: object, event: str = "change") -> None:
    """Give a control another value, as a person would."""
    page.evaluate(
        f"(control => {{ control.value = {json.dumps(str(value))}; control.dispatchEvent(new Event('{event}')); }})"
        f"(document.getElementById('{name}'))"
    )


def show(page: Any, tab: str) -> None:
    page.evaluate(f"document.getElementById('tab-{tab}').click()")


@pytest.mark.slow
def test_words_are_read_by_click_and_by_key(page: Any, explorer: Explorer) -> None:
    expected = read(explorer.models[0], TEXT)
    assert texts_of(page, "#read-words small") == [f"{bits:.1f}" for bits in expected.surprisal_t.tolist()]
    click(page, "#read-words button", 2)
    assert "“sees”" in texts_of(page, "#read-detail h2")[0]
    best = explorer.models[0].vocabulary.tokens[int(expected.top_ids_tk[2, 0])]
    assert texts_of(page, "#read-detail .bars li .word")[0].removesuffix(" (the word that came)") == {"<eos>": "⏎"}.get(
        best, best
    )
    assert "ngram had seen" in "".join(texts_of(page, "#read-detail h3"))
    page.evaluate("document.querySelectorAll('#read-words button')[2].focus()")
    page.press("ArrowRight")
    assert "“fish”" in texts_of(page, "#read-detail h2")[0]
    change(page, "read-against", 3)
    change(page, "read-measure", "difference")
    found = page.evaluate("Explorer.differences(Explorer.state.reading.models[0], Explorer.state.reading.models[3])")
    assert found == pytest.approx(difference(expected, read(explorer.models[3], TEXT)), abs=1e-3)
    page.evaluate("document.getElementById('text').value = ''; document.getElementById('go').click()")
    assert "no word" in texts_of(page, "#status")[0]


@pytest.mark.slow
def test_a_new_text_is_read(page: Any, explorer: Explorer) -> None:
    text = "the king sees xyzzy , my son ."
    page.evaluate(f"document.getElementById('text').value = {text!r}; document.getElementById('go').click()")
    until(page, "Explorer.state.text.includes('xyzzy')")
    expected = read(explorer.models[0], text)
    found = page.evaluate("Explorer.state.reading.models[0]")
    assert found["tokens"] == list(expected.cut.tokens)
    assert found["unknown"] == [3]
    assert found["surprisal"] == pytest.approx(expected.surprisal_t.tolist(), abs=1e-3)
    assert found["entropy"] == pytest.approx(expected.entropy_t.tolist(), abs=1e-3)
    assert found["rank"] == expected.rank_t.tolist()
    assert "1 not in the vocabulary" in texts_of(page, "#read-sum")[0]


@pytest.mark.slow
def test_places_and_units_off_are_pythons(page: Any, explorer: Explorer) -> None:
    show(page, "cells")
    until(page, "/control task|Nothing of what/.test(document.getElementById('cells-probes').textContent)")
    layer = explorer.sources.sample(explorer.models[0]).layers[0]["hidden"]
    for threshold, edges, first, last in ((0.3137, "false", 5, 7), (0.1003, "true", 30, 30)):
        pattern = pattern_over(layer.values, first, last, threshold, edges == "true").tolist()
        stretch = explorer.sources.sample(explorer.models[0]).stretch
        expected = find_matches(layer.values, stretch, pattern, last - first + 1, threshold, edges == "true")
        found = page.evaluate(
            "Explorer.source.ask('corpus', {model: 0}).then(answer => { "
            f"const on = Explorer.onBits(Explorer.arrayOf(answer.layers[0].hidden), {threshold}); "
            f"const pattern = Explorer.patternOver(on, {first}, {last}, {edges}); return [pattern, "
            f"Explorer.findMatches(on, answer.stretch, pattern, {last - first + 1}, {edges}, 20)]; }})"
        )
        assert found[0] == pattern
        assert [(each["position"], each["shared"], each["others"]) for each in found[1]] == [
            (each.position, each.shared, each.others) for each in expected
        ]
    page.evaluate("document.getElementById('map').focus()")
    page.press("ArrowRight")
    assert "Phrase: cat (1)" in texts_of(page, "#cells-here")[0]
    change(page, "cells-threshold", 0.05, "input")
    click(page, "#cells-matches button")
    assert page.evaluate("document.getElementById('cells-over').value") == "corpus"
    page.press("Enter")
    until(page, "document.querySelector('#cells-off .bars')")
    unit = page.evaluate("Number(/Off: (\\d+)/.exec(document.getElementById('cells-off').textContent)[1])")
    without = explorer.answer("ablate", {"text": TEXT, "model": 0, "layer": 0, "units": [unit]})["surprisal"]
    with_all = read(explorer.models[0], TEXT).surprisal_t.tolist()
    signed = [f"{'−' if change < 0 else '+'}{abs(change):.1f}" for change in np.subtract(without, with_all)]
    shown = texts_of(page, "#cells-off .words small")
    assert (
        sum(one == other for one, other in zip(shown, signed, strict=True)) >= len(signed) - 1
    )  # one may be rounded otherwise


@pytest.mark.slow
def test_gradients_of_every_model_stand_side_by_side(page: Any, explorer: Explorer) -> None:
    click(page, "#read-words button", 4)
    show(page, "gradients")
    until(page, "document.querySelectorAll('#gradients-strips .words').length === 3")
    expected = explorer.answer("gradients", {"text": TEXT, "model": 1, "at": 4})["measures"]["input x gradient"]
    strip = "document.querySelectorAll('#gradients-strips .words')[1]"
    shown = page.evaluate(f"[...{strip}.querySelectorAll('small')].map(each => each.textContent)")
    assert shown == [f"{'−' if value < 0 else '+'}{abs(value):.2f}" for value in expected]
    change(page, "gradients-measure", "paths")
    until(page, "document.querySelectorAll('#gradients-strips .words').length === 5")  # three of the LSTM, and two
    assert "hidden path" in "".join(texts_of(page, "#gradients-strips h3"))
    assert page.evaluate("document.querySelector('#gradients-plot svg[role=img]').getAttribute('aria-label')")


@pytest.mark.slow
def test_words_are_written_and_another_branch_is_taken(page: Any, explorer: Explorer) -> None:
    show(page, "write")
    until(page, "document.querySelectorAll('#write-next button').length")
    stored = explorer.models[0]
    ids = stored.codec.encode(TEXT)
    log_probs_v = next_log_probabilities(stored, ids)
    log_probs_v[0] = -torch.inf
    for temperature, top_p in ((1.0, 1.0), (0.5, 0.6), (0.0, 1.0)):
        expected = candidates(log_probs_v, GenerationConfig(temperature=temperature, top_p=top_p))
        found = page.evaluate(
            f"Explorer.source.ask('next', {{model: 0, ids: {ids}}}).then(answer => Explorer.reshaped(Explorer.valuesOf("
            f"answer.log_probabilities).values, {{temperature: {temperature}, topP: {top_p}, without: [0]}}))"
        )
        assert found["kept"] == len(expected.ids_c)
        kept = found["candidates"][: found["kept"]]
        assert [each["share"] for each in kept] == pytest.approx(expected.probabilities_c.tolist(), abs=1e-4)
        assert kept[0]["id"] == int(expected.ids_c[0])
    page.evaluate("document.getElementById('write-count').value = 5; document.getElementById('write-go').click()")
    until(page, "document.querySelectorAll('#write-path button').length === 5")
    until(page, "document.getElementById('write-go').textContent === 'Let it write'")
    first = texts_of(page, "#write-text")[0]
    click(page, "#write-path button", 2)
    until(page, "document.querySelectorAll('#write-path button').length === 2")
    assert texts_of(page, "#write-branches button") == [first]
    click(page, "#write-next button", 3)
    until(page, "document.querySelectorAll('#write-path button').length === 3")


@pytest.mark.slow
def test_it_fits_a_telephone_and_a_wide_screen_and_is_labelled(page: Any) -> None:
    for width in (360, 1600):
        page.resize(width, 800, dark=width == 360)
        for tab in ("read", "cells", "gradients", "write"):
            show(page, tab)
            page.evaluate("new Promise(go => setTimeout(go, 400))")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (tab, width)
    unlabelled = (
        "[...document.querySelectorAll('input, select, textarea')].filter(each => !each.labels.length).length + "
        "[...document.querySelectorAll('button')].filter(each => !each.textContent.trim() && !each.ariaLabel).length"
    )
    assert page.evaluate(unlabelled) == 0
    page.evaluate("document.getElementById('tab-write').focus()")
    page.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-read"
    assert page.evaluate("!document.getElementById('read').hidden && document.getElementById('write').hidden")


@pytest.mark.slow
def test_a_written_page_says_what_it_lacks(browser: Any, written: str) -> None:
    browser.open(written)
    browser.evaluate(f"Explorer.ready.then(() => {{ {WAIT} }})")
    browser.evaluate("document.getElementById('text').value = 'the sea'; document.getElementById('go').click()")
    until(browser, "Explorer.state.text === 'the sea'")
    assert "does not carry ngram" in browser.evaluate("Explorer.state.reading.models[3].error")
    show(browser, "gradients")
    until(browser, "document.getElementById('gradients-strips').textContent.includes('gradients of its own texts')")
    assert not browser.errors


def test_what_a_page_carries_cannot_end_its_script() -> None:
    payload = "</script><script>document.title='owned'</script>\u2028<!--"
    page = page_of({"texts": [payload], "answers": {}, "models": []}).decode("utf-16")
    carried = page.split("globalThis.EXPLORER_PAGE = ")[1].split(";\n</script>")[0]
    assert "<" not in carried
    assert json.loads(carried)["texts"] == [payload]
    assert page.count("<script>") == page.count("</script>") == len(SCRIPTS) + 1
    assert "src=" not in page.partition("<script>")[0]


def test_parts_of_the_page_ask_nobody_else() -> None:
    for name in SCRIPTS:
        text = content_of(name).decode()
        assert "https://" not in text
        assert text.count("http://") == text.count('"http://www.w3.org/2000/svg"')
