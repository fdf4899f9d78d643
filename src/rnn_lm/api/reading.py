"""Words and their surprisal, and reading times, from Python."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from rnn_lm.api.errors import settings_named
from rnn_lm.api.loading import load
from rnn_lm.api.model import TextModel, require_policy
from rnn_lm.api.progress import progress_for
from rnn_lm.errors import MissingFileError, UserError
from rnn_lm.evaluation.perplexity import Policy
from rnn_lm.progress import Progress
from rnn_lm.reading.study import Study, run_study
from rnn_lm.reading.surprisal import Space
from rnn_lm.report.html import table_html
from rnn_lm.report.reading import power_figure, study_lines, study_table

ModelLike: TypeAlias = TextModel | str | os.PathLike[str]


class ReadingTimes(Study):
    """How well models' surprisals predict reading times, against how well they predict words.

    >>> import rnn_lm
    >>> from pathlib import Path
    >>> words = "the cat sees the fish and a dog hears it .".split()
    >>> rows = [f"{story}\\t{word}\\t{300 + 7 * (5 * i % 11)}" for story in "abcd" for i, word in enumerate(30 * words)]
    >>> size = Path("times.tsv").write_text("story\\tword\\ttime\\n" + "\\n".join(rows))
    >>> study = rnn_lm.reading_times(["runs/kn", "runs/tiny"], "times.tsv", policy="stream", progress=False)
    >>> study.words > 100, [model.name for model in study.models], study.models[1].gain.units
    (True, ['kn', 'tiny'], 4)

    Printed, it is what ``rnn-lm surprisal --reading-times`` prints.
    """

    def __repr__(self) -> str:
        return "\n".join(study_lines(self))

    def _repr_html_(self) -> str:
        return table_html(study_table(self))

    def figure(self) -> Any:
        """Return psychometric power by perplexity as a chart of altair."""
        return power_figure(self)


@settings_named()
def reading_times(
    models: ModelLike | Sequence[ModelLike],
    path: str | os.PathLike[str],
    *,
    policy: Policy = "stream",
    space: Space = "before",
    set_apart: bool = True,
    progress: bool | Progress = True,
) -> ReadingTimes:
    """Return how well surprisal predicts reading times on stories that the regression has not seen.

    >>> import rnn_lm
    >>> from pathlib import Path
    >>> words = "the cat sees the fish and a dog hears it .".split()
    >>> rows = [f"{story}\\t{word}\\t{300 + 7 * (5 * i % 11)}" for story in "abcd" for i, word in enumerate(30 * words)]
    >>> size = Path("times.tsv").write_text("story\\tword\\ttime\\n" + "\\n".join(rows))
    >>> rnn_lm.reading_times("runs/kn", "times.tsv", progress=False).models[0].gain.units
    4

    Args:
        models: folders or ARPA files, or models that were loaded; with different names.
        path: the folder of the Natural Stories Corpus, or a table with the columns story, word and time.
        policy: "stream": each story is read from its beginning; "sentence": each sentence by itself.
        space, set_apart: see ``TextModel.word_surprisal``.
        progress: see ``train``.

    Raises:
        MissingFileError: a model or the times are not there.
        UserError: they cannot be read; or the models know too few of the words.
        SettingError: there is no such policy.
    """
    require_policy(policy)
    told = progress_for(progress)
    several = [models] if isinstance(models, TextModel | str | os.PathLike) else list(models)
    if not several:
        raise UserError("reading_times needs at least one model")
    if not Path(path).exists():
        raise MissingFileError(f"{path}: there is no such file or folder; check the path")
    stored = [(one if isinstance(one, TextModel) else load(Path(one), progress=told)).stored for one in several]
    found = run_study(stored, Path(path), told, policy, space, set_apart)
    return ReadingTimes(found.source, found.policy, found.words, found.left_out, found.baseline, found.models)
