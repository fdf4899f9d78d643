"""Any text column of a Hugging Face data set: ``hf:OWNER/NAME[/CONFIG][:COLUMN]``.

Needs the package ``datasets`` (the extra ``hf``), which downloads and keeps the data itself. The rows of a split, one
after the other, are a text, and sentences in it are found as in any text file.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import ModuleType
from typing import Any

from rnn_lm.corpora.base import SPLITS, RawCorpus, in_order
from rnn_lm.corpora.content import Content, digest_of
from rnn_lm.corpora.files import SentencesOfText
from rnn_lm.corpora.head import Head
from rnn_lm.corpora.lines import Lines, completed
from rnn_lm.errors import UserError

PREFIX = "hf:"
_ALIASES = {"train": ("train",), "valid": ("validation", "valid", "dev"), "test": ("test",)}
"""What data sets call their splits."""
_ROWS = 1000
"""Rows that are read at a time."""
_TEXT = frozenset({"string", "large_string"})
"""Types of columns that hold text."""


@dataclass(frozen=True)
class Reference:
    """What ``hf:OWNER/NAME[/CONFIG][:COLUMN]`` says.

    Attributes:
        name: the data set, ``OWNER/NAME``, or a ``NAME`` alone.
        config: which of its configurations, if it has several.
        column: which column; default: the only one with text, or the one called ``text``.
    """

    name: str
    config: str | None
    column: str | None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``text``; raises ``UserError`` where it has another form."""
        path, _, column = text.removeprefix(PREFIX).partition(":")
        parts = path.split("/")
        if len(parts) > 3 or not all(parts):
            raise UserError(f"--corpus {text}: write hf:OWNER/NAME, with /CONFIG and :COLUMN after it where needed")
        return cls("/".join(parts[:2]), parts[2] if len(parts) == 3 else None, column or None)


def read_hugging_face(text: str, split: tuple[float, float, float]) -> RawCorpus:
    """Read the data set that ``text`` refers to.

    Args:
        text: the value of ``--corpus``, with its ``hf:``.
        split: shares of train, valid and test; a split that the data set lacks is cut from the end of its train.

    Raises:
        UserError: ``datasets`` is not installed; the data set cannot be loaded, has no train split, or leaves open
            which column is meant; or its text is too short to be split.
    """
    reference = Reference.parse(text)
    loaded = _load(reference, text)
    found = {part: next((name for name in names if name in loaded), None) for part, names in _ALIASES.items()}
    if found["train"] is None:
        raise UserError(f"--corpus {text}: it has no train split, only {', '.join(loaded) or 'none at all'}")
    column = _column(loaded[found["train"]].features, reference, text)
    columns = {part: loaded[name][column] for part, name in found.items() if name is not None}
    heads = {part: Head.of(_blocks(rows)) for part, rows in columns.items()}
    parts = {part: _sentences(rows, part, text, heads[part].markers.boundaries) for part, rows in columns.items()}
    missing = [part for part in SPLITS if part not in parts]
    return RawCorpus(
        "/".join(filter(None, [reference.name, reference.config])),
        *in_order(completed(parts, split)),
        source=f"{text}, a Hugging Face data set, column {column}",
        licence=_licence(loaded[found["train"]]),
        split_description=f"{' and '.join(missing)} cut from the end of train" if missing else "as the data set has it",
        notes=[note for part, head in heads.items() for note in head.notes(f"{text}: {part}")],
        content=_content([loaded[name] for name in found.values() if name is not None], column, *split),
    )


def _load(reference: Reference, text: str) -> Mapping[str, Any]:
    datasets = _library()
    try:
        return datasets.load_dataset(reference.name, reference.config)
    # The library raises a dozen unrelated types for what is all the same to a person: this could not be loaded.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"--corpus {text}: cannot be loaded: {reason[:300]}") from error


def _library() -> ModuleType:
    try:
        return importlib.import_module("datasets")
    except ModuleNotFoundError as error:
        raise UserError("--corpus hf:... needs a package: pip install 'rnn-lm[hf]', or pip install datasets") from error


def _column(features: Mapping[str, Any], reference: Reference, text: str) -> str:
    """The column to read; ``features`` says of each what it holds."""
    columns = [name for name, feature in features.items() if getattr(feature, "dtype", None) in _TEXT]
    if reference.column in columns:
        return reference.column
    if reference.column is not None:
        raise UserError(f"--corpus {text}: there is no text column of that name; it has {', '.join(columns) or 'none'}")
    if not columns:
        raise UserError(f"--corpus {text}: it has no column with text, only {', '.join(features)}")
    if len(columns) > 1 and "text" not in columns:
        raise UserError(f"--corpus {text}: which column? Append one of {', '.join(f':{name}' for name in columns)}")
    return columns[0] if len(columns) == 1 else "text"


def _sentences(rows: Iterable[str | None], part: str, text: str, markers: frozenset[str]) -> Lines:
    """Sentences of a split; where there are too few, to ask for them raises ``UserError``."""
    least = len(SPLITS) if part == "train" else 1
    found = SentencesOfText(lambda: _blocks(rows), markers)

    def read() -> Iterator[str]:
        count = 0
        for sentence in found:
            count += 1
            yield sentence
        if count < least:
            raise UserError(f"--corpus {text}: {part} has {count} sentences, at least {least} are needed")

    return Lines(read)


def _blocks(rows: Iterable[str | None]) -> Iterator[str]:
    """The rows as lines of a text."""
    filled = (row for row in rows if row is not None)
    while block := list(islice(filled, _ROWS)):
        yield "\n".join([*block, ""])


def _content(parts: Sequence[Any], column: str, *split: float) -> Content | None:
    """By the library's own fingerprints, where it gives some: they follow the data and all that was done to it."""
    fingerprints = [getattr(part, "_fingerprint", None) for part in parts]
    sizes = [getattr(getattr(part, "data", None), "nbytes", -1) for part in parts]
    if None in fingerprints or -1 in sizes:
        return None
    return Content(lambda: digest_of("hf", fingerprints, column, split), sum(sizes))


def _licence(part: Any) -> str:
    return getattr(getattr(part, "info", None), "license", None) or "not stated; see the data set's card"
