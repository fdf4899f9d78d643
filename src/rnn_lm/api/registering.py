"""What a package, or a cell of a notebook, adds under a name of its own."""

from __future__ import annotations

from collections.abc import Callable

from rnn_lm.corpora import CORPORA, NamedCorpus
from rnn_lm.layers import register_cell as register_cell
from rnn_lm.text import TOKENIZERS, Tokenization


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
