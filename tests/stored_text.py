"""A text in memory put on the disk, as the store would keep it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rnn_lm.mapped import MappedArray
from rnn_lm.stream import EncodedText, StoredText


def stored(text: EncodedText, folder: Path) -> StoredText:
    """The same text, mapped; types are numbered otherwise than ids, as they are in a corpus."""
    found, types_n = np.unique(-text.ids_n.numpy(), return_inverse=True)
    path = folder / f"{len(text)}.types"
    types_n.astype(np.uint16).tofile(path)
    ids_t = (-found).astype(np.int32)
    eos_type = int(np.flatnonzero(ids_t == text.eos_id)[0])
    return StoredText(MappedArray(path, np.uint16), ids_t, eos_type, text.eos_id, text.characters)
