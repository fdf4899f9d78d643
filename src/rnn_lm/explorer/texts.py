"""The texts that a page begins with: those that are given, and else sentences of the models' own corpus."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from rnn_lm.corpora.reading import text_blocks
from rnn_lm.errors import UserError
from rnn_lm.explorer.answers import Explorer
from rnn_lm.explorer.reading import cut_text
from rnn_lm.explorer.sample import Sample
from rnn_lm.vocabulary import Vocabulary

EXAMPLES, SHORTEST, LONGEST = 4, 12, 40
"""Sentences that are shown where no text is given, and how many tokens they have."""


def texts_to_read(explorer: Explorer, given: Sequence[str], file: Path | None, encoding: str | None) -> list[str]:
    """Return the texts that a page begins with.

    Args:
        explorer: the models, each of which must be able to read what is given.
        given: texts.
        file: one more.
        encoding: of the file; default: UTF-8, or what a byte order mark says.

    Raises:
        UserError: a text has no word, or too many; or the file cannot be read.
    """
    named = [(f"--text {text[:30]!r}", text) for text in given]
    if file is not None:
        if file.is_dir():
            raise UserError(f"--file {file}: is a folder; give one text file, a sentence per line")
        if not file.exists():
            raise UserError(f"--file {file}: there is no such file; check the path")
        named.append((f"--file {file}", "".join(text_blocks(file, encoding, "--file"))))
    for name, text in named:
        for stored in explorer.models:
            try:
                cut_text(stored, text)
            except UserError as error:
                raise UserError(f"{name}: {error}") from None
    return [text.strip("\n") for _, text in named] or examples(explorer)


def examples(explorer: Explorer) -> list[str]:
    """Return sentences of the first model's valid text; none where its corpus is not at hand."""
    for stored in explorer.models:
        try:
            sample = explorer.sources.sample(stored)
        except UserError:
            continue
        return [stored.codec.decode(ids) for ids in _sentences(sample, stored.vocabulary)]
    return []


def _sentences(sample: Sample, vocabulary: Vocabulary) -> list[list[int]]:
    """Whole sentences without an unknown word, from stretches far apart; their beginnings, where all are long."""
    found: list[list[int]] = []
    count = len(sample.ids_n) // sample.stretch
    for place in range(0, count, max(1, count // EXAMPLES)):
        stretch = sample.ids_n[place * sample.stretch : (place + 1) * sample.stretch].tolist()
        ends = [at for at, index in enumerate(stretch) if index == vocabulary.eos_id]
        pairs = pairwise(ends)
        whole = [stretch[first + 1 : last] for first, last in pairs if SHORTEST <= last - first - 1 <= LONGEST]
        known = [sentence for sentence in whole if vocabulary.unk_id not in sentence]
        found.append((known or whole or [stretch[1:LONGEST]])[0])
    return found[:EXAMPLES]
