"""``rnn-lm probe``: what is remembered across distance."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rnn_lm.config import DeviceConfig
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.progress import TerminalProgress, duration


@dataclass(frozen=True)
class Options:
    """Train n-gram, RNN, GRU, LSTM and attention on generated languages, and ask them across growing distances."""

    out: Path = Path("runs/probe")
    """Folder for results.json, figures and finished outcomes."""
    resume: bool = False
    """Go on with the run in --out (or start it, if there is none)."""
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    compute: DeviceConfig = field(default_factory=DeviceConfig)


def run(options: Options) -> None:
    """Run, print the tables, and draw."""
    from rnn_lm.files import write_json
    from rnn_lm.probes.run import run_probe
    from rnn_lm.report.figures_probes import probe_figures
    from rnn_lm.report.notes_probes import undecided_because
    from rnn_lm.report.style import save_charts
    from rnn_lm.report.tables_probes import probes_tables
    from rnn_lm.report.terminal import print_tables
    from rnn_lm.runs import start_run
    from rnn_lm.runtime import open_device
    from rnn_lm.settings.keeping import keep_settings

    device = open_device(options.compute)
    progress = TerminalProgress()
    start_run(options.out, "probe", options.probe, options.resume)
    keep_settings(options.out, options)
    results = run_probe(options.probe, options.out, progress, device)
    write_json(options.out / "results.json", {"probes": results})
    print_tables(probes_tables(results), progress.console)
    for probe in results["probes"]:
        for reason in undecided_because(probe):
            progress.say(f"{probe['label']}: {reason}")
    figures = options.out / "figures"
    save_charts(probe_figures(results).items(), figures, ".png", progress.say)
    progress.say(f"done in {duration(results['seconds'])}; figures in {figures}")
