"""A suite from a path: its files found, its format recognized, its questions read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from rnn_lm.errors import UserError
from rnn_lm.evaluation.score import Policy
from rnn_lm.progress import Progress
from rnn_lm.suites.base import FORMATS, Question, SuiteFormat
from rnn_lm.suites.sources import SuiteFile, files_of

Reading: TypeAlias = Literal["sentence", "word"]
"""What of a pair is compared: whole sentences, or the one word that decides."""
_NAMED = 3
"""Files that a note names; of more their number is given."""


@dataclass(frozen=True)
class Suite:
    """Questions of one format.

    Attributes:
        name: of the file or folder, without its ending.
        format: label of the format.
        source: where it was read.
        questions: in the order of the files.
        reading: what of a pair is compared.
        policy: "sentence": each text is read from the initial state; "stream": after the sentences before it.
    """

    name: str
    format: str
    source: str
    questions: tuple[Question, ...]
    reading: Reading = "sentence"
    policy: Policy = "sentence"

    def by_word(self) -> Suite | None:
        """Return the same asked of the words that decide, as far as it can be; None where it cannot at all."""
        asked = tuple(word for question in self.questions if (word := question.word) is not None)
        return replace(self, name=f"{self.name}, the word", questions=asked, reading="word") if asked else None

    def carried(self) -> Suite | None:
        """Return the same with the state carried over the file; None where its questions stand alone."""
        if not all(question.sentence for question in self.questions):
            return None
        return replace(self, name=f"{self.name}, carried over", policy="stream")


def asked_so(
    suites: Sequence[Suite], readings: Sequence[Reading] = ("sentence",), policies: Sequence[Policy] = ("sentence",)
) -> list[Suite]:
    """Return suites in every way in which they are to be asked, as far as each can be.

    A suite that has one reading alone is asked in that. Raises ``UserError`` where nothing would be asked of a suite.
    """
    found = []
    for suite in suites:
        by_word, carried = suite.by_word(), suite.carried()
        if "sentence" in policies:
            if "sentence" in readings or by_word is None:
                found.append(suite)
            if "word" in readings and by_word is not None:
                found.append(by_word)
        if "stream" in policies and carried is not None:
            found.append(carried)
        elif "sentence" not in policies:
            raise UserError(
                f"{suite.source}: its sentences stand alone, so that no state is carried from one to the next; "
                "ask it under the policy sentence"
            )
    return found


def open_suite(path: Path, progress: Progress) -> list[Suite]:
    """Return the suites at a path, one for each format that its files have.

    Raises:
        UserError: there is no file of a known format, or one cannot be read; with the file and the line.
    """
    files = files_of(path)
    found: dict[str, list[Question]] = {}
    left_out = []
    for file in files:
        kind = _format_of(file)
        if kind is None:
            left_out.append(file)
            continue
        found.setdefault(kind.label, []).extend(kind.read(file))
    if not found:
        raise _unknown(path, files)
    # What lies beside a recognized file is a part of it, as a .gold is of its .text.
    taken = {file.stem for file in files if file not in left_out}
    if left_out := [file for file in left_out if file.stem not in taken]:
        progress.say(f"note: --suite {path}: of no known format, left out: {_names(left_out)}")
    for label, questions in found.items():
        if not questions:
            raise UserError(f"{path}: is of the format {label}, but holds no item")
    name = path.resolve().name if path.is_dir() else path.resolve().stem
    several = len(found) > 1
    return [
        Suite(f"{name} ({label})" if several else name, label, str(path), tuple(questions))
        for label, questions in found.items()
    ]


def _format_of(file: SuiteFile) -> SuiteFormat | None:
    """The format that recognizes a file: one of ours, or else one that another package offers."""
    if not file.data.strip():
        return None
    ours = FORMATS.loaded()
    for name in [*ours, *(name for name in FORMATS if name not in ours)]:
        if FORMATS[name].recognizes(file):
            return FORMATS[name]
    return None


def _names(files: Sequence[SuiteFile]) -> str:
    names = ", ".join(file.name for file in files[:_NAMED])
    return f"{names} and {len(files) - _NAMED} more" if len(files) > _NAMED else names


def _unknown(path: Path, files: Sequence[SuiteFile]) -> UserError:
    labels = list(dict.fromkeys(FORMATS[name].label for name in FORMATS))
    what = "is" if files[0].alone else f"({_names(files)}) holds nothing"
    return UserError(f"--suite {path}: {what} of no known format; known are {', '.join(labels)}: see docs/suites.md")
