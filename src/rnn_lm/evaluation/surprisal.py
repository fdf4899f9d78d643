"""Surprisal per token, the quantity that reading-time studies regress on (Hale 2001; Levy 2008), as a table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

from rnn_lm.evaluation.perplexity import Policy, score_text
from rnn_lm.files import write_atomically
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.progress import Progress
from rnn_lm.vocabulary import EOS, Vocabulary


class SurprisalRow(NamedTuple):
    """One token of the text.

    >>> import rnn_lm
    >>> row = rnn_lm.load("runs/kn").surprisal(["the king hears it ."])[0]
    >>> row.token, row.sentence, f"{row.surprisal_bits:.2f}"
    ('the', 1, '0.73')

    Attributes:
        sentence: counted from 1; lines that are blank are none.
        line: of the file in which the sentence begins, counted from 1; None where the text is not read from lines.
        token: as it stands in the text, also where the model reads ``<unk>``.
        id: the vocabulary's entry it was scored as.
        surprisal_bits: -log2 P(token | what the policy lets the model see before it).
    """

    sentence: int
    line: int | None
    token: str
    id: int
    surprisal_bits: float


def surprisal(
    model: LanguageModel,
    sentences: Sequence[Sequence[str]],
    vocabulary: Vocabulary,
    policy: Policy,
    progress: Progress | None = None,
    lines: Iterable[int] | None = None,
) -> Iterator[SurprisalRow]:
    """A row for every token and for each sentence's ``<eos>``, in text order.

    Args:
        model: any language model.
        sentences: the text, tokenized as the model's corpus was.
        vocabulary: the model's.
        policy: "stream" or "sentence".
        progress: told how far scoring has come.
        lines: the line of its file in which each sentence begins (``Split.line_numbers``).

    Raises:
        ValueError: there is no sentence.
    """
    text = vocabulary.encode_text(sentences, characters=0)
    scores = score_text(model, text, policy, progress=progress)
    line_of = chain(lines, repeat(None)) if lines is not None else repeat(None)
    numbered = (
        (number, line, token)
        for (number, words), line in zip(enumerate(sentences, 1), line_of, strict=False)
        for token in (*words, EOS)
    )
    for (number, line, token), index, nll in zip(numbered, text.ids_n.tolist(), scores.nll_n.tolist(), strict=True):
        yield SurprisalRow(number, line, token, index, nll / math.log(2))


def write_surprisal(path: Path, rows: Iterator[SurprisalRow]) -> None:
    """Write rows as tab-separated values with a header; a token holding a tab, newline or quote is quoted as in CSV.

    Raises:
        UserError: the file cannot be written.
    """
    table = io.StringIO()
    writer = csv.writer(table, dialect="excel-tab", lineterminator="\n")
    writer.writerow(SurprisalRow._fields)
    writer.writerows(rows)
    write_atomically(path, table.getvalue())
