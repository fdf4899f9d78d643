"""A folder for plain PyTorch: weights under torch's own names, and a program that takes one step.

    weights = safetensors.torch.load_file("folder/model.safetensors")
    layers = torch.nn.LSTM(E, H, num_layers=L)
    layers.load_state_dict({name.removeprefix("rnn."): weights[name] for name in weights if name.startswith("rnn.")})

The names are those of pytorch/examples' ``word_language_model`` where the cells are torch's (``models/foreign.py``),
and the model's own otherwise. ``step.pt2`` is the whole model as ``torch.export`` has it: it needs torch alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from rnn_lm.export.base import ExportJob
from rnn_lm.files import write_atomically, write_json, write_tensors
from rnn_lm.layers.state import State
from rnn_lm.models.attention import AttentionLanguageModel
from rnn_lm.models.foreign import foreign_names
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.storage import StoredModel

STEP = "step.pt2"


@dataclass(frozen=True)
class TorchWeights:
    """``--to torch``."""

    label: str = "PyTorch"
    kind: Literal["file", "folder"] = "folder"

    def refuses(self, stored: StoredModel) -> str | None:
        """See ``ExportTarget.refuses``."""
        if not isinstance(stored.model, NeuralLanguageModel):
            return "an n-gram model has no weights for torch; it goes --to arpa"
        return None

    def write(self, job: ExportJob) -> None:
        """See ``ExportTarget.write``."""
        model, folder, vocabulary = job.stored.model, job.destination, job.stored.vocabulary
        assert isinstance(model, NeuralLanguageModel)
        named = foreign_names(model)
        weights = dict(model.named_parameters()) if named is None else named
        write_tensors(folder / "model.safetensors", {name: part.float() for name, part in weights.items()}, {})
        # A line per word: no token holds a line feed, which ends a sentence.
        write_atomically(folder / "vocabulary.txt", "".join(f"{token}\n" for token in vocabulary.tokens))
        program = write_step(folder / STEP, model)
        if not program:
            job.progress.say("note: torch.export takes no state that grows, as attention's does: there is no step.pt2")
        write_json(folder / "sizes.json", sizes_of(model, named is not None, vocabulary.eos_id, program))


TARGET = TorchWeights()


def sizes_of(model: NeuralLanguageModel, named: bool, eos_id: int, program: bool) -> dict[str, Any]:
    """Return what ``sizes.json`` holds."""
    recurrent = isinstance(model, RecurrentLanguageModel)
    return {
        "format": "rnn_lm weights",
        "version": 1,
        "names": "word_language_model" if named else "rnn_lm",
        "cell": model.config.cell,
        "vocabulary_size": model.vocabulary_size,
        "embedding_size": model.embedding.embedding_dim,
        "layer_sizes": list(model.layer_sizes) if recurrent else [model.output_size] * model.config.layers,
        "tied": model.config.tie_weights,
        "first_input": eos_id,
        "program": STEP if program else None,
        "state": [list(part.shape) for part in model.initial_state(1)] if program else None,
    }


class Step(nn.Module):
    """(ids (B,), state) to (log P(next) (B, V), state): what is exported."""

    def __init__(self, model: NeuralLanguageModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, token_b: Tensor, state: State) -> tuple[Tensor, State]:
        return self.model.step(token_b, state)


def write_step(path: Path, model: NeuralLanguageModel) -> bool:
    """Write the model's step as a program for any batch; returns whether it can be: attention's state grows."""
    if isinstance(model, AttentionLanguageModel):
        return False
    was_training, batch = model.training, torch.export.Dim("batch", min=1)
    state = model.initial_state(3)
    given = (torch.ones(3, dtype=torch.long, device=model.device), state)
    try:
        with torch.no_grad():
            shapes = ({0: batch}, tuple({1: batch} for _ in state))
            program = torch.export.export(Step(model.eval()), given, dynamic_shapes=shapes)
        torch.export.save(program, path)
    finally:
        model.train(was_training)
    return True
