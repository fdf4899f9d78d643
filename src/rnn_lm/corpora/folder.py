"""A folder that brings its own split: train, valid and test, one sentence per line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rnn_lm.corpora.base import SPLITS, RawCorpus, in_order
from rnn_lm.corpora.content import content_of_files
from rnn_lm.corpora.line_sentences import TextFile
from rnn_lm.corpora.lines import completed
from rnn_lm.corpora.opening import refusals, shown
from rnn_lm.errors import UserError

_SUFFIXES = (".txt", ".txt.gz")


def read_folder(folder: Path, encoding: str | None = None) -> RawCorpus:
    """Read ``train``, ``valid`` and ``test`` (``.txt`` or ``.txt.gz``) from ``folder``.

    Raises:
        UserError: a split is missing or stands there twice; a file cannot be read; and, when its sentences are asked
            for, it is not text or holds none.
    """
    return corpus_of_splits(folder.resolve().name, _paths(folder), (1.0, 0.0, 0.0), encoding, str(folder))


def corpus_of_splits(
    name: str,
    paths: Mapping[str, Path],
    split: tuple[float, float, float],
    encoding: str | None = None,
    source: str | None = None,
) -> RawCorpus:
    """The corpus of which ``paths`` are train, valid and test, a sentence per line; what is missing is cut from train.

    Args:
        name: of the corpus.
        paths: of each split; train is among them.
        split: shares of train, valid and test, for what is missing.
        encoding: of the files.
        source: where they come from; default: they themselves, which their names say to be the splits.
    """
    missing = [part for part in SPLITS if part not in paths]
    cut = f"; {' and '.join(missing)} cut from the end of train" if missing else ""
    said = "read as these splits, which their names say they are, a sentence per line, and not joined"
    names = ", ".join(f"{path} ({part})" if source is None else str(path) for part, path in paths.items())
    files = {part: TextFile(path, encoding) for part, path in paths.items()}
    content = content_of_files(list(paths.values()), "folder", *paths, *(split if missing else ()), encoding)
    notes = [note for file in files.values() for note in file.notes]
    return RawCorpus(
        name,
        *in_order(completed({part: file.sentences() for part, file in files.items()}, split)),
        source=source or names,
        licence="not stated",
        split_description="as the folder has it" if source else f"by the names of the files{cut}",
        notes=notes if source else [f"{names}: {said}{cut}", *notes],
        content=content,
    )


def _paths(folder: Path) -> dict[str, Path]:
    with refusals(folder):
        names = {path.name for path in folder.iterdir() if path.is_file()}
    found = {split: [f"{split}{suffix}" for suffix in _SUFFIXES if f"{split}{suffix}" in names] for split in SPLITS}
    missing = [split for split in SPLITS if not found[split]]
    if missing:
        wanted = " and ".join(f"{split}.txt (or .txt.gz)" for split in missing)
        some = ", ".join(shown(name) for name in sorted(names)[:8]) or "no file"
        raise UserError(
            f"{folder}: there is no {wanted}; found {some}; name such files themselves: --corpus TRAIN VALID TEST"
        )
    for files in found.values():
        if len(files) > 1:
            raise UserError(f"{folder}: both {files[0]} and {files[1]} are there; remove one")
    return {split: folder / files[0] for split, files in found.items()}
