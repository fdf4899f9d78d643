"""Every public name has a docstring with an example, and every example prints what it says."""

from __future__ import annotations

import doctest
import inspect

import pytest

import rnn_lm
from rnn_lm.corpora import CORPORA
from rnn_lm.labels import LOOKS
from rnn_lm.layers import CELLS
from rnn_lm.models.families import FAMILIES
from rnn_lm.probes.tasks import PROBES
from rnn_lm.text import TOKENIZERS

NAMES = [name for name in rnn_lm.__all__ if name not in ("__version__", "layers")]


def examples_of(name: str) -> list[doctest.DocTest]:
    public = getattr(rnn_lm, name)
    finder = doctest.DocTestFinder(recurse=False)
    text = inspect.getdoc(public) or ""
    return [one for one in finder.find(public, name, globs={"rnn_lm": rnn_lm}, module=False) if one.examples and text]


@pytest.mark.parametrize("name", NAMES)
def test_it_has_an_example(name):
    assert examples_of(name), f"rnn_lm.{name} has no example in its docstring"


@pytest.fixture
def registries(monkeypatch):
    """The registries, which are as they were after an example has added to them."""
    for registry in (CELLS, LOOKS, CORPORA, FAMILIES, PROBES, TOKENIZERS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("house", "registries")
def test_its_example_is_true(name):
    for example in examples_of(name):
        said: list[str] = []
        result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=said.append)
        assert result.failed == 0, "".join(said)


def test_the_layers_have_one():
    finder = doctest.DocTestFinder(recurse=False)
    (example,) = (one for one in finder.find(rnn_lm.layers.LSTM, "LSTM", module=False) if one.examples)
    assert doctest.DocTestRunner().run(example).failed == 0
