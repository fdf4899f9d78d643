"""What ``--start-from RUN`` decides: the settings that make a model and its text what they are, as that run has them.

Weights fit a model of the same shape, and mean something in one that computes the same with the same words. So all of
this is taken from the run, below what a file or a flag says; what they say otherwise is refused before any work
(``experiments/starting.py``). Dropout, the code that runs the cell and everything about the training may differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnn_lm.config import CorpusConfig, ModelConfig, from_json
from rnn_lm.corpora import resolve
from rnn_lm.errors import UserError
from rnn_lm.models.families import BASELINE, FAMILIES
from rnn_lm.runs import MANIFEST, Run, read_run

_TEXT = ("tokens", "subwords", "lowercase", "normalize", "min_count", "max_vocabulary")
"""How text becomes the entries of the model's vocabulary."""
_SOURCE = ("corpus", "data_dir", "encoding", "split")
"""Which text is read."""
_FREE = {"engine", "forget_bias", "embedding_range", "init_range", "recurrent_init", "recurrent_gain"}
"""Settings of a model, besides those of dropout, that change nothing once it has its weights."""


def read_start(folder: Path) -> Run:
    """Read the manifest of a run to start from; raises ``UserError`` where ``folder`` holds no neural model's."""
    try:
        return _read(folder)
    except UserError as error:
        raise UserError(f"--start-from {error}") from error


def _read(folder: Path) -> Run:
    return read_run(folder, *(kind for kind in FAMILIES if kind != BASELINE))


def start_values(start_from: str, going_on: Path | None, *, same_text: bool) -> dict[str, Any]:
    """What the run decides, by name of the setting.

    Args:
        start_from: the folder of the run.
        going_on: the folder of a run that is to be resumed, if one is: once begun, it says all of this itself.
        same_text: whether its text is to be read again, as it is where nobody names another.

    Raises:
        UserError: there is no run of a neural model, or its manifest is damaged.
    """
    begun = going_on is not None and (going_on / MANIFEST).is_file()
    run = _read(going_on) if begun and going_on is not None else read_start(Path(start_from))
    return {**(_source_of(run) if same_text else {}), **decided_by(run)}


def _source_of(run: Run) -> dict[str, Any]:
    """The settings that say which text a run has read; none where a model came without one."""
    corpus = _corpus_of(run)
    foreign = corpus.corpus[0].startswith(("weights:", "arpa:"))
    return {} if foreign else {name: getattr(corpus, name) for name in _SOURCE}


def _corpus_of(run: Run) -> CorpusConfig:
    return from_json(CorpusConfig, run.config.get("corpus"), f"{run.folder / MANIFEST}: corpus")


def decided_by(run: Run) -> dict[str, Any]:
    """What a run decides of the model and its words, by name of the setting."""
    source = run.folder / MANIFEST
    model = from_json(ModelConfig, run.config.get("model"), f"{source}: model")
    corpus = resolve(_corpus_of(run))
    size = run.config.get("embedding_size")
    if type(size) is not int or size < 1:
        raise UserError(f"{source}: has no embedding_size; the file is damaged")
    shape = {name: value for name, value in vars(model).items() if not (name in _FREE or name.startswith("dropout_"))}
    loss = {"softmax": "adaptive"} if model.decoder == "adaptive" else {}
    return {**{name: getattr(corpus, name) for name in _TEXT}, "embedding_size": size, **shape, **loss}
