"""Questions of a file that is read as one text: the state is carried from sentence to sentence (policy "stream").

    file       the dog barks <eos>  the cats near it | run  <eos> ...
                                                     | runs           two columns from one state; neither is carried on

The sentence that is carried on is the file's own. So Gulordava et al. (2018) scored their sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.layers.state import State, select
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.padding import IGNORE
from rnn_lm.progress import Progress, SilentProgress
from rnn_lm.suites.base import Question
from rnn_lm.suites.cutting import Cut, Cutter


def carried_scores(
    stored: StoredModel,
    questions: Sequence[Question],
    cuts: Sequence[tuple[Cut, ...]],
    progress: Progress | None = None,
) -> Iterator[list[np.ndarray]]:
    """Return, for each question, its texts' log-probabilities by parts, in nats, after all sentences before it.

    Of several parts the last is scored; the others, and ``<eos>``, are nan: a completion does not ask for them.

    Args:
        stored: the model.
        questions: in the order of the file; each has a ``sentence``.
        cuts: their texts as the model reads them.
        progress: told how many are done.
    """
    model, cutter, eos_id = stored.model, Cutter(stored), stored.vocabulary.eos_id
    state, reporter = model.initial_state(1), (progress or SilentProgress()).task("carried over", float(len(questions)))
    with evaluating(model), torch.inference_mode(), reporter as task:
        for done, (question, texts) in enumerate(zip(questions, cuts, strict=True), start=1):
            yield _last_parts(model, state, texts, eos_id)
            state = _read(model, [eos_id, *cutter.sentence(question)], state)
            if not done % 100:
                task.update(float(done))


def _last_parts(model: LanguageModel, state: State, texts: Sequence[Cut], eos_id: int) -> list[np.ndarray]:
    """Each text read from the same state, side by side, and scored in its last part."""
    rows = max(len(cut.ids) for cut in texts)
    input_tb = torch.full((rows, len(texts)), eos_id)
    target_tb = torch.full((rows, len(texts)), IGNORE)
    for column, cut in enumerate(texts):
        ids_n, last = torch.tensor(cut.ids), cut.span(len(cut.ends) - 1)
        input_tb[1 : len(ids_n), column] = ids_n[:-1]
        target_tb[last.start : last.stop, column] = ids_n[last.start : last.stop]
    columns = select(state, torch.zeros(len(texts), dtype=torch.int64, device=model.device))
    nll_tb, _ = model.score(input_tb.to(model.device), target_tb.to(model.device), columns)
    return [np.array([*[np.nan] * (len(cut.ends) - 1), value, np.nan])
            for cut, value in zip(texts, (-nll_tb.double().sum(0)).tolist(), strict=True)]  # fmt: skip


def _read(model: LanguageModel, ids: Sequence[int], state: State) -> State:
    """The state after some tokens; nothing is predicted."""
    input_tb: Tensor = torch.tensor(ids, device=model.device)[:, None]
    return model.score(input_tb, torch.full_like(input_tb, IGNORE), state)[1]
