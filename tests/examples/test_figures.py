"""The page of the examples' figures is filled from the files that they write."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from by_path import ROOT, module_at

sys.path.insert(0, str(ROOT / "docs"))  # where it finds what fills pages
update_examples = module_at("docs/update_examples.py")
PAGE = "<!-- tags -->\n<!-- /tags -->\n<!-- translation -->\n<!-- /translation -->\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "examples.md"
    path.write_text(PAGE)
    return path


def fill(monkeypatch: pytest.MonkeyPatch, page: Path, flag: str, runs: list[dict]) -> str:
    files = []
    for number, run in enumerate(runs):
        files.append(page.parent / f"{number}.json")
        files[-1].write_text(json.dumps(run))
    monkeypatch.setattr("sys.argv", ["update_examples.py", "--page", str(page), flag, *map(str, files)])
    update_examples.main()
    return page.read_text()


def test_tagging_has_a_mean_and_students_interval_over_three_seeds(monkeypatch, page: Path) -> None:
    runs = [{"cell": "lstm", "seed": s, "valid": 94, "test": t, "seconds": 60} for s, t in enumerate((95, 96, 97))]
    runs.append({"cell": "rnn", "seed": 1, "valid": 90, "test": 91.0, "seconds": 120})
    text = fill(monkeypatch, page, "--tags", runs)
    # 4.303 standard errors at two degrees of freedom.
    assert "| LSTM | 96.00 ± 2.48 | 95.00, 96.00, 97.00 | 94.00 | 1 |" in text
    assert "| RNN | 91.00 (1 seed) | 91.00 | 90.00 | 2 |" in text


def test_what_attention_adds_is_taken_seed_by_seed(monkeypatch, page: Path) -> None:
    runs = [
        {"attention": attention, "seed": seed, "test": {"all": bleu, "9 to 12": bleu}, "seconds": 60}
        for attention, figures in ((False, (20, 22, 24)), (True, (31, 32, 33)))
        for seed, bleu in enumerate(figures)
    ]
    text = fill(monkeypatch, page, "--translation", runs)
    assert "| all | 22.0 ± 5.0 | 32.0 ± 2.5 | 10.0 ± 2.5 |" in text
    assert "without 20.0, 22.0, 24.0; with 31.0, 32.0, 33.0" in text


def test_a_page_without_a_place_for_them_is_named(monkeypatch, page: Path) -> None:
    with pytest.raises(SystemExit, match="chunks"):
        fill(monkeypatch, page, "--chunks", [{"cell": "lstm", "seed": 1, "valid": 1, "test": 1, "seconds": 1}])
