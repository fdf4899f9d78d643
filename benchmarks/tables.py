"""Put what the benchmarks measured into the pages about it, between their markers: the last step of ``make bench``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rnn_lm.files import read_json

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (ROOT / "docs" / "performance.md", ROOT / "docs" / "evaluation.md", ROOT / "docs" / "ngram.md")


def times(ratio: dict[str, float]) -> str:
    """A ratio with its range over the turns, lowest and highest: no confidence interval."""
    return f"{ratio['median']:.2f}× [{ratio['low']:.2f}, {ratio['high']:.2f}]"


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def made_by(benchmark: str, made: dict[str, Any]) -> str:
    """What stands under a table: when and where its benchmark ran (``made_here``)."""
    return (
        f"`benchmarks/{benchmark}.py`, {made['date']}, {made['machine']}, torch {made['torch']}, "
        f"load of the machine {made['load']}."
    )


def training(found: dict[str, Any]) -> str:
    """Speed by case, share of the bound, engines."""
    cases = [
        [name, str(row["batch"]), f"{row['tokens_per_second']:,.0f}", times(row["against_peer"]), f"{row['noise']:.0%}"]
        for name, row in found["cases"].items()
    ]
    bounds = [[name, times(ratio)] for name, ratio in found["share_of_the_bound"].items()]
    engines = [[name, times(ratio)] for name, ratio in found["engines"].items()]
    return "\n\n".join(
        [
            markdown(["case", "batch", "tokens/s", "against the peer", "noise"], cases),
            markdown(["exact softmax", "time of the products ÷ time of the step"], bounds),
            markdown(["layer, batch 32", "ours against torch's kernel"], engines),
        ]
    )


def phases(found: dict[str, Any]) -> str:
    """Share of a step's time by phase."""
    names = list(next(iter(found["phases"].values())))
    rows = [[case, *(f"{shares[name]:.0%}" for name in names)] for case, shares in found["phases"].items()]
    return markdown(["step", *names], rows)


def inference(found: dict[str, Any]) -> str:
    """Evaluation and generation."""
    rows = [
        [f"{job}, {case}", f"{row['tokens_per_second']:,.0f}", times(row["against_peer"]), f"{row['noise']:.0%}"]
        for job in ("evaluation", "generation")
        for case, row in found[job].items()
    ]
    return markdown(["case", "tokens/s", "against the peer", "noise"], rows)


