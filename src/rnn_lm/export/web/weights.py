"""The weights as a script: whole numbers of as many bits as the log-probabilities need, packed 15 to a character.

    weight     q = round(w 2^k)       one k per tensor, of rows of the vocabulary smaller than of the layers
    signs      0, -1, 1, -2, ...      as 0, 1, 2, 3, ...
    bytes      4 per number           all lowest bytes, then all second ones, ...: the high ones are mostly 0
    stream     length of the head (4 bytes), the head (JSON), the tensors' bytes; zlib, whose checksum the page verifies
    text       15 bits per character  U+4E00 and the 32,767 after it: no surrogates, no quotes, no line ends
    file       UTF-16, little end first, with its mark, which counts for more than what a host says of the file

A page that is opened from a disk may load scripts and nothing else, so weights must be text. In UTF-16, 15 of 16 bits
are weights; base64 has 6 of 8.
"""

from __future__ import annotations

import copy
import json
import zlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.layers.adaptive import cutoffs
from rnn_lm.layers.cells import CELLS
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.seeding import generator
from rnn_lm.text.markers import BEGINS, ENDS, PADS

_FORMAT, _VERSION = "rnn_lm web", 1
KNOWN_CELLS = (
    "rnn", "rnn-relu", "gru", "lstm", "mogrifier", "mingru", "minlstm", "qrnn", "hgrn", "rg-lru", "slstm", "mlstm",
    "deltanet",
)  # fmt: skip
"""Those whose equations are in ``engine.js``."""
KNOWN_TOKENS = ("words", "whitespace", "characters", "bytes")
TOLERANCE = 8e-5
"""Log-probabilities of the packed model differ by no more on the text that decides; others are promised 1e-4."""
_SAMPLED = 200
_PLACES = np.arange(10.0, 28.25, 0.25)
"""Binary places that are tried, in quarters: a step of 2^-17.25 is as good as any."""
_FINER = 2
"""More binary places of what is not a row per word: its errors are carried on by the state, and its numbers are few."""


@dataclass(frozen=True)
class Packed:
    """A model as a script.

    Attributes:
        stream: head and tensors, squeezed.
        bits: binary places of the embedding.
        difference: the largest of a log-probability, over ``tokens`` tokens and the whole vocabulary.
        tokens: that it was measured on.
    """

    stream: bytes
    bits: float
    difference: float
    tokens: int

    @property
    def script(self) -> bytes:
        """The file."""
        text = f'globalThis.RNN_LM_MODEL = {{bytes: {len(self.stream)}, text: "'.encode("utf-16-le")
        return b"\xff\xfe" + text + as_characters(self.stream) + '"};\n'.encode("utf-16-le")


def refusal(stored: StoredModel) -> str | None:
    """Return why the page cannot run a model; None: it can."""
    model, tokens = stored.model, stored.codec.settings.tokens
    if not isinstance(model, RecurrentLanguageModel):
        kind = "an attention model" if isinstance(model, NeuralLanguageModel) else "no neural model"
        return f"the page runs recurrent models, and this is {kind}; --to onnx or arpa may hold it"
    if model.config.cell not in KNOWN_CELLS or type(model.cells[0]) is not CELLS[model.config.cell]:
        return f"the page has no equations for the cell {model.config.cell}; it has {', '.join(KNOWN_CELLS)}"
    if model.config.skip_connections or model.config.cap_input_gate:
        name = "--skip-connections" if model.config.skip_connections else "--cap-input-gate"
        return f"the page has no equations for {name}; --to onnx or hf have"
    if tokens not in KNOWN_TOKENS:
        return f"the page does not cut text into {tokens}; it does into {', '.join(KNOWN_TOKENS)}"
    return None


