"""Tiny Shakespeare: 40,000 lines of his plays, the corpus of Karpathy's char-rnn (2015).

A sentence is a line, blank ones included, and ``<eos>`` stands for the line break, so that every character is predicted
once. A split that ends within a line has one ``<eos>`` more.
"""

from __future__ import annotations

from rnn_lm.corpora.access import Access, RemoteFile
from rnn_lm.corpora.base import CORPORA, Defaults, NamedCorpus, RawCorpus, in_order
from rnn_lm.corpora.published import PublishedSizes, cut_exactly, lines_of
from rnn_lm.corpora.reading import read_text_file

SIZES = PublishedSizes("Tiny Shakespeare", "characters", (1_003_854, 55_770, 55_770))
_FILE = RemoteFile(
    "tiny-shakespeare/input.txt",
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    1_115_394,
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
)


def tiny_shakespeare(access: Access) -> RawCorpus:
    """Read it; raises ``UserError`` where it is not there or of another size."""
    path = access.file(_FILE, ["input.txt", "tinyshakespeare.txt", "tiny-shakespeare.txt", "tiny_shakespeare.txt"])
    parts = cut_exactly(read_text_file(path), SIZES.sizes)
    SIZES.require({split: len(part) for split, part in parts.items()}, str(path))
    return RawCorpus(
        "Tiny Shakespeare",
        *in_order({split: lines_of(part) for split, part in parts.items()}),
        source=f"Tiny Shakespeare (Karpathy 2015); {access.origin(_FILE)}",
        licence="public domain",
        split_description="in order, 90, 5 and 5% of the characters",
    )


CORPORA.register("tiny-shakespeare")(
    NamedCorpus(
        tiny_shakespeare,
        Defaults(tokens="characters", lowercase=False, min_count=1, normalize="none"),
        files=(_FILE,),
        blank_lines=True,
    )
)
