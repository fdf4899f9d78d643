"""One text under way: what it has still to read, how its words are drawn, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from rnn_lm.config import GenerationConfig
from rnn_lm.evaluation.score import Policy
from rnn_lm.layers.state import State
from rnn_lm.seeding import generator
from rnn_lm.serve.served import ServedModel
from rnn_lm.serve.writing import Piece, Token, Writer


@dataclass(frozen=True)
class Sampling:
    """How a choice is drawn.

    Attributes:
        length: tokens to draw at most; 0: none.
        config: temperature and the like, as ``rnn-lm generate`` has them.
        seed: the same gives the same words, whoever else is there.
        index: of the choice among those for one prompt: each has a random stream of its own.
        sentences: end after this many.
        top: how many of the most probable tokens to name with each; None: no log-probabilities are wanted.
        echo: whether the prompt's tokens are given with their log-probabilities, too.
        policy: "sentence": at each ``<eos>`` the state begins anew, as ``evaluate``'s sentence policy has it.
    """

    length: int = 16
    config: GenerationConfig = field(default_factory=GenerationConfig)
    seed: int = 1
    index: int = 0
    sentences: int | None = None
    top: int | None = None
    echo: bool = False
    policy: Policy = "stream"

    @property
    def generator(self) -> torch.Generator:
        """The random stream that words are drawn with."""
        return generator(self.seed, "sampling" if self.index == 0 else f"sampling {self.index}")


@dataclass
class Outcome:
    """How a job ended.

    Attributes:
        state: after all but the last token that was given or drawn.
        drawn: the ids that were drawn.
        failure: what went wrong; None where nothing did.
    """

    state: State | None = None
    drawn: list[int] = field(default_factory=list)
    failure: str | None = None


class Job:
    """A text that is read, and then gone on with.

    Args:
        model: that reads it.
        ids: what is read, the first of them in ``state``; not empty. With ``length`` 0 the last is not read, unless
            the log-probabilities of what is given ask for it.
        state: before the first; None: nothing read yet.
        sampling: how words are drawn.
        writer: makes text of them; None where none are drawn.
        tell: is called in the engine's thread with each piece, and at the end with the outcome.
        echo: the prompt, told before anything else; its tokens' log-probabilities are filled in as they become known.
    """

    def __init__(
        self,
        model: ServedModel,
        ids: list[int],
        state: State | None,
        sampling: Sampling,
        writer: Writer | None,
        tell: Callable[[Job, Piece | Outcome], None],
        echo: Piece | None = None,
    ) -> None:
        self.model, self.ids, self.state, self.sampling = model, ids, state, sampling
        self.writer, self.tell, self.echo = writer, tell, echo
        self.position = 0
        self.random = sampling.generator if sampling.length else None
        self.outcome = Outcome()
        self.sentences = 0
        self.cancelled = self.finished = self.begun = False

    @property
    def unread(self) -> int:
        """Ids given that are not the last, and not read yet."""
        return max(0, len(self.ids) - 1 - self.position)

    @property
    def scores_prompt(self) -> bool:
        """Whether each token given must be read for its log-probabilities."""
        return self.echo is not None and self.sampling.top is not None

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do: all but the last is read, and no word wanted."""
        return self.unread == 0 and len(self.outcome.drawn) >= self.sampling.length

    @property
    def next_id(self) -> int:
        """The token that it reads next."""
        return self.outcome.drawn[-1] if self.outcome.drawn else self.ids[self.position]

    def read(self, log_prob_v: torch.Tensor, drawn: int | None) -> None:
        """Take what came of reading ``next_id``.

        Args:
            log_prob_v: of the next token.
            drawn: the word that was drawn, where one was wanted (``wants_word``).
        """
        if not self.wants_word:
            if self.scores_prompt:
                self._score(self.ids[self.position + 1], log_prob_v)
            self.position += 1
            return
        assert drawn is not None
        assert self.writer is not None
        token = Token(drawn, 0)
        if self.sampling.top is not None:
            self._note(token, log_prob_v)
        if not self.begun:
            self._tell_prompt()
        self.outcome.drawn.append(drawn)
        self.sentences += drawn == self.model.eos_id
        piece = self.writer.add(token)
        if piece is None or piece.finish is None:
            ended = self.sentences == self.sampling.sentences
            if ended or len(self.outcome.drawn) == self.sampling.length:
                last = self.writer.end("stop" if ended else "length")
                piece = (
                    last if piece is None else Piece(piece.text + last.text, piece.tokens + last.tokens, last.finish)
                )
        if piece is not None:
            self.tell(self, piece)
            self.finished = piece.finish is not None

    @property
    def wants_word(self) -> bool:
        """Whether the next step is to give a word."""
        return self.unread == 0

    def _tell_prompt(self) -> None:
        self.begun = True
        if self.echo is not None:
            self.tell(self, self.echo)

    def _score(self, index: int, log_prob_v: torch.Tensor) -> None:
        """The token behind the one that was read, among those of the prompt."""
        assert self.echo is not None
        tokens = self.echo.tokens  # without the <eos> that is read before them, unless it was given
        token = tokens[self.position + 1 - (len(self.ids) - len(tokens))]
        assert token.id == index
        self._note(token, log_prob_v)

    def _note(self, token: Token, log_prob_v: torch.Tensor) -> None:
        token.log_prob = float(log_prob_v[token.id])
        top = self.sampling.top or 0
        if top == 1:
            best = int(log_prob_v.argmax())
            token.top = [(best, float(log_prob_v[best]))]
        else:
            values, ids = log_prob_v.topk(min(top, len(log_prob_v)))
            token.top = list(zip(ids.tolist(), values.tolist(), strict=True))

    def end(self, failure: str | None = None) -> None:
        """Say that it is over."""
        if failure is None and not self.begun and self.sampling.length == 0:
            self._tell_prompt()
        self.outcome.state, self.outcome.failure = self.state, failure
        self.tell(self, self.outcome)