def pack(stored: StoredModel) -> Packed:
    """Return a model that ``refusal`` lets pass as a script.

    The binary places are the fewest at which the log-probabilities of the whole vocabulary stay within ``TOLERANCE``
    on a text that the model itself writes.
    """
    model = copy.deepcopy(stored.model)
    assert isinstance(model, RecurrentLanguageModel)
    model.cpu()
    whole: dict[str, tuple[np.ndarray, float]] = {}
    bits = difference = 0.0
    with evaluating(model), torch.inference_mode():
        ids_tb = _written(model, stored.vocabulary.eos_id)
        expected = _log_probabilities(model, ids_tb)
        exact = {name: value.detach().clone() for name, value in model.state_dict().items()}
        for bits in map(float, _PLACES):
            whole = {name: _whole(value, _places(name, value, model, bits)) for name, value in exact.items()}
            model.load_state_dict({name: _value(*found).view_as(exact[name]) for name, found in whole.items()})
            difference = float((_log_probabilities(model, ids_tb) - expected).abs().max())
            if difference <= TOLERANCE:
                break
    stream = _stream(_head(stored, model, whole), [numbers for numbers, _ in whole.values()])
    return Packed(stream, bits, difference, len(ids_tb))


def _written(model: RecurrentLanguageModel, eos_id: int) -> Int[Tensor, "T 1"]:
    """The start, and what the model writes after it."""
    source, state, ids = generator(1, "sampling"), model.initial_state(1), [eos_id]
    for _ in range(_SAMPLED - 1):
        log_prob_bv, state = model.step(torch.tensor(ids[-1:]), state)
        ids.append(int(torch.multinomial(log_prob_bv[0].exp(), 1, generator=source)))
    return torch.tensor(ids).unsqueeze(1)


def _log_probabilities(model: RecurrentLanguageModel, ids_tb: Int[Tensor, "T 1"]) -> Float[Tensor, "T V"]:
    return model(ids_tb, model.initial_state(1))[0][:, 0]


def _places(name: str, value: Tensor, model: RecurrentLanguageModel, bits: float) -> float:
    """Binary places of a tensor; never so many that its largest number needs more than 31 bits."""
    words = value.dim() == 2 and len(value) == model.vocabulary_size and not name.startswith("layers.")
    wanted = 24 if value.dim() < 2 else bits if words else bits + _FINER
    largest = float(value.abs().max()) if value.numel() else 0.0
    return min(wanted, 29 - int(np.ceil(np.log2(max(largest, 1e-30))))) if largest > 0 else wanted


def _whole(value: Tensor, places: float) -> tuple[np.ndarray, float]:
    return np.round(value.double().numpy().ravel() * 2.0**places).astype(np.int64), places


def _value(numbers: np.ndarray, places: float) -> Tensor:
    return torch.from_numpy(numbers * 2.0**-places).float()


def _head(
    stored: StoredModel, model: RecurrentLanguageModel, whole: dict[str, tuple[np.ndarray, float]]
) -> dict[str, Any]:
    """What the page must know besides the numbers."""
    config, settings = model.config, asdict(stored.codec.settings)
    shapes = {name: list(value.shape) for name, value in model.state_dict().items()}
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "model": stored.name,
        "corpus": list(stored.corpus.corpus),
        "cell": config.cell,
        "sizes": list(model.layer_sizes),
        "rounds": config.mogrifier_rounds,
        "read_norm": config.read_norm,
        "cutoffs": None if model.adaptive is None else list(cutoffs(model.vocabulary_size)),
        "text": {**settings, "ends": ENDS, "markers": [*BEGINS, *ENDS, *PADS]},
        "words": list(stored.vocabulary.tokens),
        "tensors": [{"name": name, "shape": shapes[name], "places": places} for name, (_, places) in whole.items()],
    }


def _stream(head: dict[str, Any], tensors: list[np.ndarray]) -> bytes:
    about = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    planes = [len(about).to_bytes(4, "little"), about]
    for numbers in tensors:
        unsigned = np.where(numbers < 0, -2 * numbers - 1, 2 * numbers).astype("<u4")
        planes += [plane.tobytes() for plane in unsigned.view(np.uint8).reshape(-1, 4).T]
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 15, 9)
    return b"".join([*map(squeeze.compress, planes), squeeze.flush()])


def as_characters(stream: bytes) -> bytes:
    """Return a stream as text in UTF-16: 15 bits to a character, the first bit of the stream in the highest place."""
    bits = np.unpackbits(np.frombuffer(stream, np.uint8))
    bits = np.concatenate([bits, np.zeros(-len(bits) % 15, np.uint8)]).reshape(-1, 15)
    values = np.packbits(np.pad(bits, ((0, 0), (1, 0))), axis=1).view(">u2").ravel()
    return (values.astype(np.uint32) + 0x4E00).astype("<u2").tobytes()
