"""gensim's KeyedVectors files, which are pickles, read without running anything that they name.

A pickle is a list of instructions, some of which call whatever importable function the file names; so loading one with
pickle is to trust it with the machine. Here the names are looked up in a short table of records that do nothing but
hold what is handed to them; any other name is refused, and nothing from gensim, numpy or anywhere else is ever called.
What the records hold in the end (a list of words, and the bytes and shape of an array) is checked and used.
"""

from __future__ import annotations

import io
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from rnn_lm.embeddings.wanted import WantedRows, require_dimension
from rnn_lm.errors import UserError
from rnn_lm.files import user_errors

PICKLE_START = b"\x80"
"""The first byte of every pickle since protocol 2."""
_MEND = "load it with gensim where you trust it, and save it with save_word2vec_format"


class _Record:
    """Stands for an object of the pickle: keeps the arguments it is made with and the state it is given."""

    arguments: tuple[Any, ...] = ()
    state: Any = None

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _KeyedVectors(_Record):
    """Stands for gensim's KeyedVectors and the vocabulary entries of its older versions."""


class _Array(_Record):
    """Stands for a numpy array; its state is (version, shape, dtype, Fortran order, bytes)."""


class _Dtype(_Record):
    """Stands for a numpy dtype; its first argument is a code such as "f4"."""


class _EncodedBytes(_Record):
    """Stands for bytes in pickles of Python 2's protocols: the arguments are a string and "latin1"."""


_KNOWN_NAMES: dict[tuple[str, str], type[_Record]] = {
    **{
        ("gensim.models.keyedvectors", name): _KeyedVectors
        for name in ("KeyedVectors", "Word2VecKeyedVectors", "EuclideanKeyedVectors", "Vocab")
    },
    **{(f"numpy.{core}.multiarray", name): _Array for core in ("core", "_core") for name in ("_reconstruct", "scalar")},
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _EncodedBytes,
}
_FLOATS = {"f2": np.float16, "f4": np.float32, "f8": np.float64}


class _InertUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> type[_Record]:
        if (module_name, global_name) not in _KNOWN_NAMES:
            raise pickle.UnpicklingError(f"it names {module_name}.{global_name}")
        return _KNOWN_NAMES[module_name, global_name]


def read_keyed_vectors(path: Path, file: io.BufferedReader, wanted: WantedRows, dimensions: int) -> None:
    """Offer the rows of a file written by ``KeyedVectors.save`` to ``wanted``.

    Large arrays stand in a file beside it, ``<name>.vectors.npy``, which is mapped and not loaded whole.

    Raises:
        UserError: the file is damaged, or is another kind of pickle: a whole model, or something that would run code.
    """
    fields = _fields(path, file)
    words = fields.get("index_to_key", fields.get("index2word"))
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UserError(f"{path}: has no list of words, so it is not gensim KeyedVectors; {_MEND}")
    vectors_ve = _vectors(path, fields)
    if vectors_ve.dtype.kind != "f" or vectors_ve.ndim != 2 or len(vectors_ve) < len(words):
        found = f"an array of {vectors_ve.dtype}, shape {vectors_ve.shape}"
        raise UserError(f"{path}: {len(words)} words but {found}; the file is damaged")
    require_dimension(path, vectors_ve.shape[1], dimensions)
    for row, word in enumerate(words):
        if (key := word.encode(errors="surrogatepass")) in wanted:
            wanted.offer(key, _finite(path, word, vectors_ve[row]))


def _fields(path: Path, file: io.BufferedReader) -> dict[str, Any]:
    try:
        record = _InertUnpickler(file).load()
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: not plain gensim KeyedVectors ({error}); {_MEND}") from error
    # What pickle raises for bytes that make no sense is not one exception but whatever the instructions run into.
    except (EOFError, TypeError, ValueError, KeyError, IndexError, AttributeError, MemoryError, OverflowError) as error:
        raise UserError(f"{path}: damaged or cut off; copy it again") from error
    if not isinstance(record, _KeyedVectors) or not isinstance(record.state, dict):
        raise UserError(f"{path}: a pickle that holds no gensim KeyedVectors; {_MEND}")
    return record.state


def _vectors(path: Path, fields: dict[str, Any]) -> np.ndarray:
    """The array of vectors, from within the pickle or from the file beside it."""
    apart = fields.get("__numpys")
    if isinstance(apart, list) and "vectors" in apart:
        beside = path.with_name(f"{path.name}.vectors.npy")
        with user_errors(beside, "read the vectors that belong to the KeyedVectors file"):
            try:
                return np.load(beside, mmap_mode="r", allow_pickle=False)
            except (ValueError, EOFError) as error:
                raise UserError(f"{beside}: not a whole numpy array; copy it again") from error
    array = fields.get("vectors", fields.get("syn0"))
    if not isinstance(array, _Array) or not isinstance(array.state, tuple) or len(array.state) != 5:
        raise UserError(f"{path}: has no array of vectors; {_MEND}")
    _, shape, dtype, fortran, content = array.state
    code = dtype.arguments[0] if isinstance(dtype, _Dtype) and dtype.arguments else None
    sizes = shape if isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape) else None
    data = _bytes(content)
    if code not in _FLOATS or sizes is None or data is None:
        raise UserError(f"{path}: its vectors are not floating-point numbers; {_MEND}")
    kind = np.dtype(_FLOATS[code])
    if math.prod(sizes) * kind.itemsize != len(data):
        raise UserError(f"{path}: {len(data)} bytes for vectors of shape {sizes}; the file is damaged")
    return np.frombuffer(data, kind).reshape(sizes, order="F" if fortran else "C")


def _bytes(content: Any) -> bytes | None:
    """An array's bytes as either kind of protocol writes them; None where they are anything else."""
    if isinstance(content, _EncodedBytes) and len(content.arguments) == 2 and isinstance(content.arguments[0], str):
        return content.arguments[0].encode("latin-1")
    return content if isinstance(content, bytes) else None


def _finite(path: Path, word: str, vector: np.ndarray) -> Float32[np.ndarray, "E"]:
    if not np.isfinite(vector).all():
        raise UserError(f"{path}: the vector of {word!r} has a number that is not finite; the file is damaged")
    return np.array(vector, dtype=np.float32)
