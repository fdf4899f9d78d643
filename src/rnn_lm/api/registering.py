"""What a package, or a cell of a notebook, adds under a name of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rnn_lm.corpora import CORPORA, NamedCorpus
from rnn_lm.labels import LOOKS, Look, ModelStyle
from rnn_lm.layers import register_cell as register_cell
from rnn_lm.models.families import FAMILIES
from rnn_lm.models.family import Family
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.tasks import PROBES, Probe
from rnn_lm.text import TOKENIZERS, Tokenization

F = TypeVar("F", bound=Family)


def register_model(name: str, family: F, label: str | None = None, style: ModelStyle | None = None) -> F:
    """Add a kind of model under ``name``, which ``train(cell=name)`` and ``compare`` then take; returns it.

    >>> import rnn_lm
    >>> from rnn_lm.models.family import NeuralFamily
    >>> from rnn_lm.models.neural import NeuralLanguageModel, count_around
    >>> class LastWord(NeuralLanguageModel):
    ...     def __init__(self, vocabulary_size, embedding_size, config, generator):
    ...         super().__init__(vocabulary_size, embedding_size, embedding_size, config)
    ...         self.adaptive = self.make_adaptive()
    ...         self.initialize(generator)
    ...
    ...     def initial_state(self, batch):
    ...         return (self.embedding.weight.new_zeros(1, batch, 1),)
    ...
    ...     def restarted(self, state, where_b):
    ...         return state
    ...
    ...     def hidden(self, input_tb, state, masks=None):
    ...         return self.embed(input_tb, masks).tanh(), state
    >>> last_word = NeuralFamily(LastWord, lambda words, size, config: count_around(words, size, size, config))
    >>> family = rnn_lm.register_model("last-word", last_word, "Last word")
    >>> sizes = {"hidden_size": 8, "embedding": "random", "embedding_size": 8}
    >>> run = rnn_lm.train("my.txt", cell="last-word", **sizes, budget="2steps", out="runs/last", progress=False)
    >>> run.model
    TextModel('last', Last word 1 x 8, 198 parameters, 22 words, cpu)
    >>> run.model.hidden("the cat")
    HiddenStates(3 tokens; layer 0: hidden (3, 8))

    Args:
        name: a new one.
        family: how it is built, counted and read back; see ``rnn_lm.models.family.NeuralFamily``.
        label: what it is called in tables and figures; default: its name.
        style: how it is drawn; default: whatever is free in a figure. It goes with a ``label``.

    Raises:
        ValueError: the name is taken.
    """
    FAMILIES.register(name)(family)
    if label is not None:
        LOOKS.register(name)(Look(label, style))
    return family


def register_suite(name: str, suite: Callable[[ProbeConfig], Probe]) -> Callable[[ProbeConfig], Probe]:
    """Add a suite under ``name``, which ``compare(parts=["probes"], suites=[name])`` then asks; returns it.

    >>> import rnn_lm
    >>> from dataclasses import replace
    >>> from rnn_lm.probes.tasks import recall
    >>> either_or = rnn_lm.register_suite("either-or", lambda config: recall(replace(config, symbols=2)))
    >>> from rnn_lm.testing import check_suite
    >>> check_suite("either-or")

    Args:
        name: a new one.
        suite: from sizes to a language to train on, and what is asked of a model trained on it. Where several processes
            train, each must find it: it is then an entry point of a package, or ``workers=1``.

    Raises:
        ValueError: the name is taken.
    """
    return PROBES.register(name)(suite)


def register_corpus(name: str, corpus: NamedCorpus) -> NamedCorpus:
    """Add a corpus under ``name``, which ``train(name)`` then reads; returns it.

    >>> import rnn_lm
    >>> from rnn_lm.corpora import NamedCorpus, RawCorpus
    >>> lines = ["one two three ."] * 100
    >>> made = RawCorpus("Counting", lines, lines[:50], lines[:50], "made up", "public domain", "in order")
    >>> counting = rnn_lm.register_corpus("counting", NamedCorpus(lambda access: made))
    >>> rnn_lm.train_ngram("counting", order=2, out="runs/counting", progress=False).vocabulary.tokens
    ('<unk>', '<eos>', '.', 'one', 'three', 'two')

    Raises:
        ValueError: the name is taken.
    """
    return CORPORA.register(name)(corpus)


def register_tokenization(
    name: str, tokenization: Tokenization | Callable[[str], list[str]]
) -> Tokenization | Callable[[str], list[str]]:
    """Add a tokenization under ``name``, which ``tokens=name`` then cuts text by; returns it.

    >>> import rnn_lm
    >>> halves = rnn_lm.register_tokenization("halves", lambda line: [line[:5], line[5:]])
    >>> from pathlib import Path
    >>> _ = Path("halves.txt").write_text("aaaaabbbbb\\n" * 200)
    >>> rnn_lm.train_ngram("halves.txt", tokens="halves", order=2, out="runs/halves", progress=False).vocabulary.tokens
    ('<unk>', '<eos>', 'aaaaa', 'bbbbb')

    Args:
        name: a new one.
        tokenization: see ``rnn_lm.text.Tokenization``; or a function from a line to its tokens, where spaces between
            tokens make the text again. A text of many megabytes is cut in several processes, for which it must be
            possible to pickle it.

    Raises:
        ValueError: the name is taken.
    """
    return TOKENIZERS.register(name)(tokenization)  # pyright: ignore[reportArgumentType, reportReturnType]
