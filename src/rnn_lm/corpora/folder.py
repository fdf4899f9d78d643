"""A folder that brings its own split: train, valid and test, one sentence per line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rnn_lm.corpora.base import SPLITS, RawCorpus, in_order, normalize
from rnn_lm.corpora.content import content_of_files
from rnn_lm.corpora.lines import Lines
from rnn_lm.corpora.reading import lines_of_blocks, refusals, text_blocks
from rnn_lm.errors import UserError

_SUFFIXES = (".txt", ".txt.gz")


def read_folder(folder: Path) -> RawCorpus:
    """Read ``train``, ``valid`` and ``test`` (``.txt`` or ``.txt.gz``) from ``folder``.

    Raises:
        UserError: a split is missing or stands there twice; and, when its sentences are asked for, it is not text or
            holds none.
    """
    paths = _paths(folder)
    return RawCorpus(
        folder.resolve().name,
        *in_order({name: sentences_in(path) for name, path in paths.items()}),
        source=str(folder),
        licence="not stated",
        split_description="as the folder has it",
        content=content_of_files(list(paths.values()), "folder"),
    )


def _paths(folder: Path) -> dict[str, Path]:
    with refusals(folder):
        names = {path.name for path in folder.iterdir() if path.is_file()}
    found = {split: [f"{split}{suffix}" for suffix in _SUFFIXES if f"{split}{suffix}" in names] for split in SPLITS}
    missing = [split for split in SPLITS if not found[split]]
    if missing:
        wanted = " and ".join(f"{split}.txt (or .txt.gz)" for split in missing)
        raise UserError(f"{folder}: there is no {wanted}; found {', '.join(sorted(names)[:8]) or 'no file'}")
    for files in found.values():
        if len(files) > 1:
            raise UserError(f"{folder}: both {files[0]} and {files[1]} are there; remove one")
    return {split: folder / files[0] for split, files in found.items()}


def sentences_in(path: Path) -> Lines:
    """The lines of a text file that are not blank; to ask for them raises ``UserError`` where there is none."""
    return Lines(partial(_sentences, path))


def _sentences(path: Path) -> Iterator[str]:
    nothing = True
    for line in lines_of_blocks(text_blocks(path)):
        if sentence := normalize(line):
            nothing = False
            yield sentence
    if nothing:
        raise UserError(f"{path}: no sentence in it, only white space")
