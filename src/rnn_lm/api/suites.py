"""Suites of minimal pairs put to models from Python."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from markupsafe import Markup

from rnn_lm.errors import SettingError, UserError
from rnn_lm.evaluation.score import Policy
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.report.html import table_html
from rnn_lm.report.suites import suite_lines, suite_tables
from rnn_lm.suites.evaluate import evaluate_suites, open_suites
from rnn_lm.suites.figures import SuitesEvaluated
from rnn_lm.suites.opening import Reading

Suites: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A file, a folder or a zip; or several of them."""


class SuiteEvaluation(SuitesEvaluated):
    """Accuracies on suites of minimal pairs, overall and by group, with intervals over pairs.

    >>> import rnn_lm
    >>> from pathlib import Path
    >>> bytes_written = Path("pairs.tsv").write_text("the cat sees fish .\\tcat the fish sees .\\n" * 20)
    >>> evaluation = rnn_lm.load("runs/kn").evaluate("pairs.tsv")
    >>> found = evaluation["pairs"]["kn"]
    >>> found.accuracy.value, found.overall.covered.count, found["pairs"].all.right
    (1.0, 20, 20)
    >>> sorted(evaluation.to_json())
    ['format', 'suites', 'version']

    Printed, it is what ``rnn-lm evaluate --suite`` prints.
    """

    def __repr__(self) -> str:
        return "\n".join(suite_lines(self))

    def _repr_html_(self) -> str:
        return Markup("\n").join(map(table_html, suite_tables(self)))

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write the page that ``rnn-lm evaluate --suite --report`` writes; raises ``UserError`` where it cannot be."""
        from rnn_lm.report.suites_page import write_suites_page

        write_suites_page(self, Path(path))


def ask(
    models: Sequence[StoredModel],
    suite: Suites,
    progress: Progress,
    reading: Reading | Sequence[Reading] = "sentence",
    policy: Policy | Sequence[Policy] = "sentence",
) -> SuiteEvaluation:
    """Return the figures of models on suites; see ``TextModel.evaluate``."""
    readings = _several(reading, "reading", ("sentence", "word"))
    policies = _several(policy, "policy", ("sentence", "stream"))
    paths = [suite] if isinstance(suite, str | os.PathLike) else list(suite)
    if not paths:
        raise UserError("there is no suite; give at least one file, folder or zip")
    suites = open_suites([Path(path) for path in paths], progress, readings, policies)
    return SuiteEvaluation(evaluate_suites(models, suites, progress).suites)


def _several(given: Any, name: str, known: tuple[str, ...]) -> list[Any]:
    """One of ``known``, or several, as a list; raises ``SettingError`` where it is anything else."""
    found = [given] if isinstance(given, str) else list(given)
    if not found or any(one not in known for one in found):
        raise SettingError(f"{name} must be {known[0]!r} or {known[1]!r}, or both in a list, not {given!r}")
    return found
