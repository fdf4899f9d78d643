"""Put what studies of reading times found into docs/reading-times.md, with a figure for each.

    python docs/update_reading_times.py demo=../shared/data/naturalstories:runs/demo/ngram-sentence,runs/demo/lstm-seed1

A study is NAME=TIMES:RUN,RUN,...; the page has a place for each NAME.
"""

from __future__ import annotations

import argparse
import platform
from datetime import date
from pathlib import Path

import torch
from markers import put, require

from rnn_lm.experiments.arpa_models import open_model
from rnn_lm.progress import TerminalProgress
from rnn_lm.reading.study import Study, run_study
from rnn_lm.report.reading import power_figure, study_table
from rnn_lm.report.style import save_chart

HERE = Path(__file__).parent


def part_of(name: str, study: Study) -> str:
    """The table, what was left out, and the figure."""
    table = study_table(study)
    lines = [
        [column.title for column in table.columns],
        *[["---"] + ["---:"] * (len(table.columns) - 1)],
        *map(list, table.rows),
    ]
    shown = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    save_chart(power_figure(study), HERE / "figures" / f"reading-times-{name}.png")
    left = ", ".join(f"{count:,} {reason}" for reason, count in study.left_out.items())
    kept = (
        f"{study.words:,} words; left out: {left}. The baseline's log-likelihood is {study.baseline:.4f} nats a word."
    )
    machine = platform.processor() or platform.machine()
    made = f"{machine}, {torch.get_num_threads()} thread(s), {date.today()}"
    return f"{shown}\n\n{kept} ({made}.)\n\n![Psychometric power by perplexity](figures/reading-times-{name}.png)"


def main() -> None:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(description="Put studies of reading times into docs/reading-times.md.")
    parser.add_argument("studies", nargs="+", metavar="NAME=TIMES:RUN,RUN")
    page = HERE / "reading-times.md"
    progress = TerminalProgress()
    for given in parser.parse_args().studies:
        name, _, rest = given.partition("=")
        times, _, runs = rest.partition(":")
        models = [open_model(Path(run), progress) for run in runs.split(",")]
        part = part_of(name, run_study(models, Path(times), progress))
        text = page.read_text(encoding="utf-8")
        require(text, name, page)
        page.write_text(put(text, name, part), encoding="utf-8")


if __name__ == "__main__":
    main()
