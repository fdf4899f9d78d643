"""A numpy array in a file of its own, mapped into memory after its header has been checked against its size.

The header is a line of Python in the format's own words; here it must be exactly the line that numpy writes for two
dimensions of floating-point numbers, so that nothing in it is evaluated.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np

from rnn_lm.errors import UserError
from rnn_lm.files import user_errors

_START = b"\x93NUMPY"
_LONGEST_HEADER = 1 << 16
_HEADER = re.compile(
    rb"\{'descr': '([<>]f[248])', 'fortran_order': (True|False), 'shape': \((\d{1,15})L?, (\d{1,15})L?\), \}[ \n]*"
)


def map_array(path: Path) -> np.ndarray:
    """The two-dimensional array of floating-point numbers in ``path``, read as it is used.

    Raises:
        UserError: the file is missing, holds anything else, or has another size than its header says.
    """
    with user_errors(path, "read the vectors that belong to the KeyedVectors file"):
        if not path.exists():
            raise UserError(f"{path}: there is no such file; KeyedVectors.save wrote it beside the other: copy both")
        if not path.is_file():
            raise UserError(f"{path}: is no file with an array")
        with path.open("rb") as file:
            header = _header(file.read(_LONGEST_HEADER))
        if header is None:
            raise UserError(f"{path}: not a whole numpy array of floating-point numbers; copy it again")
        kind, fortran, shape, offset = header
        size = offset + shape[0] * shape[1] * kind.itemsize
        if path.stat().st_size != size or size == offset:
            raise UserError(
                f"{path}: not a whole numpy array: shape {shape} needs {size:,} bytes and it has "
                f"{path.stat().st_size:,}; copy it again"
            )
        return np.memmap(path, kind, "r", offset, shape, order="F" if fortran else "C")


def _header(start: bytes) -> tuple[np.dtype, bool, tuple[int, int], int] | None:
    """Kind of number, Fortran order, shape, and where the numbers begin; None where the file is no such array."""
    version = start[6:8]
    if not start.startswith(_START) or version not in (b"\1\0", b"\2\0", b"\3\0") or len(start) < 12:
        return None
    form = "<H" if version == b"\1\0" else "<I"
    begin = 8 + struct.calcsize(form)
    offset = begin + struct.unpack_from(form, start, 8)[0]
    match = _HEADER.fullmatch(start[begin:offset])
    if match is None or offset > len(start):
        return None
    return np.dtype(match[1].decode()), match[2] == b"True", (int(match[3]), int(match[4])), offset
