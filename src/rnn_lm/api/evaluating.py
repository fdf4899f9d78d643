"""Several models on one text, each beside the first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias, overload

from markupsafe import Markup

from rnn_lm.api.errors import settings_named
from rnn_lm.api.loading import load
from rnn_lm.api.model import TextModel
from rnn_lm.api.progress import progress_for
from rnn_lm.api.suites import SuiteEvaluation, Suites, ask
from rnn_lm.api.text import Text, split_of
from rnn_lm.errors import UserError
from rnn_lm.evaluation.figures import Evaluated
from rnn_lm.evaluation.score import Policy
from rnn_lm.experiments.evaluate import evaluate_models, require_one_text, splits_for
from rnn_lm.progress import Progress
from rnn_lm.report.evaluation import evaluation_lines, evaluation_tables
from rnn_lm.report.html import table_html
from rnn_lm.suites.opening import Reading

ModelLike: TypeAlias = TextModel | str | os.PathLike[str]


class Evaluation(Evaluated):
    """Figures of several models on one text, under both context policies, with paired differences.

    >>> import rnn_lm
    >>> evaluation = rnn_lm.evaluate(["runs/tiny", "runs/kn"], progress=False)
    >>> figures = evaluation["sentence"]["kn"]
    >>> figures.difference.baseline, figures.difference.value.value < 1
    ('tiny', True)
    >>> sorted(evaluation.to_json())
    ['format', 'notes', 'policies', 'version']

    Printed, it is what ``rnn-lm evaluate`` prints.
    """

    def __repr__(self) -> str:
        return "\n".join(evaluation_lines(self))

    def _repr_html_(self) -> str:
        return Markup("\n").join(map(table_html, evaluation_tables(self)))


@overload
def evaluate(
    models: ModelLike | Sequence[ModelLike],
    *,
    text: Text | None = None,
    split: Literal["valid", "test"] = "test",
    encoding: str | None = None,
    suite: None = None,
    progress: bool | Progress = True,
) -> Evaluation: ...


@overload
def evaluate(
    models: ModelLike | Sequence[ModelLike],
    *,
    suite: Suites,
    reading: Reading | Sequence[Reading] = "sentence",
    policy: Policy | Sequence[Policy] = "sentence",
    progress: bool | Progress = True,
) -> SuiteEvaluation: ...


@settings_named()
def evaluate(
    models: ModelLike | Sequence[ModelLike],
    *,
    text: Text | None = None,
    split: Literal["valid", "test"] = "test",
    encoding: str | None = None,
    suite: Suites | None = None,
    reading: Reading | Sequence[Reading] = "sentence",
    policy: Policy | Sequence[Policy] = "sentence",
    progress: bool | Progress = True,
) -> Evaluation | SuiteEvaluation:
    """Return the perplexity of one or several models under both context policies, each compared with the first; or
    with ``suite`` their accuracy on minimal pairs.

    >>> import rnn_lm
    >>> evaluation = rnn_lm.evaluate("runs/tiny", text="the cat sees fish .", progress=False)
    >>> evaluation["stream"]["tiny"].perplexity.token_count
    6

    Args:
        models: folders or ARPA files, or models that were loaded.
        text: to score: see ``TextModel.perplexity``. Default: a split of the models' corpus.
        split: which one, where there is no ``text``.
        encoding: of a file of ``text``; default: UTF-8, or what a byte order mark says.
        suite, reading, policy: minimal pairs to ask instead: see ``TextModel.evaluate``.
        progress: see ``train``.

    Raises:
        MissingFileError: a model or the text is not there.
        UserError: the models' texts differ, so that their perplexities could not be compared; or one cannot be read.
    """
    told = progress_for(progress)
    several = [models] if isinstance(models, TextModel | str | os.PathLike) else list(models)
    if not several:
        raise UserError("evaluate needs at least one model")
    if split not in ("valid", "test"):
        raise UserError(f"split must be 'valid' or 'test', not {split!r}")
    stored = [(one if isinstance(one, TextModel) else load(Path(one), progress=told)).stored for one in several]
    if suite is not None:
        if text is not None or encoding is not None:
            raise UserError("with suite there is no text to score; leave text and encoding out")
        return ask(stored, suite, told, reading, policy)
    if text is None:
        chosen = splits_for(stored, split, None, told)
    else:
        chosen = [split_of(one, text, encoding, told) for one in stored]
        require_one_text(stored, chosen)
    found = evaluate_models(stored, chosen, told)
    return Evaluation(found.policies, found.notes)
