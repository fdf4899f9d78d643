"""``rnn-lm theory``: the six exercises."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rnn_lm.config import DeviceConfig
from rnn_lm.progress import TerminalProgress, duration
from rnn_lm.theory.config import TheoryConfig

STATEMENT_FAILED = 1
"""Exit code when a statement's measured figure parts from its predicted one."""


@dataclass(frozen=True)
class Options:
    """Check every statement of docs/theory/: predicted against measured. Fails where they part."""

    out: Path = Path("runs/theory")
    """Folder for results.json and finished parts."""
    resume: bool = False
    """Go on with the run in --out (or start it, if there is none)."""
    figures: Path | None = None
    """Also draw the figures, as SVG, into this folder."""
    theory: TheoryConfig = field(default_factory=TheoryConfig)
    compute: DeviceConfig = field(default_factory=lambda: DeviceConfig(device="cpu"))


def run(options: Options) -> int:
    """Check, print, and write; returns 1 where a statement does not hold."""
    from rnn_lm.files import make_folder, write_json
    from rnn_lm.report.figures_theory import draw_theory
    from rnn_lm.runs import start_run
    from rnn_lm.runtime import open_device
    from rnn_lm.settings.keeping import keep_settings
    from rnn_lm.theory.display import lines
    from rnn_lm.theory.run import failed, run_theory

    device = open_device(options.compute)
    progress = TerminalProgress()
    if options.figures is not None:
        make_folder(options.figures)  # found out now whether it can be
    start_run(options.out, "theory", options.theory, options.resume)
    keep_settings(options.out, options)
    results = run_theory(options.theory, progress, options.out, device)
    write_json(options.out / "results.json", {"theory": results})
    for line in lines(results):
        progress.say(line)
    if options.figures is not None:
        for path in draw_theory(results, options.figures, progress.say):
            progress.say(f"figure: {path}")
    progress.say(f"done in {duration(results['seconds'])}")
    return STATEMENT_FAILED if failed(results) else 0
