"""Put what ``benchmarks/serve.py`` measured into docs/serve.md: the last step of ``make bench-serve``.

python docs/update_serve.py benchmarks/results/serve.json
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from markers import put

from rnn_lm.files import read_json, write_atomically

PAGE = Path(__file__).parent / "serve.md"
_NAMES = {"one by one": "1, one text after the other", "1000": "1,000", "1000 again": "1,000, once more"}


def load_table(found: dict[str, Any]) -> str:
    """A row per number of streams, and how it was made."""
    lines = [
        "| streams at a time | words | lost | words/s | first word, median | 95 of 100 within | server's memory, MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in found["load"].items():
        memory = f"{row['megabytes_before']:.0f} → {row['megabytes_after']:.0f}"
        lines.append(
            f"| {_NAMES.get(name, name)} | {row['words']:,} | {row['lost']} | {row['words_per_second']:,.0f} | "
            f"{row['first_median']:.2f} s | {row['first_p95']:.2f} s | {memory} |"
        )
    made = found["made"]
    note = (
        f"{found['model']}, {found['parameters']:,} parameters. {made['date']}, {made['machine']}, one thread for "
        f"products, torch {made['torch']}, other work beside it (load {made['load']} at the end), clients on the same "
        "machine in another process."
    )
    return "\n".join([*lines, "", note])


def session_table(found: dict[str, Any]) -> str:
    """A row per length of a session."""
    lines = [
        f"| tokens read | a session | its file | {found['attention']}: keys and values | next word | server's memory |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in found["session"]:
        lines.append(
            f"| {row['tokens']:,} | {row['bytes']:,} bytes | {row['file']:,} bytes | "
            f"{row['attention_bytes']:,} bytes | {1000 * row['answer']:.1f} ms | {row['megabytes']:.0f} MB |"
        )
    return "\n".join(lines)


def main() -> None:
    found = read_json(Path(sys.argv[1]))
    page = PAGE.read_text(encoding="utf-8")
    page = put(page, "load", load_table(found))
    write_atomically(PAGE, put(page, "session", session_table(found)))


if __name__ == "__main__":
    main()
