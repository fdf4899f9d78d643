"""The exported page: its weights, and, in a real browser, its numbers, its cutting of text, and its keyboard."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from export_cases import KINDS, baseline, codec, neural
from rnn_lm.export.base import export_model
from rnn_lm.export.config import ExportConfig
from rnn_lm.export.web.weights import KNOWN_CELLS, pack, refusal
from rnn_lm.layers.cells import CELLS
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import SilentProgress
from rnn_lm.text import TextCodec

ROOT = Path(__file__).resolve().parents[2]
LINES = [
    "In the beginning God created the heavens -- and the earth...",
    "I don't know; he's sure you'll say: \"O'Clock, 1,000.5 well-known dogs' bones!\"",
    "DON'T N'T 'tis n’t it’s ’s rock-'n'-roll Él niño cafe\u0301 naïve ἐν ἀρχῇ",
    "<s> a line with markers </s>",
    "",
    "  \t ",
    "a<unk>b <unk> [x] snake_case 3.14 50% $5 (so) “quoted” ‘single’ …",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u4f60\u597d \U0001f600\U0001f468\u200d\U0001f469 x\u00a0y\u2028z",
    "unfinished",
]


def opened(browser: Any, stored: StoredModel, folder: Path) -> Path:
    """The model's page, opened from the disk and ready."""
    export_model(stored, folder, ExportConfig(to="web"), SilentProgress())
    browser.open((folder / "index.html").as_uri())
    browser.evaluate("rnnLmPage.ready.then(() => true)")
    return folder


def in_page(browser: Any, expression: str) -> Any:
    return browser.evaluate(f"rnnLmPage.ready.then(model => {{ {expression} }})")


def differ_by(browser: Any, stored: StoredModel) -> float:
    """The largest difference of a log-probability between the open page and Python, over a text and the vocabulary."""
    model = stored.model
    assert isinstance(model, NeuralLanguageModel)
    ids = [1, *torch.randint(len(stored.vocabulary), (12,), generator=torch.Generator().manual_seed(1)).tolist()]
    with torch.no_grad():
        expected = model(torch.tensor(ids).unsqueeze(1), model.initial_state(1))[0][:, 0]
    found = in_page(
        browser,
        f"let state = model.start(); return {ids}.map(id => {{ const at = model.read(id, state); state = at.state; "
        "return Array.from(at.logProbabilities); });",
    )
    return float((torch.tensor(found) - expected).abs().max())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "attention" not in kind and "capped" not in kind])
@pytest.mark.slow
def test_log_probabilities_are_pythons(browser: Any, kind: str, tmp_path: Path) -> None:
    stored = neural(kind, codec_=codec("characters", LINES))
    opened(browser, stored, tmp_path / "page")
    assert differ_by(browser, stored) < 1e-4
    assert not browser.errors


@pytest.mark.slow
def test_a_model_with_large_weights_takes_more_places(browser: Any, tmp_path: Path) -> None:
    stored = neural("lstm")
    with torch.no_grad():
        for parameter in stored.model.parameters():  # pyright: ignore[reportAttributeAccessIssue]
            parameter.mul_(3)
    opened(browser, stored, tmp_path / "page")
    assert differ_by(browser, stored) < 1e-4


@pytest.mark.parametrize("tokens", ["words", "whitespace", "characters", "bytes"])
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.slow
def test_text_is_cut_and_joined_as_python_does(browser: Any, tokens: str, lowercase: bool, tmp_path: Path) -> None:
    found: TextCodec = codec(tokens, LINES, lowercase=lowercase)
    opened(browser, neural("elman-tanh", codec_=found), tmp_path / "page")
    text = "\n".join(LINES)
    for part in (text, text + "\n", *LINES):
        ids = found.encode(part)
        assert in_page(browser, f"return model.tokens({json.dumps(part)})") == found.tokens(part)
        assert in_page(browser, f"return model.encode({json.dumps(part)})") == ids
        joined = in_page(
            browser,
            f"const joiner = model.joiner(); return {ids}.map(id => joiner.add(model.words[id])).join('') "
            "+ joiner.finish();",
        )
        assert joined == found.decode(ids)


