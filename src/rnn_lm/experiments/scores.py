"""Scores of valid and test, kept beside the model that they are of, and verified when they are read back.

They are kept with what they depend on: digests of the model file, of the vocabulary and of both texts. Where any of it
is no longer so, or a bit of the file has flipped, the model is scored again, with a note.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import torch

from rnn_lm.checkpoint import BEST, checksum_of, read_checkpoint, write_checkpoint
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import Policy, TokenScores, score_text
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.storage import NGRAM
from rnn_lm.prepare import PreparedCorpus
from rnn_lm.progress import Progress

SCORES = "scores.safetensors"
SCORED_SPLITS = ("valid", "test")
POLICIES: tuple[Policy, ...] = get_args(Policy)

Scores = dict[tuple[Policy, str], TokenScores]
"""By policy and split."""


def score_model(
    folder: Path, model: LanguageModel, prepared: PreparedCorpus, progress: Progress, policies: tuple[Policy, ...]
) -> Scores:
    """Score valid and test under ``policies``; scores kept in ``folder`` by an earlier call are read back.

    Args:
        folder: of the model, which has been saved there.
        model: as it was saved.
        prepared: the texts.
        progress: told how far it is, and why kept scores are not used.
        policies: see ``Policy``.
    """
    path, scored = folder / SCORES, _dependencies(folder, prepared, policies)
    if path.exists():
        try:
            return _read(path, scored, prepared, policies)
        except UserError as error:
            progress.say(f"note        {error}; the model is scored again")
    scores: Scores = {
        (policy, split): score_text(model, prepared.texts[split], policy, progress=progress)
        for policy in policies
        for split in SCORED_SPLITS
    }
    tensors = {f"{policy}.{split}": torch.from_numpy(one.nll_n) for (policy, split), one in scores.items()}
    write_checkpoint(path, tensors, {"unit": "nats", "scored": scored})
    return scores


def _dependencies(folder: Path, prepared: PreparedCorpus, policies: tuple[Policy, ...]) -> dict[str, Any]:
    """What the scores depend on, as it stands in the file."""
    file = next((path for path in (folder / NGRAM, folder / BEST) if path.exists()), None)
    model = None if file is None else checksum_of(file)
    return {"model": model, "policies": list(policies), "digests": prepared.digests}


def _read(path: Path, scored: dict[str, Any], prepared: PreparedCorpus, policies: tuple[Policy, ...]) -> Scores:
    tensors, facts = read_checkpoint(path)
    if facts.get("scored") != scored:
        raise UserError(f"{path}: scores of another model or text, by their digests")
    scores: Scores = {}
    for policy in policies:
        for split in SCORED_SPLITS:
            nll_n, text = tensors.get(f"{policy}.{split}"), prepared.texts[split]
            if nll_n is None or nll_n.shape != (len(text),) or nll_n.dtype != torch.float64:
                raise UserError(f"{path}: holds no scores of {split} under {policy}")
            scores[policy, split] = TokenScores.of(text, nll_n.numpy(), policy)
    return scores
