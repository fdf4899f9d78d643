"""Comparisons from Python: the models, their figures, the claims and the page of one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from rnn_lm.api.errors import settings_named
from rnn_lm.api.loading import load
from rnn_lm.api.model import TextModel
from rnn_lm.api.progress import progress_for
from rnn_lm.api.settings import options_from
from rnn_lm.api.tables import Rows
from rnn_lm.api.training import Corpus, given_by
from rnn_lm.commands import compare as compare_command
from rnn_lm.errors import MissingFileError, SettingError, UserError
from rnn_lm.evaluation.perplexity import Policy
from rnn_lm.experiments.comparison import RESULTS, check_compare, run_comparison
from rnn_lm.experiments.members import member_folder
from rnn_lm.progress import Progress
from rnn_lm.report.html import table_html, write_report
from rnn_lm.report.results import Results, read_results
from rnn_lm.report.tables import Table, claims_tables, perplexity_table, policies
from rnn_lm.report.terminal import tables_text
from rnn_lm.runtime import start_runtime
from rnn_lm.settings.keeping import keep_settings


class ClaimRow(NamedTuple):
    """One expectation, tested.

    >>> import rnn_lm
    >>> claims = rnn_lm.open_comparison("runs/both").claims
    >>> sorted({row.policy for row in claims})
    ['sentence', 'stream']

    Attributes:
        statement: what is claimed.
        policy: the context policy under which it was tested.
        verdict: "supported", "not supported", "undecided" or "not tested".
        effect: above zero it speaks for the claim; None where it could not be measured.
        low, high: its 95 % interval; None where there is none.
        p_value: two-sided, against no effect; None where there is none.
        unit: of the effect.
    """

    statement: str
    policy: str
    verdict: str
    effect: float | None
    low: float | None
    high: float | None
    p_value: float | None
    unit: str


class Tables:
    """Tables that print as text, and show as tables in a notebook.

    >>> import rnn_lm
    >>> tables = rnn_lm.open_comparison("runs/both").table()
    >>> "Test perplexity" in str(tables).replace("\\n", " ") or "perplexity" in str(tables)
    True
    """

    def __init__(self, tables: list[Table]) -> None:
        self.tables = tables

    def __repr__(self) -> str:
        return tables_text(self.tables)

    def _repr_html_(self) -> str:
        return Markup("\n").join(map(table_html, self.tables))


class Models(Mapping[str, TextModel]):
    """The models of a comparison by name, each read when it is asked for; of several seeds the first.

    >>> import rnn_lm
    >>> models = rnn_lm.open_comparison("runs/both").models
    >>> list(models), models["rnn"].name
    (['ngram', 'rnn'], 'rnn-seed1')
    """

    def __init__(self, results: Results, folder: Path, progress: Progress) -> None:
        self._seeds = {model["name"]: model["seeds"] for model in results["models"]}
        self._folder, self._progress = folder, progress
        self._loaded: dict[Path, TextModel] = {}

    def __getitem__(self, name: str) -> TextModel:
        """Return the first seed of the model called ``name``; raises ``KeyError`` where there is none."""
        return self.load(name)

    def load(self, name: str, *, seed: int | None = None, policy: Policy = "sentence") -> TextModel:
        """Return one of the models.

        Args:
            name: of the model.
            seed: of its training; default: the first.
            policy: the one that an n-gram is to be scored under, for which it was trained.

        Raises:
            KeyError: there is no such model, or no such seed of it.
        """
        seed = self._seeds[name][0] if seed is None else seed
        if seed not in self._seeds[name]:
            raise KeyError(f"{name} was trained with the seeds {', '.join(map(str, self._seeds[name]))}, not {seed}")
        folder = member_folder(self._folder, name, seed=seed, policy=policy)
        if folder not in self._loaded:
            self._loaded[folder] = load(folder, progress=self._progress)
        return self._loaded[folder]

    def __iter__(self) -> Iterator[str]:
        return iter(self._seeds)

    def __len__(self) -> int:
        return len(self._seeds)

    def __repr__(self) -> str:
        return f"Models({', '.join(self)})"


class Comparison:
    """What ``compare`` found, and where it is.

    >>> import rnn_lm
    >>> comparison = rnn_lm.open_comparison("runs/both")
    >>> comparison
    Comparison('runs/both': ngram, rnn on my.txt)
    >>> [model["name"] for model in comparison.results["models"]]
    ['ngram', 'rnn']
    >>> comparison.claims[0].statement
    'RNN < n-gram in perplexity'

    Attributes:
        folder: of the comparison; report.html and results.json are in it.
        results: all that was found, as results.json holds it; its type says what that is.
    """

    def __init__(self, results: Results, folder: Path, progress: bool | Progress = True) -> None:
        self.results, self.folder = results, folder
        self._models = Models(results, folder, progress_for(progress))

    @property
    def models(self) -> Models:
        """The trained models by name, read when they are asked for."""
        return self._models

    @property
    def claims(self) -> Rows[ClaimRow]:
        """The expected results, each tested."""
        rows = [
            ClaimRow(
                claim["statement"], claim["policy"], claim["verdict"], claim["effect"], claim["low"], claim["high"],
                claim["p_value"], claim["unit"],
            )
            for claim in self.results["claims"]
        ]  # fmt: skip
        return Rows(ClaimRow, rows)

    def table(self, policy: Policy | None = None) -> Tables:
        """Return the perplexities, a table for each context policy, or for ``policy`` alone.

        Raises:
            SettingError: no model was scored under ``policy``.
        """
        scored = policies(self.results)
        if policy is not None and policy not in scored:
            raise SettingError(f"policy must be {' or '.join(map(repr, scored))}, not {policy!r}")
        chosen: list[Policy] = [*scored] if policy is None else [policy]
        return Tables([perplexity_table(self.results, one) for one in chosen])

    def claims_table(self) -> Tables:
        """Return the claims, as the report shows them."""
        return Tables(claims_tables(self.results))

    @settings_named()
    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the report, one page that needs nothing else, to ``path``; returns it.

        Raises:
            UserError: it cannot be written.
        """
        write_report(self.results, Path(path))
        return Path(path)

    def __repr__(self) -> str:
        return f"Comparison({str(self.folder)!r}: {', '.join(self.models)} on {self.results['corpus']['name']})"

    def _repr_html_(self) -> str:
        return Markup("<p>{}</p>{}{}").format(
            repr(self), Markup(self.table()._repr_html_()), Markup(self.claims_table()._repr_html_())
        )