@pytest.mark.slow
def test_the_page_is_used_by_keyboard_and_fits_a_telephone(browser: Any, lstm: StoredModel, tmp_path: Path) -> None:
    browser.resize(360, 800)
    opened(browser, lstm, tmp_path / "page")
    browser.evaluate("document.getElementById('text').focus()")
    browser.type("the cat sees")
    browser.evaluate("rnnLmPage.read()")
    offered = browser.evaluate("document.querySelector('#next button').getAttribute('aria-label')")
    with torch.no_grad():
        ids = torch.tensor([1, *lstm.codec.encode("the cat sees")]).unsqueeze(1)
        log_probs_tbv, _ = lstm.model(ids, lstm.model.initial_state(1))  # pyright: ignore[reportCallIssue]
    log_probs_v = log_probs_tbv[-1, 0]
    log_probs_v[0] = -torch.inf
    best = lstm.vocabulary.tokens[int(log_probs_v.argmax())]
    assert offered == f"{'end of sentence' if best == '<eos>' else best}, {float(log_probs_v.max().exp()):.1%}"
    browser.press("Tab")
    browser.press("Enter")
    written = browser.evaluate("rnnLmPage.read().then(() => document.getElementById('text').value)")
    assert lstm.codec.encode(written) == [*lstm.codec.encode("the cat sees"), int(log_probs_v.argmax())]
    assert browser.evaluate("document.querySelectorAll('#read button').length") == 4
    assert browser.evaluate("document.documentElement.scrollWidth") <= 360
    unlabelled = "[...document.querySelectorAll('input, select, textarea')].filter(each => !each.labels.length).length"
    assert browser.evaluate(unlabelled) == 0
    assert not browser.errors


@pytest.mark.slow
def test_the_same_seed_writes_the_same_text(browser: Any, lstm: StoredModel, tmp_path: Path) -> None:
    opened(browser, lstm, tmp_path / "page")
    write = (
        "document.getElementById('clear').click(); document.getElementById('go').click(); "
        "return new Promise(go => { const wait = () => document.getElementById('go').textContent === 'Stop' "
        "? setTimeout(wait, 20) : go(document.getElementById('text').value); wait(); });"
    )
    first = in_page(browser, write)
    assert first
    assert in_page(browser, write) == first
    assert in_page(browser, f"document.getElementById('seed').value = 2; {write}") != first


@pytest.mark.slow
def test_a_damaged_file_is_said_in_the_page(browser: Any, lstm: StoredModel, tmp_path: Path) -> None:
    export_model(lstm, tmp_path / "page", ExportConfig(to="web"), SilentProgress())
    path = tmp_path / "page" / "model.js"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    browser.open((tmp_path / "page" / "index.html").as_uri())
    said = browser.evaluate("rnnLmPage.ready.catch(() => document.getElementById('failed').textContent)")
    assert said == "The model cannot be read: model.js is damaged: export it again"
    browser.errors.clear()


@pytest.mark.slow
def test_the_keyboard_example_offers_words_that_go_on(browser: Any, lstm: StoredModel, tmp_path: Path) -> None:
    folder = opened(browser, lstm, tmp_path / "page")
    shutil.copytree(ROOT / "examples" / "keyboard", folder / "keyboard")
    browser.open((folder / "keyboard" / "index.html").as_uri())
    offered = browser.evaluate("keyboard.then(keyboard => keyboard.offers('the dog sees s'))")
    fitting = {word for word in lstm.vocabulary.tokens if word.startswith("s")}
    assert {each["word"] for each in offered} <= fitting
    assert len(offered) == min(3, len(fitting)) > 1
    assert all(each["begun"] == 1 for each in offered)
    assert not browser.errors


def test_every_cell_is_in_the_page() -> None:
    assert set(KNOWN_CELLS) == set(CELLS)
    engine = (ROOT / "src" / "rnn_lm" / "export" / "web" / "engine.js").read_text(encoding="utf-8")
    for cell in KNOWN_CELLS:
        assert f'"{cell}": {{parts:' in engine


def test_the_weights_are_text_of_a_file_of_utf_16() -> None:
    script = pack(neural("gru")).script
    text = script.decode("utf-16")
    assert text.startswith("globalThis.RNN_LM_MODEL = {bytes: ")
    assert all(0x4E00 <= ord(character) < 0x4E00 + 2**15 for character in text.split('"')[1])


def test_what_the_page_cannot_hold_is_refused() -> None:
    assert "no neural model" in str(refusal(baseline()))
    assert "an attention model" in str(refusal(neural("attention")))
    assert "no equations for --skip-connections" in str(refusal(neural("lstm-capped")))
    assert "no equations for --cap-input-gate" in str(refusal(neural("mogrifier-capped")))
    pytest.importorskip("tokenizers")
    pieces = codec("bpe", size=300)
    assert "does not cut text into bpe" in str(refusal(neural("lstm", codec_=pieces)))