def generation(found: dict[str, Any]) -> str:
    """Generation beside ONNX Runtime."""
    rows = [
        [f"2 × {row['size']}, {row['case']}", str(row["threads"]), str(row["turns"]),
         f"{row['tokens_per_second']:,.0f}",
         *(times(ratio) for ratio in row["against"].values()),
         *(f"{ratio['median']:.2f}×" for ratio in row["processor"].values())]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["case", "threads", "turns", "tokens/s", "against its float32", "against its int8",
              "processor time: float32", "int8"]  # fmt: skip
    return markdown(header, rows)


def nll(found: dict[str, Any]) -> str:
    """The NLL of many positions beside torch's."""
    rows = [
        [row["case"], f"{row['words']:,} × {row['dimensions']}", str(row["threads"]), str(row["turns"]),
         f"{row['tokens_per_second']:,.0f}", times(row["against_torch"])]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["case", "decoder", "threads", "turns", "tokens/s", "against torch's"]
    return markdown(header, rows)


def memory(found: dict[str, Any]) -> str:
    """Peak memory of training steps."""
    rows = [
        [f"V = {int(size):,}", case, f"{value:,.0f}", f"1/{cases['full logits'] / value:.1f}"]
        for size, cases in found["sizes"].items()
        for case, value in cases.items()
    ]
    return markdown(["vocabulary", "softmax", "MB", "of full logits"], rows)


def ngram(found: dict[str, Any]) -> str:
    """The n-gram model by its order, and its longest order as an ARPA file."""
    exchange = found["exchange"]
    arpa = (
        f"The model of the highest order as ARPA: {exchange['arpa_megabytes']:.0f} MB, written in "
        f"{exchange['arpa_write_seconds']:.1f} s, read in {exchange['arpa_read_seconds']:.1f} s."
    )
    if "kenlm_test_perplexity" in exchange:
        arpa += (
            f" The KenLM library reads it in {exchange['kenlm_load_seconds']:.2f} s, scores test in "
            f"{exchange['kenlm_score_test_seconds']:.2f} s and gives it the perplexity "
            f"{exchange['kenlm_test_perplexity']:.2f}."
        )
    return f"{ngram_table(found['orders'])}\n\n{arpa}"


def ngram_table(orders: list[dict[str, Any]]) -> str:
    """Perplexities and seconds by order, KenLM's figures in parentheses where there are some."""
    rows = [
        [str(row["order"]), _beside_kenlm(row, "valid", 2), _beside_kenlm(row, "test", 2),
         _beside_kenlm(row, "train_seconds", 1), f"{row['score_test_seconds']:.2f}",
         f"{row['step_milliseconds']:.2f}", f"{row['ngrams']:,}"]
        for row in orders
    ]  # fmt: skip
    header = ["order", "valid (KenLM)", "test (KenLM)", "train, s (KenLM)", "score test, s", "step, ms", "n-grams"]
    return markdown(header, rows)


def _beside_kenlm(row: dict[str, Any], name: str, digits: int) -> str:
    theirs = f" ({row['kenlm'][name]:.{digits}f})" if row["kenlm"] else ""
    return f"{row[name]:.2f}{theirs}"


def corpus_memory(found: dict[str, Any]) -> str:
    """Seconds and peaks of memory by size of the corpus."""
    rows = []
    for tokens, row in found["sizes"].items():
        for job in ("tokenize", "train", "evaluate"):
            figures = [row[job][name] for name in ("seconds", "private_mb", "resident_mb", "workers_private_mb")]
            rows.append([f"{int(tokens):,}", job, *(f"{figure:,.0f}" for figure in figures)])
    return markdown(["tokens", "job", "s", "private, MB", "resident, MB", "workers, private, MB"], rows)


KINDS = ("independent", "topics", "neighbors")
"""How sentences hang together in the simulations of tests."""


def false_positives(found: dict[str, Any]) -> str:
    """Tests that find a difference between equally good models, by length of the text; then how it was made."""
    by_length: dict[int, dict[str, dict[str, Any]]] = {}
    for row in found["tests"]:
        by_length.setdefault(row["sentences"], {})[row["kind"]] = row
    rows = []
    for sentences, kinds in by_length.items():
        shares = [_shares(kinds[kind]) for kind in KINDS]
        topics = kinds["topics"]
        before = f"{topics['before_at_5']:.1%} / {topics['before_at_1']:.1%}"
        rows.append([f"{sentences:,}", str(topics["units"]), *shares, before])
    header = [
        "sentences",
        "blocks",
        "independent",
        "topics",
        "each like the one before",
        "bootstrap of blocks of 20, topics",
    ]
    made, trials = found["made"], found["tests"][0]["trials"]
    before_trials = max(row["before_trials"] for row in found["tests"])
    note = (
        f"At 5% / at 1%, {trials:,} simulated texts each (the bootstrap: {before_trials}); "
        f"`benchmarks/coverage.py`, {made['date']}, seed {made['seed']}, numpy {made['numpy']}."
    )
    return f"{markdown(header, rows)}\n\n{note}"


def against(found: dict[str, Any]) -> str:
    """Speed as a multiple of an earlier commit's."""
    rows = [[case, times(ratio)] for case, ratio in found["ratio"].items()]
    return markdown(["case", f"against commit {found['commit']}"], rows)


def _shares(row: dict[str, Any]) -> str:
    return f"{row['at_5']:.1%} / {row['at_1']:.1%}" if row["tested"] else "not tested"


def coverage(found: dict[str, Any]) -> str:
    """How often the other intervals hold the truth."""
    rows = [
        [row["figure"], "–" if row["coverage"] is None else f"{row['coverage']:.1%}", f"{row['without']:,}",
         f"{row['trials']:,}"]
        for row in found["intervals"]
    ]  # fmt: skip
    return markdown(["figure", "95% intervals that held the truth", "without an interval", "simulated"], rows)


TABLES = {
    "training": ("training", training),
    "phases": ("training", phases),
    "inference": ("inference", inference),
    "generation": ("generation", generation),
    "nll": ("nll", nll),
    "memory": ("memory", memory),
    "ngram": ("ngram", ngram),
    "corpus-memory": ("corpus_memory", corpus_memory),
    "false-positives": ("coverage", false_positives),
    "coverage": ("coverage", coverage),
    "against": ("against", against),
}
"""By marker: the results file, and what makes a table of it."""


def main() -> None:
    """Rewrite the pages; a table whose benchmark was not run stays as it is."""
    for path in PAGES:
        _rewrite(path)


def _rewrite(page_path: Path) -> None:
    page = page_path.read_text(encoding="utf-8")
    for marker, (name, table) in TABLES.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            found = read_json(path)
            text = table(found)
            if "machine" in found["made"]:
                text += f"\n\n{made_by(name, found['made'])}"
            pattern = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
            page = pattern.sub(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", page)
    page_path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
