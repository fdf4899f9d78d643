"""Put how far the runs of published recipes came into docs/recipes.md, with a figure for each.

    python docs/update_recipes.py runs/zaremba-small runs/awd-lstm ...

A folder is named as its recipe (``rnn-lm train --preset NAME --out runs/NAME``). A run that is not over is scored as it
stands: the model of its best validation so far.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from markers import put

from rnn_lm.config import Budget
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.models.storage import load_model
from rnn_lm.prepare import prepare
from rnn_lm.progress import TerminalProgress
from rnn_lm.recipes import RECIPES
from rnn_lm.report.figures_recipes import recipe_figure
from rnn_lm.report.style import save_chart
from rnn_lm.training.log import read_log

HERE = Path(__file__).parent
HEAD = ("Recipe", "Paper", "Its test perplexity", "Ours, test", "Ours, best valid", "Epochs run, of all", "Time")


def row_of(folder: Path) -> list[str]:
    """The table's row of one run; draws its figure."""
    name = folder.name
    recipe = RECIPES[name]
    _, validations = read_log(folder / "training.jsonl")
    save_chart(recipe_figure(name, validations), HERE / "figures" / f"recipe-{name}.png")
    progress = TerminalProgress()
    stored = load_model(folder)
    text = prepare(stored.corpus, progress).texts["test"]
    test = score_text(stored.model, text, "stream", progress=progress).total.perplexity
    valid = math.exp(min(one.valid_nll for one in validations))
    last, whole = validations[-1], Budget.parse(recipe.values["training"]["budget"]).amount
    epochs, hours = f"{last.epoch:.0f} of {whole:g}", f"{last.seconds / 3600:.1f} h"
    return [f"`{name}`", recipe.paper, f"{recipe.test_perplexity:g}", f"{test:.1f}", f"{valid:.1f}", epochs, hours]


def main() -> None:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(description="Put runs of published recipes into docs/recipes.md.")
    parser.add_argument("folders", type=Path, nargs="+")
    rows = [row_of(folder) for folder in parser.parse_args().folders]
    lines = [HEAD, ["---"] * 2 + ["---:"] * 5, *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    page = HERE / "recipes.md"
    page.write_text(put(page.read_text(encoding="utf-8"), "recipes", table), encoding="utf-8")


if __name__ == "__main__":
    main()
