"""Training that begins with the weights of a trained model: ``--start-from RUN``.

The model keeps its vocabulary and its tokenizer, whatever the text; words that it does not know are ``<unk>``. Only its
weights are taken over: optimizer, schedule, counts of steps and the best validation are the new run's own, and so, from
its first checkpoint on, is all that it is resumed from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from rnn_lm.checkpoint import BEST, LAST, checksum_of, model_tensors, restore_model
from rnn_lm.conditions import as_flags
from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import resolve, text_settings
from rnn_lm.errors import UserError
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.storage import load_model
from rnn_lm.settings.starting import decided_by, read_start
from rnn_lm.text import TOKENIZERS, VOCABULARY, TextCodec
from rnn_lm.vocabulary import Vocabulary

WEIGHTS = "starting model"
"""The digest by which a run knows the weights that it was begun with."""


@dataclass(frozen=True)
class Start:
    """What a run begins with instead of a random start.

    Attributes:
        folder: of the run that the weights come from, as a person gave it.
        codec: the model's vocabulary and tokenizer.
        tensors: its weights, as in a checkpoint; None where the new run has a checkpoint of its own already.
        digests: of the weights, for the manifest of the new run; empty where they are not read any more.
    """

    folder: str
    codec: TextCodec
    tensors: Mapping[str, Tensor] | None = field(default=None, repr=False)
    digests: Mapping[str, str] = field(default_factory=dict)

    def load_into(self, model: NeuralLanguageModel, frozen: bool) -> None:
        """Give ``model`` the weights, and keep its input vectors as they are if ``frozen``.

        Raises:
            UserError: it has other parameters; or vectors that are to stay are the decoder's as well.
        """
        if self.tensors is not None:
            restore_model(model, dict(self.tensors), Path(self.folder) / BEST)
        model.freeze_embedding(frozen)


def require_start(start_from: str, corpus: CorpusConfig, parts: Sequence[Any]) -> None:
    """Find out, before any work, whether training can start from a run.

    Args:
        start_from: the folder of the run.
        corpus: of the new run.
        parts: its other settings: embedding, model and training.

    Raises:
        UserError: there is no trained neural model; or a setting is not as its model and its vocabulary need it.
    """
    run = read_start(Path(start_from))
    asked = {name: value for part in (corpus, *parts) for name, value in vars(part).items()}
    # What is left undecided may come to the same; and a corpus has defaults of its own, which nobody asked for.
    usual = {**asked, **vars(resolve(corpus))}
    for name, value in decided_by(run).items():
        if value not in (asked[name], usual[name]):
            raise UserError(
                f"{as_flags(name, asked[name])} does not go with --start-from {start_from}, whose model has "
                f"{as_flags(name, value)}: leave it out, or start from another run"
            )
    if asked["freeze_embedding"] and asked["tie_weights"]:
        raise UserError(
            f"--freeze-embedding would freeze the tied decoder of --start-from {start_from} as well: leave it out"
        )
    if not (run.folder / BEST).exists():
        raise UserError(f"--start-from {start_from}: was not trained to its first validation; resume it first")


def open_start(start_from: str, corpus: CorpusConfig, folder: Path) -> Start:
    """Read what a run in ``folder`` begins with: there where it has begun, else from the run that it starts from.

    Raises:
        UserError: see ``load_model``.
    """
    settings = text_settings(corpus)
    if (folder / LAST).exists():
        tokenizer = TOKENIZERS[resolve(corpus).tokens].load(folder)
        return Start(start_from, TextCodec(Vocabulary.load(folder / VOCABULARY), tokenizer, settings))
    source = Path(start_from)
    try:
        stored = load_model(source)
    except UserError as error:
        raise UserError(f"--start-from {error}") from error
    if not isinstance(stored.model, NeuralLanguageModel):
        raise UserError(f"--start-from {source}: its model is none that is trained; give another run")
    digests = {WEIGHTS: checksum_of(source / BEST)}
    codec = TextCodec(stored.vocabulary, stored.tokenizer, settings)
    return Start(start_from, codec, model_tensors(stored.model), digests)
