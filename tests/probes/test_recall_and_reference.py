"""What is to be remembered stands where it should, and nothing else gives it away."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.padding import IGNORE
from rnn_lm.probes.recall import RecallLanguage
from rnn_lm.probes.reference import ReferenceLanguage


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(seed=st.integers(0, 1000), symbols=st.integers(2, 20))
@settings(deadline=None, max_examples=10)
def test_recall_repeats_its_symbol_after_the_asked_delay(seed: int, symbols: int) -> None:
    language = RecallLanguage(symbols)
    delays_s = torch.randint(0, 30, (20,), generator=random(seed))
    for row, delay in zip(language.sentences(delays_s, random(seed)).ids_sn.tolist(), delays_s.tolist(), strict=True):
        sentence = [language.tokens[index] for index in row if index != IGNORE]
        symbol, distractors, rest = sentence[0], sentence[1 : delay + 1], sentence[delay + 1 :]
        assert symbol.startswith("s")
        assert all(word.startswith("d") for word in distractors)
        assert rest == ["?", symbol, "<eos>"]


def test_recall_offers_every_symbol_once_and_the_right_one_first() -> None:
    language = RecallLanguage(5)
    suite = language.suite((0, 3), 10, random(1))
    assert suite.chance == 1 / 5
    assert suite.choices_nc.sort(1).values.tolist() == [language.symbol_ids_k.tolist()] * 20
    assert [prefix[0] for prefix in suite.prefixes] == suite.choices_nc[:, 0].tolist()
    assert [len(prefix) for prefix in suite.prefixes] == [2] * 10 + [5] * 10


@given(seed=st.integers(0, 1000), nouns=st.integers(2, 8))
@settings(deadline=None, max_examples=10)
def test_reference_agrees_with_the_one_mention_of_the_noun_that_is_asked_for(seed: int, nouns: int) -> None:
    language = ReferenceLanguage(nouns)
    distances_s = torch.randint(0, 30, (20,), generator=random(seed))
    sentences = language.sentences(distances_s, random(seed))
    for row, distance in zip(sentences.ids_sn.tolist(), distances_s.tolist(), strict=True):
        *mentions, name, verb, end = [language.tokens[index] for index in row if index != IGNORE]
        noun = name.removesuffix("?")
        where = [place for place, mention in enumerate(mentions) if mention in (noun, f"{noun}s")]
        assert end == "<eos>"
        assert [len(mentions) - 1 - distance] == where
        assert verb == ("are" if mentions[where[0]].endswith("s") else "is")


def test_reference_pairs_are_is_and_are_in_turn() -> None:
    language = ReferenceLanguage()
    suite = language.suite((0, 8), 4, random(1))
    right = [language.tokens[index] for index in suite.choices_nc[:, 0].tolist()]
    assert right == ["is", "are"] * 4
    assert all(set(row) == {2, 3} for row in suite.choices_nc.tolist())
    assert suite.factors["distance"] == (0,) * 4 + (8,) * 4
