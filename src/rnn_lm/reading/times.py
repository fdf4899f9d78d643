"""Reading times: the Natural Stories Corpus (Futrell et al. 2021), or a table of one's own.

The corpus is a folder with ``processed_wordinfo.tsv`` (word, zone, item, ..., gmeanItemRT) and ``all_stories.tok``. Its
times of self-paced reading were one position off before the release of May 2025; that can be seen, since the
times of a word come to lie on its neighbor, but not by the files alone: use the corrected release.

A table has the columns ``story``, ``word`` and ``time`` (milliseconds: the geometric mean over readers, if they are
several), in the order of the text, and perhaps ``sentence``.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rnn_lm.errors import UserError, unknown_name

NATURAL_STORIES = ("processed_wordinfo.tsv", "all_stories.tok")
"""The files of the corpus that are read."""
_ENDS = re.compile(r"[.!?]['\"”’)]*$")
_ABBREVIATIONS = frozenset(("mr.", "mrs.", "ms.", "dr.", "st."))


@dataclass(frozen=True)
class TimedWord:
    """A word that was read.

    Attributes:
        word: as it was shown.
        log_time: natural logarithm of the milliseconds.
    """

    word: str
    log_time: float


@dataclass(frozen=True)
class Story:
    """A text that was read, in sentences.

    Attributes:
        name: of the story.
        sentences: its words.
    """

    name: str
    sentences: tuple[tuple[TimedWord, ...], ...]

    @property
    def lines(self) -> list[str]:
        """Its sentences as text."""
        return [" ".join(one.word for one in sentence) for sentence in self.sentences]


def read_times(path: Path) -> list[Story]:
    """Read reading times.

    Args:
        path: the folder of the Natural Stories Corpus, or a table.

    Raises:
        UserError: it is neither, or cannot be read.
    """
    if path.is_dir():
        return _natural_stories(path)
    if not path.is_file():
        raise UserError(f"--reading-times {path}: there is no such file or folder; check the path")
    rows = list(_rows(path, ("story", "word", "time"), "," if path.suffix == ".csv" else "\t"))
    stories = []
    for name, of_story in groupby(rows, key=lambda row: row[1]["story"]):
        words = [(row.get("sentence"), _timed(path, line, row["word"], row["time"])) for line, row in of_story]
        stories.append(Story(name, tuple(_in_sentences(words))))
    return _checked(path, stories)


def _natural_stories(folder: Path) -> list[Story]:
    times, texts = (folder / name for name in NATURAL_STORIES)
    for file in (times, texts):
        if not file.is_file():
            raise UserError(f"--reading-times {folder}: no {file.name}; give the folder of the Natural Stories Corpus")
    found = {
        (row["item"], row["zone"]): (line, row)
        for line, row in _rows(times, ("word", "zone", "item", "gmeanItemRT"), "\t")
    }
    stories = []
    for item, of_story in groupby(_rows(texts, ("word", "zone", "item"), "\t"), key=lambda row: row[1]["item"]):
        words: list[tuple[str | None, TimedWord]] = []
        for line, row in of_story:
            key = (row["item"], row["zone"])
            if key not in found or found[key][1]["word"] != row["word"]:
                raise UserError(
                    f"{texts}: line {line}: {times.name} has no time for word {row['zone']} of story {item}, "
                    f"{row['word']!r}; take both files from one release"
                )
            at, timed = found[key]
            words.append((None, _timed(times, at, row["word"], timed["gmeanItemRT"])))
        stories.append(Story(item, tuple(_in_sentences(words))))
    return _checked(folder, stories)


def _checked(path: Path, stories: list[Story]) -> list[Story]:
    if len({one.name for one in stories}) < len(stories):
        raise UserError(f"{path}: the words of a story do not stand together; sort them by story")
    if len(stories) < 2:
        raise UserError(f"{path}: has {len(stories)} story; 2 are needed, since each is predicted from the others")
    return stories


def _rows(path: Path, needed: Sequence[str], delimiter: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with their lines; raises ``UserError`` where a column or a cell is missing."""
    quoting = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter, quoting=quoting)
            names = reader.fieldnames or []
            for name in needed:
                if name not in names:
                    raise UserError(f"{path}: has no column {name!r}: {unknown_name('column', name, names)}")
            for row in reader:
                if None in row or None in row.values():
                    raise UserError(f"{path}: line {reader.line_num} has not as many columns as the first line")
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: is no table in UTF-8 ({error})") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _timed(path: Path, line: int, word: str, time: str) -> TimedWord:
    try:
        milliseconds = float(time)
    except ValueError:
        milliseconds = math.nan
    if not (0 < milliseconds < math.inf):
        raise UserError(f"{path}: line {line}: {time!r} is no time in milliseconds")
    if len(word.split()) != 1:
        raise UserError(f"{path}: line {line}: {word!r} is not one word")
    return TimedWord(word, math.log(milliseconds))


def _in_sentences(words: Sequence[tuple[str | None, TimedWord]]) -> Iterator[tuple[TimedWord, ...]]:
    """Cut where the column says so; without one, after . ! ? unless a small letter goes on in a text with capitals."""
    has_capitals = any(timed.word != timed.word.lower() for _, timed in words)
    sentence: list[TimedWord] = []
    for place, (label, timed) in enumerate(words):
        sentence.append(timed)
        if place + 1 == len(words):
            break
        following = words[place + 1]
        if (label != following[0]) if label is not None else _ends(timed.word, following[1].word, has_capitals):
            yield tuple(sentence)
            sentence = []
    yield tuple(sentence)


def _ends(word: str, following: str, has_capitals: bool) -> bool:
    letters = following.lstrip("'\"“‘(")
    return (
        bool(_ENDS.search(word)) and word.lower() not in _ABBREVIATIONS and not (has_capitals and letters[:1].islower())
    )
