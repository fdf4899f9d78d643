"""gensim's KeyedVectors files, which are pickles, read without running anything that they name.

``pickle_data`` reads a pickle as data; here is what the data must be: records whose names stand in a short list, among
them one of KeyedVectors with a list of words and an array, whose bytes, shape and kind of number are checked and used.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from rnn_lm.embeddings.npy import map_array
from rnn_lm.embeddings.pickle_data import NotData, Record, read_pickle
from rnn_lm.embeddings.wanted import WantedRows, float32_vector, require_dimension
from rnn_lm.errors import UserError

PICKLE_START = b"\x80"
"""The first byte of every pickle since protocol 2."""
_MEND = "load it with gensim where you trust it, and save it with save_word2vec_format"

_KEYED_VECTORS = {
    f"gensim.models.keyedvectors.{name}" for name in ("KeyedVectors", "Word2VecKeyedVectors", "EuclideanKeyedVectors")
}
_ENTRIES = {
    "gensim.models.keyedvectors.Vocab",
    "gensim.models.keyedvectors.CompatVocab",
    "gensim.models.word2vec.Vocab",
}
"""A word's count and index, in older versions."""
_ARRAYS = {f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")}
_BUFFERS = {f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")}
"""What makes an array under pickle's protocol 5."""
_SCALARS = {f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")}
_DTYPE, _ENCODED = "numpy.dtype", "_codecs.encode"
_SETS = {f"{module}.{name}" for module in ("builtins", "__builtin__") for name in ("set", "frozenset")}
_KNOWN = _KEYED_VECTORS | _ENTRIES | _SETS | _ARRAYS | _BUFFERS | _SCALARS | {_DTYPE, _ENCODED, "numpy.ndarray"}
_KINDS = ("f2", "f4", "f8")


def read_keyed_vectors(
    path: Path, file: io.BufferedReader, wanted: WantedRows, dimensions: int, *, packed: bool
) -> list[str]:
    """Offer the rows of a file written by ``KeyedVectors.save`` to ``wanted``.

    Large arrays stand in a file beside it, ``<name>.vectors.npy``, which is mapped and not loaded whole.

    Returns:
        Notes for a person on what was passed over.

    Raises:
        UserError: the file is damaged, or is another kind of pickle: a whole model, or something that would run code.
    """
    fields = _fields(path, file)
    words = fields.get("index_to_key", fields.get("index2word"))
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UserError(f"{path}: has no list of words, so it is not gensim KeyedVectors; {_MEND}")
    vectors_ve = _vectors(path, fields, packed=packed)
    if len(vectors_ve) < len(words):
        raise UserError(f"{path}: {len(words)} words but an array of shape {vectors_ve.shape}; the file is damaged")
    require_dimension(path, vectors_ve.shape[1], dimensions)
    for row, word in enumerate(words):
        if word in wanted:
            try:
                vector = float32_vector(vectors_ve[row])
            except ValueError as error:
                fault = str(error).removeprefix("the vector ")
                raise UserError(f"{path}: the vector of {word[:40]!r} {fault}; the file is damaged") from error
            wanted.offer(word, vector, row + 1)
    return wanted.remarks("vector")


def _fields(path: Path, file: io.BufferedReader) -> dict[Any, Any]:
    try:
        record = read_pickle(file, _KNOWN.__contains__)
    except NotData as error:
        raise UserError(f"{path}: not plain gensim KeyedVectors ({error}); {_MEND}") from error
    if not isinstance(record, Record) or record.name not in _KEYED_VECTORS or not isinstance(record.state, dict):
        raise UserError(f"{path}: a pickle that holds no gensim KeyedVectors; {_MEND}")
    return record.state


def _vectors(path: Path, fields: dict[Any, Any], *, packed: bool) -> np.ndarray:
    """The array of vectors, of two dimensions, from within the pickle or from the file beside it."""
    apart = fields.get("__numpys")
    for name in ("vectors", "syn0"):
        if isinstance(apart, list) and any(isinstance(other, str) and other == name for other in apart):
            if packed:
                raise UserError(
                    f"{path}: its vectors stand in {path.name}.{name}.npz, which is packed too; "
                    "save it with gensim under a name without .gz"
                )
            return map_array(path.with_name(f"{path.name}.{name}.npy"))
    array = fields.get("vectors", fields.get("syn0"))
    parts = _array_parts(array) if isinstance(array, Record) else None
    if parts is None:
        raise UserError(f"{path}: has no array of vectors; {_MEND}")
    shape, dtype, fortran, content = parts
    kind = _kind(dtype)
    if kind is None or not isinstance(content, bytes):
        raise UserError(f"{path}: its vectors are not floating-point numbers; {_MEND}")
    if len(shape) != 2 or not all(type(size) is int and 0 < size < 1 << 48 for size in shape):
        raise UserError(f"{path}: its array of vectors has not two dimensions; {_MEND}")
    if shape[0] * shape[1] * kind.itemsize != len(content):
        raise UserError(f"{path}: {len(content)} bytes for vectors of shape {shape}; the file is damaged")
    return np.frombuffer(content, kind).reshape(shape, order="F" if fortran else "C")


def _array_parts(array: Record) -> tuple[tuple[Any, ...], Any, bool, Any] | None:
    """Shape, kind of number, whether columns come first, and bytes, as either way of pickling an array gives them."""
    match array:
        case Record(name=name, state=(int(), tuple(shape), dtype, bool() | int() as fortran, content)):
            return (shape, dtype, bool(fortran), _bytes(content)) if name in _ARRAYS else None
        case Record(name=name, arguments=(content, dtype, tuple(shape), str(order))):
            return (shape, dtype, order == "F", _bytes(content)) if name in _BUFFERS else None
        case _:
            return None


def _kind(dtype: Any) -> np.dtype | None:
    """The kind of floating-point number that a record of a dtype stands for, with its order of bytes."""
    if not isinstance(dtype, Record) or dtype.name != _DTYPE:
        return None
    code = dtype.arguments[0] if dtype.arguments else None
    order = dtype.state[1] if isinstance(dtype.state, tuple) and len(dtype.state) > 1 else "<"
    if not isinstance(code, str) or code not in _KINDS or not isinstance(order, str) or order not in ("<", ">"):
        return None
    return np.dtype(order + code)


def _bytes(content: Any) -> bytes | None:
    """An array's bytes as the kinds of protocol write them; None where they are anything else."""
    match content:
        case bytes():
            return content
        case str():  # bytes of Python 2 that happen to be letters
            return _latin1(content)
        case Record(name=name, arguments=(str(letters), str(encoding))) if name == _ENCODED and encoding == "latin1":
            return _latin1(letters)
        case _:
            return None


def _latin1(letters: str) -> bytes | None:
    try:
        return letters.encode("latin-1")
    except UnicodeEncodeError:
        return None
