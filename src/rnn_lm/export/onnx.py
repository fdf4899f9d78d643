"""``--to onnx``: a folder that ONNX Runtime reads, with all that is needed to give the model text.

    step.onnx         one token and the states to the log-probabilities of the next token and the states
    block.onnx        the same for many tokens at once
    model.json        names, shapes, what each state begins with, and which id stands before every text
    vocabulary.json   id to token; codec.json: how text is cut; tokenizer.json: what was learned for that

Numbers are float32, or, with ``--to onnx-int8``, matrices are whole numbers of 8 bits with a scale, and what they are
multiplied with is brought to 8 bits while the model runs (ONNX Runtime's dynamic quantization).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from rnn_lm.errors import UserError
from rnn_lm.export.base import ExportJob
from rnn_lm.export.onnx_graph import onnx_library
from rnn_lm.export.onnx_models import LOG_PROBABILITIES, Kind, StatePart, onnx_model, state_parts
from rnn_lm.files import make_folder, write_atomically, write_json
from rnn_lm.models.storage import StoredModel

Precision: TypeAlias = Literal["float32", "int8"]
ABOUT = "model.json"
_FORMAT, _VERSION = "rnn_lm onnx", 1


@dataclass(frozen=True)
class Onnx:
    """``--to onnx`` and ``--to onnx-int8``.

    Attributes:
        precision: of the matrices.
    """

    label: str = "ONNX"
    kind: Literal["file", "folder"] = "folder"
    precision: Precision = "float32"

    def refuses(self, stored: StoredModel) -> str | None:
        """See ``ExportTarget.refuses``."""
        try:
            state_parts(stored.model)
        except UserError as error:
            return str(error)
        return None

    def write(self, job: ExportJob) -> None:
        """See ``ExportTarget.write``."""
        write_onnx(job.stored, job.destination, self.precision)


def write_onnx(stored: StoredModel, folder: Path, precision: Precision = "float32") -> None:
    """Write a model as ONNX.

    Args:
        stored: the model, and how text is given to it.
        folder: to write into.
        precision: of the matrices.

    Raises:
        UserError: the model cannot be an ONNX graph, a package is missing, or the folder cannot be written.
    """
    parts = state_parts(stored.model)
    make_folder(folder)
    for kind in ("step", "block"):
        content = onnx_model(stored.model, kind).SerializeToString()
        write_atomically(folder / f"{kind}.onnx", content)
        if precision == "int8":
            quantize(folder / f"{kind}.onnx")
    stored.codec.save(folder)
    write_json(folder / ABOUT, _about(stored, parts, precision))


def _about(stored: StoredModel, parts: list[StatePart], precision: Precision) -> dict[str, Any]:
    """What a program must know that runs the graphs."""
    settings, vocabulary = stored.codec.settings, stored.vocabulary
    graphs: dict[Kind, list[str]] = {"step": ["batch"], "block": ["length", "batch"]}
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "model": stored.name,
        "precision": precision,
        "vocabulary_size": len(vocabulary),
        "unk_id": vocabulary.unk_id,
        "eos_id": vocabulary.eos_id,
        "first_token": vocabulary.eos_id,
        "tokens": settings.tokens,
        "lowercase": settings.lowercase,
        "normalize": settings.normalize,
        "graphs": {
            kind: {
                "file": f"{kind}.onnx",
                "input": {"name": "token" if kind == "step" else "tokens", "type": "int64", "shape": shape},
                "output": {"name": LOG_PROBABILITIES, "type": "float32", "shape": [*shape, len(vocabulary)]},
            }
            for kind, shape in graphs.items()
        },
        "states": [
            {"input": part.name, "output": part.next_name, "shape": list(part.shape), "begins": part.begins}
            for part in parts
        ],
    }


def quantize(path: Path) -> None:
    """Bring the matrices of a graph to 8 bits, each row with a scale of its own."""
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise UserError("--to onnx-int8 needs onnxruntime: pip install 'rnn-lm[export]'") from error
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it recommends a preparation that changes nothing in these graphs
    try:
        quantize_dynamic(path, path, per_channel=True, weight_type=QuantType.QInt8)
    finally:
        root.setLevel(level)
    onnx = onnx_library()
    onnx.checker.check_model(str(path))


TARGET = Onnx()
