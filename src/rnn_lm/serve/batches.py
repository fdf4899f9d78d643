"""Texts side by side in one state: who joins gets a column, who leaves takes it along, at any token."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from rnn_lm.errors import UserError
from rnn_lm.evaluation.drawing import draw, draw_uncut, is_uncut
from rnn_lm.layers.state import State, select
from rnn_lm.serve.jobs import Job
from rnn_lm.serve.served import ServedModel

_DRAWN = 4
"""Rows that are drawn from at once: their numbers, in double precision, stay in the cache."""


class Batch:
    """Some jobs of one model, at most as many as are stepped together, and their states as one.

    Columns behind those of the jobs fill the batch up to a size at which everyone gets the bits that it gets alone.
    """

    def __init__(self, model: ServedModel) -> None:
        self.model = model
        self.jobs: list[Job] = []
        self._state: State | None = None

    @property
    def room(self) -> int:
        """How many more it takes."""
        return self.model.sizes[-1] - len(self.jobs)

    def change(self, joining: Sequence[Job], leaving: Sequence[Job] = ()) -> None:
        """Let jobs join, whose ``state`` goes into a column, and others leave, which get theirs back."""
        gone = {id(job) for job in leaving}
        kept = [column for column, job in enumerate(self.jobs) if id(job) not in gone]
        for column, job in enumerate(self.jobs):
            if id(job) in gone:
                job.state = self._columns([column])
        parts = [self._columns(kept)] if kept else []
        for job in joining:
            parts.append(job.state if job.state is not None else self.model.stepping.initial_state(1))
            job.state = None
        self.jobs = [*(self.jobs[column] for column in kept), *joining]
        if not self.jobs:
            self._state = None
            return
        size = next(size for size in self.model.sizes if size >= len(self.jobs))
        if size > len(self.jobs):
            parts.append(self.model.stepping.initial_state(size - len(self.jobs)))
        self._state = tuple(torch.cat(same, dim=1) for same in zip(*parts, strict=True))

    def _columns(self, columns: list[int]) -> State:
        assert self._state is not None
        return select(self._state, torch.tensor(columns, device=self._state[0].device))

    def step(self) -> None:
        """Read one token of each, and draw a word for those that have read all they were given."""
        assert self._state is not None
        size = self._state[-1].shape[1]
        ids = [job.next_id for job in self.jobs]
        ids += [self.model.eos_id] * (size - len(ids))
        token_b = torch.tensor(ids, device=self.model.stepping.device)
        self._begin_sentences()
        log_prob_bv, self._state = self.model.stepping.step(token_b, self._state)
        log_prob_bv = log_prob_bv.cpu()
        drawn = draw_each(log_prob_bv, self.jobs)
        for row, (job, word) in enumerate(zip(self.jobs, drawn, strict=True)):
            if isinstance(word, UserError):
                job.outcome.failure = str(word)
            else:
                job.read(log_prob_bv[row], word)

    def _begin_sentences(self) -> None:
        """Where each sentence is read by itself, nothing is left of the last one when its ``<eos>`` is read."""
        assert self._state is not None
        eos_id = self.model.eos_id
        fresh = [
            row for row, job in enumerate(self.jobs) if job.sampling.policy == "sentence" and job.next_id == eos_id
        ]
        if not fresh:
            return
        start = self.model.stepping.initial_state(1)
        if len(self.jobs) == 1 and self.model.sizes == (1,):
            self._state = start
            return
        for part, new in zip(self._state, start, strict=True):
            part[:, fresh] = new


def draw_each(log_prob_bv: torch.Tensor, jobs: Sequence[Job]) -> list[int | UserError | None]:
    """Draw a word for each job that wants one, from its own random stream: as ``generation.draw`` does, in one go where
    nothing is cut from the distribution.

    Args:
        log_prob_bv: a row for each job, and perhaps more.
        jobs: whose rows they are.

    Returns:
        The word; None where none was wanted; an error where nothing can be drawn.
    """
    drawn: list[int | UserError | None] = [None] * len(jobs)
    wanting = [row for row, job in enumerate(jobs) if job.wants_word]
    if not wanting:
        return drawn
    log_prob_wv = log_prob_bv[wanting]  # a copy: what is struck out is struck out of the draw alone
    for place, row in enumerate(wanting):
        if not jobs[row].sampling.config.allow_unk:
            log_prob_wv[place, jobs[row].model.unk_id] = -torch.inf
    most_w = log_prob_wv.amax(1)
    plain: list[int] = []
    randoms: dict[int, torch.Generator] = {}
    for place, row in enumerate(wanting):
        config, random = jobs[row].sampling.config, jobs[row].random
        assert random is not None
        randoms[row] = random
        if not most_w[place] > -torch.inf:
            drawn[row] = UserError("the model gives every token that may come next the probability 0; try allow_unk")
        elif is_uncut(config):
            plain.append(place)
        else:
            drawn[row] = draw(log_prob_wv[place], config, random)
    for start in range(0, len(plain), _DRAWN):
        some = plain[start : start + _DRAWN]
        rows = [wanting[place] for place in some]
        temperatures = [jobs[row].sampling.config.temperature for row in rows]
        words = draw_uncut(log_prob_wv[some], temperatures, [randoms[row] for row in rows])
        for row, word in zip(rows, words, strict=True):
            drawn[row] = word
    return drawn
