"""What is covered, what is no answer, and what must not change an answer."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest

from rnn_lm.errors import UserError
from rnn_lm.suites import Completion, Pair, Suite
from rnn_lm.suites.evaluate import figures_of
from rnn_lm.suites.scoring import answer

KNOWN = "The dog barks . bark dogs cat near sees"


def pair(good, bad, **more):
    return Pair(paradigm="p", item="1", where="here", good=good, bad=bad, **more)


def suite_of(*questions):
    return Suite("made", "pairs", "made.tsv", tuple(questions))


@pytest.mark.parametrize(
    ("question", "covered", "answered"),
    [
        (pair("The dog barks.", "The dog bark."), True, True),
        (pair("The zebra barks.", "The zebra bark."), True, True),  # not one of the words in which they differ
        (pair("The zebra barks.", "The dog barks."), False, True),
        (pair("The zebra.", "The gnu."), False, False),  # <unk> makes them equal
        (pair("The dog zebra.", "zebra dog the."), False, True),
        (pair("The dog.", "the dog ."), False, False),  # equal to begin with
        (Completion(paradigm="p", item="1", where="here", beginning="the zebra", good="barks", bad="bark"), True, True),
        (
            Completion(paradigm="p", item="1", where="here", beginning="the dog", good="barks", bad="zebras"),
            False,
            True,
        ),
        (Completion(paradigm="p", item="1", where="here", beginning="", good="barks", bad="bark"), True, True),
    ],
)
def test_a_pair_is_covered_where_the_model_knows_what_decides(model_of, question, covered, answered):
    known = pair("The dog barks.", "The dog bark.")
    found = answer(model_of(KNOWN), suite_of(known, question))
    assert found.covered_q.tolist() == [True, covered]
    assert (found.right_q[1] >= 0) == answered


def test_no_answer_is_neither_right_nor_wrong(model_of):
    suite = suite_of(pair("The zebra.", "The gnu."), pair("The dog barks.", "The dog bark."))
    figures = figures_of(suite, ["small"], [answer(model_of(KNOWN), suite)])["small"]
    assert (figures.overall.all.count, figures.overall.all.unanswered) == (2, 1)
    assert figures.accuracy.value in (0.0, 1.0)
    assert figures.overall.covered.count == 1


def test_a_suite_of_which_nothing_is_covered_is_refused(model_of):
    with pytest.raises(UserError, match=r"made.tsv: small knows the deciding words of none of its 1 items; give"):
        answer(model_of(KNOWN), suite_of(pair("The zebra.", "The gnu.")))


def test_a_text_with_eos_in_it_is_refused(model_of):
    with pytest.raises(UserError, match="here: holds <eos>"):
        answer(model_of(KNOWN, tokens="whitespace"), suite_of(pair("The dog <eos>", "dog", raw=False)))


@pytest.mark.parametrize("single", [True, False])
def test_order_and_batch_size_change_nothing(model_of, single):
    drawn = random.Random(3)
    words = KNOWN.split()
    texts = [" ".join(drawn.choices(words, k=drawn.randint(1, 12))) for _ in range(120)]
    questions = [pair(good, bad) for good, bad in zip(texts[::2], texts[1::2], strict=True)]
    model = model_of(KNOWN)
    model.model.float() if single else model.model.double()
    usual = answer(model, suite_of(*questions))
    order = drawn.sample(range(len(questions)), len(questions))
    for batch_tokens in (1, 17, 100_000):
        found = answer(model, suite_of(*(questions[index] for index in order)), batch_tokens=batch_tokens)
        # In single precision a sum of 30 nats has a last digit of 2e-6.
        assert np.allclose(found.good_q, usual.good_q[order], atol=5e-6 if single else 1e-9, rtol=1e-6 if single else 0)
        assert (found.right_q == usual.right_q[order]).all()


def test_each_distinct_text_is_scored_once(model_of, monkeypatch):
    model, rows = model_of(KNOWN), []
    score = model.model.score
    monkeypatch.setattr(model.model, "score", lambda *given: rows.append(given[1].shape[1]) or score(*given))
    answer(model, suite_of(*[pair("The dog barks.", "The dog bark.")] * 40, pair("the dog barks .", "The cat.")))
    assert sum(rows) == 3


def test_text_as_people_write_it_is_cut_for_a_model_of_white_space(model_of):
    model = model_of("the dog barks . bark", tokens="whitespace", lowercase=False)
    written = pair("The dog barks.", "The dog bark.")
    cut = pair("the dog barks .", "the dog bark .", raw=False)
    found = answer(model, suite_of(written, cut))
    assert found.good_q[0] == found.good_q[1]
    assert found.covered_q.all()
    capitals = model_of("The dog barks . bark Dog", tokens="whitespace", lowercase=False)
    assert not np.isclose(*answer(capitals, suite_of(written, dataclasses.replace(cut, raw=True))).good_q)


def test_a_model_of_characters_covers_everything(model_of):
    model = model_of("The dog barks. zebrgnu", tokens="characters")
    found = answer(model, suite_of(pair("The zebra.", "The gnu.")))
    assert found.covered_q.all()
