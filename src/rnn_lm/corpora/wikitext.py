"""WikiText-2 and WikiText-103: verified good and featured articles of the English Wikipedia, tokenized, case kept.

Merity, Xiong, Bradbury and Socher 2017, "Pointer sentinel mixture models" (its table 1 gives the sizes). Blank lines
are lines: the published counts give each an ``<eos>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from rnn_lm.corpora.access import SPLITS, Access, RemoteFile
from rnn_lm.corpora.base import CORPORA, Defaults, NamedCorpus, RawCorpus, in_order
from rnn_lm.corpora.content import content_of_files
from rnn_lm.corpora.lines import Lines
from rnn_lm.corpora.published import PublishedSizes, count_tokens
from rnn_lm.corpora.reading import lines_of_blocks, text_blocks
from rnn_lm.corpora.zips import zip_text_blocks


@dataclass(frozen=True)
class Variant:
    """One of the two sizes; valid and test are the same articles in both.

    Attributes:
        name: of the corpus, and of the folder inside its archive.
        title: for people.
        archive: the published zip.
        tokens, lines: of train, valid and test.
    """

    name: str
    title: str
    archive: RemoteFile
    tokens: tuple[int, int, int]
    lines: tuple[int, int, int]

    @property
    def archive_name(self) -> str:
        """The zip's own name."""
        return self.archive.path.rpartition("/")[2]

    @property
    def patterns(self) -> tuple[str, ...]:
        """Files that a copy may consist of, the original ones first, ``*`` being the split."""
        folders = ("", f"{self.name}/", f"{self.name}-raw/")
        return tuple(f"{folder}wiki.*.{suffix}" for suffix in ("tokens", "raw") for folder in folders)


VARIANTS = (
    Variant(
        "wikitext-2",
        "WikiText-2",
        RemoteFile(
            "wikitext-2/wikitext-2-v1.zip",
            "https://wikitext.smerity.com/wikitext-2-v1.zip",
            4_475_746,
            "92675f1d63015c1c8b51f1656a52d5bdbc33aafa60cc47a218a66e7ee817488c",
        ),
        tokens=(2_088_628, 217_646, 245_569),
        lines=(36_718, 3_760, 4_358),
    ),
    Variant(
        "wikitext-103",
        "WikiText-103",
        RemoteFile(
            "wikitext-103/wikitext-103-v1.zip",
            "https://wikitext.smerity.com/wikitext-103-v1.zip",
            190_229_076,
            "242ba0f20b329cfdf1ccc61e9e9e5b59becf189db7f7a81cd2a0e2fc31539590",
        ),
        tokens=(103_227_021, 217_646, 245_569),
        lines=(1_801_350, 3_760, 4_358),
    ),
)


def wikitext(variant: Variant, access: Access) -> RawCorpus:
    """Read ``variant``; raises ``UserError`` where its files are not there, and, when its lines are asked for, where
    they are damaged or of other sizes.
    """
    paths = access.splits(variant.patterns)
    if paths is None:
        archive = access.file(variant.archive, [variant.archive_name], in_vain=variant.patterns)
        where, files = str(archive), [archive]
        members = {split: f"{variant.name}/wiki.{split}.tokens" for split in SPLITS}
        blocks = {split: partial(zip_text_blocks, archive, member) for split, member in members.items()}
    else:
        where, files = str(paths["train"]), list(paths.values())
        blocks = {split: partial(text_blocks, path) for split, path in paths.items()}
    is_raw = where.endswith(".raw")
    if is_raw:
        # Words stand for <unk> again there, and of such text only the number of lines is published.
        sizes, size_of = PublishedSizes(variant.title, "lines", variant.lines), _one
    else:
        sizes, size_of = PublishedSizes(variant.title, "tokens with <eos>", variant.tokens), _tokens
    parts = {
        split: Lines(lambda split=split, read=read: sizes.checked(split, _lines(read()), size_of, where))
        for split, read in blocks.items()
    }
    return RawCorpus(
        variant.title,
        *in_order(parts),
        source=f"{variant.title} (Merity et al. 2017), from the English Wikipedia; {access.origin(variant.archive)}",
        licence="Creative Commons Attribution-ShareAlike",
        split_description="by article, as published",
        notes=(_RAW_NOTE,) if is_raw else (),
        content=content_of_files(files, variant.name),
    )


_RAW_NOTE = "read from .raw files, whose vocabulary is open: published perplexities are those of the .tokens files"


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    # Split as those who published the counts did, at white space of any kind.
    return (" ".join(line.split()) for line in lines_of_blocks(blocks))


def _tokens(line: str) -> int:
    return count_tokens([line])


def _one(line: str) -> int:  # noqa: ARG001 (every line counts the same)
    return 1


for _variant in VARIANTS:
    CORPORA.register(_variant.name)(
        NamedCorpus(
            partial(wikitext, _variant),
            Defaults(tokens="whitespace", lowercase=False, normalize="none"),
            files=(_variant.archive,),
            blank_lines=True,
        )
    )
