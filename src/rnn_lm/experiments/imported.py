"""Models that other programs made, taken into a run's folder, where every command finds them.

An ARPA file holds its vocabulary; weights do not, so that the words come in a file of their own, one per line, in the
order of the embedding's rows. There is no text to go back to: what such a model is to score is given as ``--text``.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from rnn_lm.checkpoint import BEST, model_tensors, write_checkpoint
from rnn_lm.config import ResolvedCorpusConfig, to_json
from rnn_lm.errors import UserError
from rnn_lm.experiments.arpa_models import WEIGHTS
from rnn_lm.files import read_tensors, read_text, user_errors
from rnn_lm.models.foreign import read_foreign, reordered
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.storage import VOCABULARY
from rnn_lm.progress import Progress
from rnn_lm.runs import start_run
from rnn_lm.vocabulary import EOS, UNK, Vocabulary

_USUAL_EOS = (EOS, "</s>", "<|endoftext|>")


def keep_weights(
    path: Path,
    folder: Path,
    words: Path,
    progress: Progress,
    *,
    nonlinearity: Literal["tanh", "relu"] = "tanh",
    eos: str | None = None,
    unk: str = UNK,
) -> RecurrentLanguageModel:
    """Take the model of a foreign state dict into ``folder``.

    Args:
        path: a safetensors file, or one that ``torch.save`` wrote of a state dict.
        folder: new or empty.
        words: a file with a word per line, as many as the embedding has rows.
        progress: is told what a person should know.
        nonlinearity: see ``read_foreign``.
        eos: the word that ends a sentence; default: ``<eos>``, or ``</s>``.
        unk: the word that stands for all that are not known.

    Raises:
        UserError: a file is missing, damaged, or holds something else; or ``start_run``'s.
    """
    model = read_foreign(read_state_dict(path), str(path), nonlinearity)
    tokens = _words(words, model.vocabulary_size, path)
    end = eos if eos is not None else next((one for one in _USUAL_EOS if one in tokens), EOS)
    if end not in tokens:
        raise UserError(f"{words}: has no word {end!r} that ends a sentence; name the one that does with --eos")
    if unk not in tokens:
        progress.say(f"note: {words} has no {unk!r}: a word that it lacks gets no probability; --unk names another")
    rows: dict[str, int | None] = {UNK: tokens.get(unk), EOS: tokens[end]}
    rows |= {token: row for token, row in tokens.items() if token not in (end, unk, UNK, EOS)}
    model = reordered(model, list(rows.values()))
    # Its words are what stands between white space, as its maker's were.
    corpus = ResolvedCorpusConfig(
        corpus=(f"{WEIGHTS}{path.name}",), tokens="whitespace", lowercase=False, normalize="none", min_count=1
    )
    size = model.embedding.embedding_dim
    config = {"corpus": to_json(corpus), "embedding_size": size, "model": to_json(model.config)}
    vocabulary = Vocabulary(list(rows), [0] * len(rows))
    start_run(folder, "recurrent", config, False, {"vocabulary": vocabulary.digest})
    vocabulary.save(folder / VOCABULARY)
    write_checkpoint(folder / BEST, model_tensors(model), {"step": 0})
    return model


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, or of what ``torch.save`` wrote of a state dict; nothing is unpickled
    but tensors.

    Raises:
        UserError: it is neither.
    """
    with user_errors(path, "read"):
        if not path.is_file():
            raise FileNotFoundError
        with path.open("rb") as file:
            beginning = file.read(2)
    if not (zipfile.is_zipfile(path) or beginning[:1] == b"\x80"):
        return read_tensors(path)[0]
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError) as error:
        if "weights_only" in str(error) or "Unsupported" in str(error):
            raise UserError(
                f"{path}: holds a pickled object, which is not read, since it could run anything; save the weights "
                "alone: torch.save(model.state_dict(), FILE)"
            ) from error
        raise UserError(f"{path}: damaged, not a whole file of torch.save; make it again") from error
    for inner in ("state_dict", "model", "model_state_dict"):  # as checkpoints of training have it
        if isinstance(found, dict) and isinstance(found.get(inner), dict):
            found = found[inner]
    if not isinstance(found, dict) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise UserError(f"{path}: holds no state dict, names to tensors; save model.state_dict()")
    return {str(name): tensor for name, tensor in found.items()}


def _words(path: Path, rows: int, weights: Path) -> dict[str, int]:
    """Each word with its row."""
    lines = read_text(path).removesuffix("\n").split("\n")
    if len(lines) != rows:
        raise UserError(
            f"{path}: has {len(lines):,} lines, and the embedding of {weights} {rows:,} rows; give its words"
        )
    tokens: dict[str, int] = {}
    for row, line in enumerate(lines):
        token = line.removesuffix("\r")
        if token in tokens:
            raise UserError(f"{path}: line {row + 1}: {token!r} stands on line {tokens[token] + 1} already")
        tokens[token] = row
    return tokens
