"""Put what ``benchmarks/export_demo.py`` measured into docs/onnx.md: the last step of ``make export-demo``.

python docs/update_export.py benchmarks/results/export.json
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from markers import put

from rnn_lm.files import read_json, write_atomically

PAGE = Path(__file__).parent / "onnx.md"


def table(found: dict[str, Any]) -> str:
    """A row per target, and how it was made."""
    lines = [
        "| target | largest difference of 1,000 log-probabilities | MB | tokens/s | perplexity, 20,000 tokens |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, row in found["targets"].items():
        perplexity = "" if row["perplexity"] is None else f"{row['perplexity']:.3f}"
        speed = "" if row["tokens_per_second"] is None else f"{row['tokens_per_second']:,.0f}"
        lines.append(f"| {name} | {row['difference']:.1e} | {row['megabytes']:.2f} | {speed} | {perplexity} |")
    made = found["made"]
    note = (
        f"{found['model']}; rnn_lm's own perplexity {found['perplexity']:.3f}. {made['date']}, {made['machine']}, one "
        f"thread, torch {made['torch']}, other work beside it (load {made['load']})."
    )
    return "\n".join([*lines, "", note])


def main() -> None:
    text = table(read_json(Path(sys.argv[1])))
    page = PAGE.read_text(encoding="utf-8")
    write_atomically(PAGE, put(page, "export", text))


if __name__ == "__main__":
    main()
