"""Agreement sets in files aligned line by line: Gulordava et al.'s (2018), Linzen et al.'s (2016) as they filtered it.

    x.text    as a consequence of being mostly privately owned , the town is very opulently designed . <eos>
    x.eval    11                                        the target's index, counted from 0; may be absent
    x.gold    11  is  are  0                            index, right form, wrong form, attractors

or a wider table as .gold, whose columns are pattern, construction, sentence (0: the original, else nonce words), index,
part of speech, morphology, right form, wrong form, lemma, attractors. The answer is right where the right form is more
probable than the wrong one after what stands before the target: each sentence read from the initial state, or the state
carried over the whole file, as the authors' own script does (``carried.py``).
"""

from __future__ import annotations

from collections.abc import Iterator

from rnn_lm.errors import UserError
from rnn_lm.suites.base import FORMATS, Completion, Question, SuiteFormat
from rnn_lm.suites.sources import SuiteFile
from rnn_lm.vocabulary import EOS, UNK

_NARROW, _WIDE = 4, 10
"""Columns of the two kinds of .gold; the wide one has some more, which are not needed."""


class LineAligned(SuiteFormat):
    """A .text with a .gold, and perhaps an .eval, beside it."""

    label = "line-aligned agreement"

    def recognizes(self, file: SuiteFile) -> bool:
        companion = file.suffix in (".gold", ".eval") and (file.alone or file.companion(".text") is None)
        return file.suffix == ".text" or companion

    def read(self, file: SuiteFile) -> Iterator[Question]:
        files = {file.suffix: file}
        for suffix in (".text", ".gold", ".eval"):
            if suffix not in files and (companion := file.companion(suffix)) is not None:
                files[suffix] = companion
        for suffix in (".text", ".gold"):
            if suffix not in files:
                raise UserError(f"{file.shown}: there is no {file.stem}{suffix} beside it, which belongs to it")
        texts, golds = list(files[".text"].lines()), list(files[".gold"].lines())
        _require_alike(files[".gold"], len(golds), files[".text"], len(texts))
        if ".eval" in files:
            _require_same_targets(files[".eval"], files[".gold"])
        for (number, text), (_, gold) in zip(texts, golds, strict=True):
            yield _question(files, number, text, gold)


def _question(files: dict[str, SuiteFile], number: int, text: str, gold: str) -> Question:
    where, cells = files[".gold"].at(number), gold.split("\t")
    if len(cells) != _NARROW and len(cells) < _WIDE:
        raise UserError(
            f"{where}: has {len(cells)} columns; give {_NARROW} (index, right, wrong, attractors), tabs between"
        )
    place, right, wrong, attractors = cells if len(cells) == _NARROW else (cells[3], cells[6], cells[7], cells[9])
    target, words = _number(place, where), text.split()
    if words[-1:] == [EOS]:
        words.pop()
    if target >= len(words):
        raise UserError(f"{where}: the target is word {target}, and {files['.text'].at(number)} has {len(words)}")
    if words[target].lower() not in (right.lower(), wrong.lower(), UNK):
        raise UserError(f"{where}: word {target} of the sentence is {words[target]!r}, neither {right!r} nor {wrong!r}")
    if not right.strip() or not wrong.strip():
        raise UserError(f"{where}: lacks the right or the wrong form")
    groups = {"attractors": attractors}
    if len(cells) >= _WIDE:
        groups = {"words": "original" if cells[2] == "0" else "nonce", "pattern": cells[0], **groups}
    return Completion(
        paradigm=files[".text"].stem, item=str(number), where=where, groups=groups, raw=False,
        beginning=" ".join(words[:target]), good=right, bad=wrong, whole=" ".join(words),
    )  # fmt: skip


def _number(text: str, where: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise UserError(f"{where}: {text[:40]!r} is no index of a word; they are counted from 0")
    return number


def _require_alike(file: SuiteFile, lines: int, other: SuiteFile, others: int) -> None:
    if lines != others:
        raise UserError(f"{file.shown}: has {lines:,} lines, {other.name} {others:,}; they go line by line")


def _require_same_targets(evals: SuiteFile, golds: SuiteFile) -> None:
    found, gold = list(evals.lines()), [line.split("\t") for _, line in golds.lines()]
    _require_alike(evals, len(found), golds, len(gold))
    for (number, line), cells in zip(found, gold, strict=True):
        place = cells[0] if len(cells) == _NARROW else cells[3] if len(cells) >= _WIDE else line
        if _number(line, evals.at(number)) != _number(place, golds.at(number)):
            raise UserError(
                f"{evals.at(number)}: the target is word {line}, in {golds.name} word {place}; fix one of them"
            )


FORMATS.register("line-aligned")(LineAligned())
