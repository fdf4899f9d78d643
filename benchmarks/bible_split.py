"""The tables of docs/corpora.md: how the default corpus could be split, what leaks, and what the chosen split holds.

Run it with ``python benchmarks/bible_split.py``; it takes about half a minute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from rnn_lm.config import CorpusConfig, NgramConfig
from rnn_lm.corpora import build_vocabulary, load_corpus, tokenize_line
from rnn_lm.corpora.files import shares_of
from rnn_lm.corpora.lines import InOrder
from rnn_lm.corpora.overlap import share_of_runs
from rnn_lm.corpora.web_bible import PARALLEL_RUN, Verse, split_by_book, verses, web_bible
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.text import TOKENIZERS
from rnn_lm.vocabulary import Vocabulary

TOKENIZATIONS: tuple[Literal["words", "characters"], ...] = ("words", "characters")


def every_twentieth_chapter(bible: Sequence[Verse]) -> tuple[list[str], list[str]]:
    """(train, test), with the chapters half-way between two of test left out, as valid would be."""
    train: list[str] = []
    test: list[str] = []
    for number, (_, chapter) in enumerate(groupby(bible, key=lambda verse: (verse.book, verse.chapter))):
        part = {19: test, 9: []}.get(number % 20, train)
        part += [verse.text for verse in chapter]
    return train, test


def perplexity(train: Sequence[str], test: Sequence[str]) -> float:
    """Test perplexity of a Kneser-Ney 5-gram trained on ``train``, vocabulary at count 2."""
    config = CorpusConfig()
    sentences = {
        name: [tokenize_line(line, config, TOKENIZERS["words"]) for line in part]
        for name, part in (("train", train), ("test", test))
    }
    vocabulary = Vocabulary.build(sentences["train"], min_count=2)
    model = NgramLanguageModel.train(vocabulary.encode_text(sentences["train"], 0), len(vocabulary), NgramConfig())
    return math.exp(float(model.nll(vocabulary.encode_text(sentences["test"], 0).ids_n).mean()))


def candidates() -> dict[str, tuple[Sequence[str], Sequence[str]]]:
    """(train, test) of each way to split."""
    bible = verses()
    in_order = InOrder([verse.text for verse in bible], shares_of((0.9, 0.05, 0.05))).parts
    tails = split_by_book(bible)
    chosen = web_bible()
    return {
        "the last books": (list(in_order["train"]), list(in_order["test"])),
        "every 20th chapter": every_twentieth_chapter(bible),
        "the tail of every book": (tails[0], tails[2]),
        "the same, parallels left out of train (chosen)": (list(chosen.train), list(chosen.test)),
    }


def main() -> None:
    print(f"| test is | train verses | test verses | {PARALLEL_RUN}-word runs of test in train | 5-gram perplexity |")
    print("|---|---|---|---|---|")
    for name, (train, test) in candidates().items():
        leaked = share_of_runs(test, train, PARALLEL_RUN)
        print(f"| {name} | {len(train):,} | {len(test):,} | {leaked:.2%} | {perplexity(train, test):.1f} |", flush=True)
    print("\n| tokens | vocabulary | split | sentences | tokens with `<eos>` | types | OOV rate | characters |")
    print("|---|---|---|---|---|---|---|---|")
    for tokens in TOKENIZATIONS:
        config = CorpusConfig(tokens=tokens)
        corpus = load_corpus(config)
        vocabulary = build_vocabulary(corpus, config)
        for name, split in corpus.splits.items():
            row = split.statistics(vocabulary)
            print(
                f"| {tokens} | {len(vocabulary):,} | {name} | {row.sentences:,} | {row.tokens:,} | {row.types:,} "
                f"| {row.oov_rate:.2%} | {row.characters:,} |"
            )


if __name__ == "__main__":
    main()
