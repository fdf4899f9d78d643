"""Put the tables of a finished demo into README.md, between its markers: ``make readme``."""

from __future__ import annotations

import re
from pathlib import Path

from rnn_lm.report.markdown import results_markdown
from rnn_lm.report.results import Results, read_results

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "runs" / "demo" / "results.json"
MARKERS = re.compile(r"(<!-- demo -->\n).*?(<!-- /demo -->)", re.DOTALL)


def demo_text(results: Results) -> str:
    """What the demo found, with what it was made by."""
    made = results["made"]
    how = (
        f"Made by `{made['command']}` in {made['seconds'] / 60:.0f} minutes with torch {made['torch']}, "
        f"{made['threads']} threads; one seed, so intervals are over test sentences (resampled in runs of 20)."
    )
    return f"{results_markdown(results)}\n\n{how}\n"


def main() -> None:
    """Rewrite README.md."""
    readme = ROOT / "README.md"
    text = demo_text(read_results(RESULTS))
    readme.write_text(MARKERS.sub(lambda match: f"{match[1]}{text}{match[2]}", readme.read_text()))


if __name__ == "__main__":
    main()
