"""What ended a command, in one line and an exit code: a person's mistake, the machine's limits, or a bug of ours."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from rnn_lm.errors import UserError
from rnn_lm.terminal import OutputLost, lost_line

BAD_INPUT = 2
"""Exit code when something a person typed or supplied cannot be used, or the machine does not have what it takes."""
BUG = 70
"""Exit code where rnn-lm itself is at fault (EX_SOFTWARE)."""
OUTPUT_LOST = 74
"""Exit code where what a command prints could not be written (EX_IOERR)."""
SHOW_TRACEBACK = "RNN_LM_TRACEBACK"
"""Set to 1, the traceback of a bug is printed as well."""

_NO_MEMORY = re.compile(r"not enough memory|can't allocate memory|out of memory|DefaultCPUAllocator", re.IGNORECASE)
_EXTRAS = {
    "optuna": "sweep", "sqlalchemy": "sweep", "tokenizers": "subwords", "datasets": "hf", "kenlm": "kenlm",
    "tensorboard": "tensorboard", "fastapi": "serve", "uvicorn": "serve",
}  # fmt: skip
LESS_MEMORY = (
    "give smaller numbers: --batch-size, --bptt-length, --hidden-size, --softmax-samples, --max-vocabulary; or use a "
    "machine with more"
)

LESS_ON_DEVICE = (
    "give a smaller --batch-size or --bptt-length, take --softmax sampled, limit the words with --max-vocabulary, or "
    "say --device cpu"
)


def failure(error: BaseException, folder: Path | None) -> tuple[str, int]:
    """The line and the exit code for what ended a command.

    Args:
        error: anything but a wish to stop or the end of whoever read our output.
        folder: of the run, if there is one: where the traceback of a bug is kept.
    """
    kept = "; what was trained is kept, and --resume goes on from there" if folder is not None else ""
    if isinstance(error, UserError):
        return str(error), BAD_INPUT
    if isinstance(error, OutputLost):
        return lost_line(error), OUTPUT_LOST
    if type(error).__name__ == "OutOfMemoryError" and type(error).__module__.startswith("torch"):
        return f"the device has not enough memory ({_brief(error)}); {LESS_ON_DEVICE}{kept}", BAD_INPUT
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error))):
        return f"there is not enough memory ({_brief(error)}); {LESS_MEMORY}{kept}", BAD_INPUT
    if isinstance(error, ModuleNotFoundError) and (extra := _EXTRAS.get((error.name or "").partition(".")[0])):
        return f"this needs the package {error.name}; install it with: pip install 'rnn-lm[{extra}]'", BAD_INPUT
    if isinstance(error, OSError):
        return f"{_refused_by_system(error)}{kept}", BAD_INPUT
    if type(error).__name__ == "BrokenProcessPool":
        return (
            "a process that helped with the work was ended by the system, for want of memory perhaps; give "
            f"it a smaller job or fewer --workers{kept}",
            BAD_INPUT,
        )
    return f"{_bug(error, folder)}{kept}", BUG


def _brief(error: BaseException) -> str:
    text = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."


def _refused_by_system(error: OSError) -> str:
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    where = f"{' -> '.join(names)}: " if names else ""
    return f"{where}{_brief(error) if error.strerror is None else error.strerror}"


def _bug(error: BaseException, folder: Path | None) -> str:
    text = "".join(traceback.format_exception(error))
    if os.environ.get(SHOW_TRACEBACK) == "1":
        print(text, file=sys.stderr)
    kept = _keep_traceback(text, folder)
    whole = f" (the whole traceback is in {kept})" if kept else f" ({SHOW_TRACEBACK}=1 shows the traceback)"
    return (
        f"this is a bug in rnn-lm: {type(error).__name__}: {_brief(error)}{whole}; please report it with that file "
        f"at {_where_to_report()}"
    )


def _keep_traceback(text: str, folder: Path | None) -> Path | None:
    """Write the traceback and what ran into the run's folder, or else a temporary one; None where neither can be."""
    content = f"rnn-lm {_version()}, Python {sys.version}\n{' '.join(map(repr, sys.argv))}\n\n{text}"
    for place in (folder, Path(tempfile.gettempdir())):
        if place is not None and place.is_dir():
            try:
                descriptor, name = tempfile.mkstemp(dir=place, prefix="traceback-", suffix=".txt")
                with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(content)
                return Path(name)
            except OSError:
                continue
    return None


def _version() -> str:
    try:
        return importlib.metadata.version("rnn-lm")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _where_to_report() -> str:
    """The project's page for issues, as the package says it."""
    try:
        links: list[Any] = importlib.metadata.metadata("rnn-lm").get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        links = []
    for link in links:
        name, _, address = str(link).partition(",")
        if "issue" in name.lower() or "bug" in name.lower():
            return address.strip()
    return "the place where you got rnn-lm"
