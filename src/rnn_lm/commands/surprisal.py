"""``rnn-lm surprisal``: what each word of a text costs a model, and how well that predicts how long it is read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from rnn_lm.charsets import require_encoding
from rnn_lm.conditions import given, only
from rnn_lm.errors import UserError
from rnn_lm.progress import TerminalProgress


@dataclass(frozen=True)
class Options:
    """The surprisal of every word of a text as it was written, in bits, a row each (docs/surprisal.md); or with
    --reading-times, how well models' surprisals predict reading times (docs/reading-times.md)."""

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """RUN... FILE: model folders or ARPA files, and last the text, a sentence per line; - is standard input. With
    --reading-times, models alone."""
    out: Path | None = field(default=None, metadata=only(reading_times=None))
    """Write the rows to this file: .tsv, .csv, .jsonl or .parquet. Default: tab-separated, to standard output."""
    policy: Literal["stream", "sentence"] | None = None
    """What the model has read before a word: the text so far, or its sentence. Default: the text; of --column, the
    sentence."""
    previous: int = field(default=0, metadata=only(reading_times=None))
    """Give figures of so many words before each as well, within its sentence."""
    space: Literal["before", "after"] = "before"
    """To which word a space belongs, where tokens are pieces, characters or bytes: "after" takes it from the word that
    it stands before (Oh and Schuler 2024)."""
    eos: bool = field(default=False, metadata=only(reading_times=None))
    """Give the end of each sentence a row, <eos>, too."""
    column: str | None = field(default=None, metadata=only(reading_times=None))
    """FILE is a table, tabs or commas between columns, and this column holds the sentences; the others go along."""
    set_apart: bool = True
    """For a corpus cut at white space alone, set punctuation apart in words that its vocabulary lacks;
    --no-set-apart where FILE is tokenized as the corpus was."""
    encoding: str | None = field(default=None, metadata=only(reading_times=None))
    """What FILE is written in, e.g. cp1252. Default: UTF-8, or what a byte order mark says."""
    reading_times: Path | None = None
    """Reading times to predict: the folder of the Natural Stories Corpus, or a table with the columns story, word and
    time."""
    figure: Path | None = field(default=None, metadata=only(reading_times=given))
    """Draw psychometric power by perplexity: .png, .svg or .json (Vega-Lite)."""
    json: Path | None = field(default=None, metadata=only(reading_times=given))
    """Write the figures to this JSON file."""
    overwrite: bool = False
    """Replace the files of --out, --figure and --json where they are there already."""

    def __post_init__(self) -> None:
        if self.encoding is not None:
            require_encoding(self.encoding)
        if self.previous < 0:
            raise UserError("--previous must be at least 0")
        if self.reading_times is not None and not self.paths:
            raise UserError("--reading-times needs at least one model, e.g. rnn-lm surprisal runs/lstm ...")
        if self.reading_times is None and len(self.paths) < 2:
            raise UserError("surprisal needs models and then a FILE, e.g. rnn-lm surprisal runs/lstm text.txt")


def run(options: Options) -> None:
    """Score, and print or write."""
    if options.reading_times is not None:
        run_reading_times(options)
    else:
        run_words(options)


def _progress() -> TerminalProgress:
    """Standard output is for the table."""
    from rich.console import Console

    return TerminalProgress(Console(stderr=True, highlight=False))


def run_words(options: Options) -> None:
    """A row for every word."""
    from rnn_lm.experiments.arpa_models import open_model
    from rnn_lm.files import require_output
    from rnn_lm.reading.columns import columns_with, rows_with
    from rnn_lm.reading.sources import STDIN, TextLines, columns_of, require_text
    from rnn_lm.reading.surprisal import Reader, require_space
    from rnn_lm.reading.tables import require_suffix, write_rows, write_text

    *runs, path = options.paths
    require_text(path)
    if path == STDIN and len(runs) > 1:
        raise UserError("standard input can be read once, by one model: give one, or a FILE")
    if options.out is not None:
        require_suffix(options.out, "--out")
        require_output(options.out, "--out", overwrite=options.overwrite)
    progress = _progress()
    models = [open_model(one, progress) for one in runs]
    if options.space != "before":
        require_space(models, options.space)
    lines = TextLines(path, options.encoding)
    policy = options.policy or ("stream" if options.column is None else "sentence")
    readers = [Reader(one, policy, options.space, options.eos, options.set_apart) for one in models]
    source = _source(options, lines)
    columns = columns_with(options.previous, columns_of(source))

    def rows() -> Iterator[tuple[Any, ...]]:
        for number, reader in enumerate(readers):
            sentences = source if number == 0 else _source(options, lines)
            yield from rows_with(reader, sentences, options.previous, carried=options.column is not None)

    if options.out is None:
        write_text(sys.stdout, ".tsv", columns, rows())
        return
    count = write_rows(options.out, columns, rows())
    progress.say(f"surprisal of {count:,} words: {options.out}")


def _source(options: Options, lines: Any) -> Any:
    from rnn_lm.reading.columns import columns_with
    from rnn_lm.reading.sources import Items

    if options.column is None:
        return lines
    return Items(lines, options.column, columns_with(options.previous))


def run_reading_times(options: Options) -> None:
    """How well surprisal predicts reading times."""
    from rnn_lm.experiments.arpa_models import open_model
    from rnn_lm.files import require_output, write_json
    from rnn_lm.reading.study import run_study
    from rnn_lm.reading.surprisal import require_space
    from rnn_lm.report.reading import power_figure, study_lines
    from rnn_lm.report.style import require_figure, save_chart
    from rnn_lm.report.terminal import width_of

    assert options.reading_times is not None
    if options.figure is not None:
        require_figure(options.figure, "--figure")
    for path, name in ((options.figure, "--figure"), (options.json, "--json")):
        if path is not None:
            require_output(path, name, overwrite=options.overwrite)
    progress = TerminalProgress()
    models = [open_model(one, progress) for one in options.paths]
    if options.space != "before":
        require_space(models, options.space)
    found = run_study(
        models, options.reading_times, progress, options.policy or "stream", options.space, options.set_apart
    )
    for line in study_lines(found, width_of(progress.console)):
        progress.say(line)
    if options.json is not None:
        write_json(options.json, found.to_json())
    if options.figure is not None:
        save_chart(power_figure(found), options.figure)
        progress.say(f"figure: {options.figure}")
