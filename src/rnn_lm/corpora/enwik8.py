"""enwik8: the first 100,000,000 bytes of the XML dump of the English Wikipedia of March 2006 (Mahoney; Hutter Prize).

Results on it are bits per byte, though papers write "bits per character". A sentence is a line, and ``<eos>`` stands
for the line break, so that every byte is predicted once. A split that ends within a line has one ``<eos>`` more.
"""

from __future__ import annotations

from rnn_lm.corpora.access import Access, RemoteFile
from rnn_lm.corpora.base import CORPORA, Defaults, NamedCorpus, RawCorpus, in_order
from rnn_lm.corpora.published import PublishedSizes, cut_exactly, lines_of
from rnn_lm.corpora.reading import read_binary_file
from rnn_lm.corpora.zips import read_zip_member

SIZES = PublishedSizes("enwik8", "bytes", (90_000_000, 5_000_000, 5_000_000))
_ARCHIVE = RemoteFile(
    "enwik8/enwik8.zip",
    "http://mattmahoney.net/dc/enwik8.zip",
    36_445_475,
    "547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
)


def enwik8(access: Access) -> RawCorpus:
    """Read it; raises ``UserError`` where it is not there, damaged or of another size."""
    path = access.file(_ARCHIVE, ["enwik8", "enwik8.zip"])
    data = read_zip_member(path, "enwik8") if path.suffix == ".zip" else read_binary_file(path)
    parts = cut_exactly(data, SIZES.sizes)
    SIZES.require({split: len(part) for split, part in parts.items()}, str(path))
    return RawCorpus(
        "enwik8",
        # Cutting by bytes may cut a character in two: surrogateescape carries its halves through unchanged.
        *in_order({split: lines_of(part.decode("utf-8", "surrogateescape")) for split, part in parts.items()}),
        source=f"enwik8 (Mahoney 2011), the English Wikipedia of 2006 as XML; {access.origin(_ARCHIVE)}",
        licence="GNU Free Documentation License and Creative Commons Attribution-ShareAlike, as Wikipedia",
        split_description="in order, 90, 5 and 5 million bytes",
    )


CORPORA.register("enwik8")(
    NamedCorpus(
        enwik8,
        Defaults(tokens="bytes", lowercase=False, min_count=1, normalize="none"),
        files=(_ARCHIVE,),
        blank_lines=True,
    )
)
