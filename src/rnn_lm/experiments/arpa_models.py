"""ARPA files in the place of model folders: scored and written from as they are, or taken into a folder."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from rnn_lm.config import ResolvedCorpusConfig, to_json
from rnn_lm.errors import UserError
from rnn_lm.files import user_errors
from rnn_lm.models.arpa import is_model, open_arpa
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.storage import NGRAM, VOCABULARY, StoredModel, load_model
from rnn_lm.packed import packer_of
from rnn_lm.progress import Progress
from rnn_lm.runs import MANIFEST, start_run
from rnn_lm.text import TOKENIZERS
from rnn_lm.vocabulary import Vocabulary

_CORPUS = "arpa:"
"""Begins the name of the corpus of a model that was read from ARPA: the text itself is not known."""
WEIGHTS = "weights:"
"""The same of a model whose weights another program trained."""


def open_model(path: Path, progress: Progress) -> StoredModel:
    """The model in a folder, or in an ARPA file.

    Raises:
        UserError: there is neither, or it is damaged; names the folders of models where ``path`` is one of several.
    """
    if path.is_file():
        return _stored(path, *_read(path, progress))
    if path.exists() and not path.is_dir():
        raise UserError(f"{path}: is a pipe or a device; give a model folder, or an ARPA file")
    _require_model_folder(path)
    return load_model(path)


def keep_arpa(path: Path, folder: Path, progress: Progress, *, resume: bool) -> NgramLanguageModel:
    """Take the model of an ARPA file into ``folder``, where commands that want a model folder find it.

    Raises:
        UserError: see ``open_arpa`` and ``start_run``.
    """
    stored = _stored(path, *_read(path, progress))
    assert isinstance(stored.model, NgramLanguageModel)
    start_run(folder, "ngram", {"corpus": to_json(stored.corpus), "ngram": to_json(stored.model.config)}, resume)
    stored.vocabulary.save(folder / VOCABULARY)
    stored.model.save(folder / NGRAM)
    return stored.model


def has_no_text(stored: StoredModel) -> bool:
    """Whether another program made the model, so that there is no corpus to go back to."""
    return stored.corpus.corpus[0].startswith((_CORPUS, WEIGHTS))


def is_arpa(path: Path) -> bool:
    """Whether a file is ARPA, packed or not; raises ``UserError`` where it cannot be read."""
    with user_errors(path, "read"):
        if not path.is_file():
            raise FileNotFoundError
        with path.open("rb") as file:
            beginning = file.read(1 << 12)
    packer = packer_of(beginning)
    if packer is None:
        return is_model(beginning.removeprefix(b"\xef\xbb\xbf"))
    with contextlib.suppress(OSError, EOFError), packer.unpacked(io.BytesIO(beginning)) as unpacked:
        return is_model(unpacked.read(64))
    return False


def _read(path: Path, progress: Progress) -> tuple[NgramLanguageModel, Vocabulary]:
    model, vocabulary, notes = open_arpa(path)
    for note in notes:
        progress.say(f"note: {note}")
    return model, vocabulary


def _stored(path: Path, model: NgramLanguageModel, vocabulary: Vocabulary) -> StoredModel:
    """As a model folder would hold it: text for it is cut at white space, its case left as it is."""
    corpus = ResolvedCorpusConfig(corpus=(f"{_CORPUS}{path.name}",), tokens="whitespace", lowercase=False, min_count=1)
    return StoredModel(model, vocabulary, corpus, TOKENIZERS["whitespace"], path.name)


def _require_model_folder(folder: Path) -> None:
    """Name the models inside, where a folder is that of a comparison or a sweep."""
    if not folder.is_dir() or (folder / VOCABULARY).exists():
        return
    inside = sorted(
        part.name for part in folder.iterdir() if (part / VOCABULARY).is_file() and (part / MANIFEST).is_file()
    )
    if inside:
        shown = ", ".join(inside[:4]) + (", ..." if len(inside) > 4 else "")
        raise UserError(f"{folder}: holds several models ({shown}); give one of them, e.g. {folder / inside[0]}")
