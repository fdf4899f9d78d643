"""Results files and journals of sweeps changed at random are read, or refused with one line; nothing hangs."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from fuzz.harness import fuzz, mutated_bytes, mutated_json
from report.conftest import made_up
from rnn_lm.report import html as page_module
from rnn_lm.report.html import report_html
from rnn_lm.report.markdown import results_markdown
from rnn_lm.report.results import read_results
from rnn_lm.report.sections import load_sections, sections_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Generating overly large repr")]


def small(part: str) -> dict[str, Any]:
    """A results file of few numbers with one part, so that many can be tried."""
    results = copy.deepcopy(made_up())
    del results["models"][2:4]
    for model in results["models"]:
        model["curves"] = model["curves"][:1]
        model["gradient_norms"] = model["gradient_norms"][:1]
        for norms in model["gradient_norms"]:
            for name in ("step", "before", "after"):
                norms[name] = norms[name][:20]
            norms["layers"] = {name: values[:20] for name, values in norms["layers"].items()}
    if part == "models":
        return results
    del results["models"][1:]
    parts = Path(__file__).parents[1] / "report" / "parts.json"
    return {**results, part: json.loads(parts.read_text(encoding="utf-8"))[part]}


def _page(path: Path) -> None:
    results = read_results(path)
    results_markdown(results)
    report_html(results, sections_of(results))


@pytest.mark.parametrize("part", ["models", "probes", "gradients", "theory"])
def test_results_without_pictures(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_sections()
    monkeypatch.setattr(page_module, "spec_svg", lambda *_: "<svg></svg>")
    monkeypatch.setattr(page_module, "_vega_libraries", lambda: "")
    fuzz(_page, mutated_json(small(part)), tmp_path / "results.json")


@pytest.mark.parametrize("part", ["models", "probes"])
def test_results_with_pictures(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_sections()
    monkeypatch.setattr("fuzz.harness.SLOWEST", 60)
    results = small(part)
    if part == "probes":
        del results["probes"]["probes"][1:]
    fuzz(_page, mutated_json(results), tmp_path / "results.json")


def test_journal(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    import optuna

    from rnn_lm.sweep.outcomes import outcomes, require_sound
    from rnn_lm.sweep.run import TRIALS
    from rnn_lm.sweep.storage import open_journal

    path = tmp_path / "study.journal"
    study = optuna.create_study(storage=open_journal(path), study_name="sweep")
    for value in (3.0, 2.0):
        trial = study.ask()
        trial.suggest_float("learning-rate", 1e-4, 1e-1, log=True)
        trial.report(value, 500)
        trial.set_user_attr("worker", {"host": "here", "pid": 1})
        study.tell(trial, value)
    study.ask().suggest_float("learning-rate", 1e-4, 1e-1, log=True)

    def read(file: Path) -> None:
        try:
            found = optuna.load_study(study_name="sweep", storage=open_journal(file))
        except KeyError:  # no study of that name, which is what a new one is made for
            return
        require_sound(found, ["learning-rate"])
        outcomes(found)

    assert TRIALS
    fuzz(read, mutated_bytes(path.read_bytes()), path)
