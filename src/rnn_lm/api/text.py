"""Text for a stored model to score: a text that is there, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from rnn_lm.corpora import Downloads, Split, read_split
from rnn_lm.errors import MissingFileError, UserError
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.vocabulary import EOS

Text: TypeAlias = str | Sequence[str] | Path
"""A text, a sentence per line; or its sentences; or the path of a file, a sentence per line."""


def sentences_of(text: str | Sequence[str]) -> list[str]:
    """Return the sentences of a text that is there, each on one line.

    Raises:
        UserError: there is none, or one of several is blank.
    """
    if isinstance(text, str):
        lines = [line for line in text.splitlines() if line.strip()]
    else:
        lines = [" ".join(sentence.splitlines()) for sentence in text]
    blank = next((number for number, line in enumerate(lines, start=1) if not line.strip()), None)
    if blank is not None:
        raise UserError(f"sentence {blank} is blank; leave it out")
    if not lines:
        raise UserError("there is no sentence to score; give at least one")
    return lines


def split_of(stored: StoredModel, text: Text, encoding: str | None, progress: Progress) -> Split:
    """Return ``text`` cut as the model's corpus was, ready to be scored.

    Raises:
        UserError: it is no text, cannot be read, or holds no sentence.
    """
    if isinstance(text, Path):
        if not text.exists():
            raise MissingFileError(f"{text}: there is no such file; check the path")
        downloads = Downloads.from_environment(progress)
        return read_split(text, stored.corpus, stored.tokenizer, downloads, encoding=encoding)
    codec = stored.codec
    lines = [codec.settings.prepared(line) for line in sentences_of(text)]
    for number, line in enumerate(lines, start=1):
        if EOS in line and EOS in codec.tokenization.cut(line):
            raise UserError(f"sentence {number} holds {EOS}, which rnn-lm adds itself; take it out")
    return Split.of(lines, codec.tokenization.cut)
