"""What to do after a comparison: three commands, each of which works as it stands from the folder that one is in.

``make demo`` calls ``.venv/bin/rnn-lm``, which is not on the path, and a run may lie anywhere: so the lines name the
program as it was called, and the model that came out best.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from rnn_lm.experiments.members import member_folder
from rnn_lm.report.results import ModelResult, Results


def next_steps(results: Results, folder: Path) -> Iterator[str]:
    """Three things to do with the comparison in ``folder``, a line each: what, and the command."""
    best = _best(results)
    prompt = _prompt(best)
    own = str(member_folder(folder, best["name"], seed=best["seeds"][0]))
    write = ["generate", own, *(["--prompt", prompt] if prompt else [])]
    page = (folder / "report.html").resolve().as_uri()
    read = shlex.join([*_program(), "surprisal", own, "-"])
    yield f"open the report:         {shlex.join([_here(sys.executable), '-m', 'webbrowser', page])}"
    yield f"let a model write:       {shlex.join([*_program(), *write])}"
    yield f"let it read your text:   echo {shlex.quote('And the king wrote a letter.')} | {read}"


def _best(results: Results) -> ModelResult:
    """The model with the lowest valid perplexity under the first policy."""

    def perplexity(model: ModelResult) -> float:
        scores = next(iter(model["perplexity"].values()), {})
        return scores["valid"]["perplexity"] if "valid" in scores else float("inf")

    return min(results["models"], key=perplexity)


def _prompt(model: ModelResult) -> str:
    """The words of the corpus that the models' samples go on from; none where they would take more than a line."""
    prompts = [sample["prompt"].strip() for sample in model["samples"]]
    return next((one for one in prompts if one and "\n" not in one), "")


def _program() -> list[str]:
    """``rnn-lm`` as it was called: by name where the shell finds it, else by its path, or as Python's module."""
    called = Path(sys.argv[0])
    if called.stem != "rnn-lm":
        return [_here(sys.executable), "-m", "rnn_lm"]
    found = shutil.which("rnn-lm")
    return ["rnn-lm"] if found and Path(found).resolve() == called.resolve() else [_here(str(called))]


def _here(program: str) -> str:
    """A program by its path from this folder, where it lies in it; a link on the way is not followed."""
    path = Path(program).absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