@settings_named()
def compare(
    corpus: Corpus | None = None,
    *,
    models: str | list[str] | tuple[str, ...] | None = None,
    parts: str | list[str] | tuple[str, ...] | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    config: str | os.PathLike[str] | None = None,
    progress: bool | Progress = True,
    **settings: Any,
) -> Comparison:
    """Compare models on one corpus, at matched parameter counts, with intervals and tests; returns what was found.

    >>> import rnn_lm
    >>> settings = {"hidden_size": 8, "embedding": "random", "embedding_size": 8, "budget": "4steps", "length": 5}
    >>> found = rnn_lm.compare("my.txt", models=["ngram", "gru"], **settings, out="runs/found", progress=False)
    >>> found
    Comparison('runs/found': ngram, gru on my.txt)
    >>> found.models["gru"].name
    'gru-seed1'

    Args:
        corpus: see ``train``.
        models: names: "ngram", a cell, "attention", or what other packages offer; default: those of the command.
        parts: what to add about the models: "probes", "gradients", "theory"; default: nothing.
        out: folder for everything: report.html, results.json and a folder per model; default: runs/compare.
        resume: go on with the comparison in ``out`` (or start it, if there is none).
        config, progress: see ``train``.
        settings: the other flags of ``rnn-lm compare`` with ``_`` for ``-``: ``seeds``, ``workers``, and all of
            ``train``. With several workers a script needs ``if __name__ == "__main__":`` around the call, and what it
            has registered itself they do not find: that is then an entry point of a package.

    Raises:
        SettingError, MissingFileError, UserError, KeyboardInterrupt: see ``train``.
    """
    chosen = {"models": models, "parts": () if parts is None and config is None else parts}
    named = {name: value for name, value in chosen.items() if value is not None}
    given = given_by(corpus, out, resume, {**named, **settings})
    options = options_from(compare_command.Options, given, config)
    told, comparison = progress_for(progress), compare_command.settings_of(options)
    check_compare(comparison, options.out, resume=options.resume, workers=options.workers)
    runtime = start_runtime(options.runtime)
    begun = partial(keep_settings, options.out, options)
    call = f"rnn_lm.compare({', '.join(f'{name}={value!r}' for name, value in given.items())})"
    results = run_comparison(
        comparison, options.out, told, runtime, begun=begun, resume=options.resume, workers=options.workers, call=call
    )
    return Comparison(results, options.out, told)


@settings_named()
def open_comparison(folder: str | os.PathLike[str], *, progress: bool | Progress = True) -> Comparison:
    """Return what a comparison found that ``compare`` or the command left in ``folder``.

    >>> import rnn_lm
    >>> list(rnn_lm.open_comparison("runs/both").models)
    ['ngram', 'rnn']

    Raises:
        MissingFileError: there is no such folder.
        UserError: it holds no comparison that is finished.
    """
    where = Path(folder)
    if not where.exists():
        raise MissingFileError(f"{where}: there is no such folder; check the path")
    if not (where / RESULTS).exists():
        raise UserError(f"{where}: holds no finished comparison ({RESULTS} is missing)")
    return Comparison(read_results(where / RESULTS), where, progress)
