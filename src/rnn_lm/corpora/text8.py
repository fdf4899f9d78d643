"""text8: the first 100,000,000 characters of the English Wikipedia of 2006, reduced to a-z and single spaces (Mahoney).

It has no lines, and a text needs some: where a sentence ends is where the state may be reset, and what intervals are
made of. Here a space about every 5,000 characters gives its place to ``<eos>``. No word is cut and the count
stays exact; what it costs is that one space in some 850 differs from the others and a model cannot know which,
log2(850) + log2(e) or 11.2 bits in 5,000 characters: 0.0022 bits per character, below the second decimal that results
are stated to.
"""

from __future__ import annotations

from rnn_lm.corpora.access import Access, RemoteFile
from rnn_lm.corpora.base import CORPORA, Defaults, NamedCorpus, RawCorpus, in_order
from rnn_lm.corpora.published import PublishedSizes, cut_exactly
from rnn_lm.corpora.reading import decode_text, read_binary_file
from rnn_lm.corpora.zips import read_zip_member

SIZES = PublishedSizes("text8", "characters", (90_000_000, 5_000_000, 5_000_000))
SENTENCE = 5_000
"""Characters after which the next space ends a sentence."""
_ARCHIVE = RemoteFile(
    "text8/text8.zip",
    "http://mattmahoney.net/dc/text8.zip",
    31_344_016,
    "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
)


def text8(access: Access) -> RawCorpus:
    """Read it; raises ``UserError`` where it is not there, damaged or of another size."""
    path = access.file(_ARCHIVE, ["text8", "text8.zip"])
    data = read_zip_member(path, "text8") if path.suffix == ".zip" else read_binary_file(path)
    parts = cut_exactly(decode_text(data, str(path)), SIZES.sizes)
    SIZES.require({split: len(part) for split, part in parts.items()}, str(path))
    return RawCorpus(
        "text8",
        *in_order({split: sentences_at_spaces(part, SENTENCE) for split, part in parts.items()}),
        source=f"text8 (Mahoney 2011), from the English Wikipedia of 2006; {access.origin(_ARCHIVE)}",
        licence="GNU Free Documentation License and Creative Commons Attribution-ShareAlike, as Wikipedia",
        split_description="in order, 90, 5 and 5 million characters; sentences end at a space every 5,000 characters",
    )


def sentences_at_spaces(text: str, length: int) -> list[str]:
    """``text`` cut at the first space after every ``length`` characters; joined by spaces, the parts are the text."""
    sentences, start = [], 0
    while (space := text.find(" ", start + length)) >= 0:
        sentences.append(text[start:space])
        start = space + 1
    return sentences if start == len(text) else [*sentences, text[start:]]


CORPORA.register("text8")(
    NamedCorpus(text8, Defaults(tokens="characters", lowercase=False, min_count=1, normalize="none"), files=(_ARCHIVE,))
)
