"""The generated language is grammatical, with exactly the distance and the attractors that were asked for."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.padding import IGNORE
from rnn_lm.probes.agreement import CLASSES, TOKENS, AgreementLanguage
from rnn_lm.probes.layout import PIECES

LANGUAGE = AgreementLanguage(64)
NUMBER = {form: number for name in ("noun", "verb") for forms in CLASSES[name] for number, form in enumerate(forms)}
CLASS = {form: name for name, words in CLASSES.items() for forms in words for form in forms}


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def words(ids: list[int]) -> list[str]:
    return [TOKENS[index] for index in ids if index != IGNORE]


def agreement_faults(sentence: list[str]) -> list[str]:
    """Verbs that disagree with the noun they belong to, found by reading the sentence from left to right."""
    faults, subject, open_relative, latest = [], None, False, None
    for word in sentence:
        if CLASS[word] == "noun":
            subject, latest = subject or word, word
        elif word == "that":
            open_relative = True
        elif CLASS[word] == "verb":
            noun = latest if open_relative else subject
            if noun is None or NUMBER[noun] != NUMBER[word]:
                faults.append(word)
            open_relative = False
    return faults


@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=10)
def test_every_verb_agrees_and_every_sentence_has_one_main_verb_at_the_asked_distance(seed: int) -> None:
    distances_s = torch.randint(0, 40, (50,), generator=random(seed))
    sentences = LANGUAGE.sentences(distances_s, random(seed))
    for row, distance in zip(sentences.ids_sn.tolist(), distances_s.tolist(), strict=True):
        sentence = words(row)
        assert sentence[-1] == "<eos>"
        assert agreement_faults(sentence) == []
        subject = next(i for i, word in enumerate(sentence) if CLASS[word] == "noun")
        assert CLASS[sentence[subject + distance + 1]] == "verb"


def test_the_distance_suite_has_the_asked_distances_and_two_forms_of_one_verb() -> None:
    suite = LANGUAGE.distance_suite((0, 1, 2, 5, 64), 20, random(1))
    assert [len(items) for items in suite.groups("distance").values()] == [20] * 5
    pairs = set(CLASSES["verb"]) | {forms[::-1] for forms in CLASSES["verb"]}
    for prefix, (right, wrong), distance in zip(
        suite.prefixes, suite.choices_nc.tolist(), suite.factors["distance"], strict=True
    ):
        sentence = words(list(prefix))
        subject = next(i for i, word in enumerate(sentence) if CLASS[word] == "noun")
        assert len(sentence) - subject - 1 == distance
        assert (TOKENS[right], TOKENS[wrong]) in pairs
        assert agreement_faults([*sentence, TOKENS[right]]) == []
        assert agreement_faults([*sentence, TOKENS[wrong]]) == [TOKENS[wrong]]


def test_always_preferring_one_number_is_exactly_at_chance() -> None:
    suite = LANGUAGE.distance_suite((0, 8), 20, random(1))
    for items in suite.groups("distance").values():
        right = [TOKENS[index] for index in suite.choices_nc[items, 0].tolist()]
        assert sum(NUMBER[word] for word in right) == 10


def test_attractors_are_counted_and_are_all_the_nouns_there_are() -> None:
    suite = LANGUAGE.attractor_suite((4, 16, 32), (0, 1, 4), 6, random(2))
    assert (4, 4) not in suite.groups("distance", "attractors")
    for prefix, attractors, nouns in zip(
        suite.prefixes, suite.factors["attractors"], suite.factors["nouns"], strict=True
    ):
        numbers = [NUMBER[word] for word in words(list(prefix)) if CLASS[word] == "noun"]
        assert sum(number != numbers[0] for number in numbers[1:]) == attractors == nouns == len(numbers) - 1


def test_material_says_nothing_about_the_subject() -> None:
    """Among the nouns in between, as many disagree with the subject as agree: 0.5 within four standard errors."""
    suite = LANGUAGE.distance_suite((32,), 2000, random(3))
    nouns, attractors = (sum(int(n) for n in suite.factors[name]) for name in ("nouns", "attractors"))
    assert abs(attractors / nouns - 0.5) < 4 * 0.5 / nouns**0.5


def test_pieces_are_drawn_with_their_weights() -> None:
    """At distance 2 there are two ways: two adverbs (weight 0.4 squared) and "with milk" (weight 1)."""
    sentences = LANGUAGE.sentences(torch.full((4000,), 2), random(4))
    after = [words(row) for row in sentences.ids_sn.tolist()]
    adverbs = sum("adverb" in (CLASS[s[2]], CLASS[s[3]]) and CLASS[s[-2]] != "mass" for s in after if len(s) > 4)
    with_mass = sum(any(CLASS[word] == "mass" for word in s) for s in after)
    assert with_mass / len(after) == pytest.approx(1 / 1.16, abs=0.03)
    assert adverbs > 0


def test_words_follow_zipfs_law() -> None:
    sentences = LANGUAGE.sentences(torch.full((8000,), 0), random(5))
    subjects = [word for row in sentences.ids_sn.tolist() for word in words(row) if CLASS[word] == "noun"]
    share = [sum(word in forms for word in subjects) / len(subjects) for forms in CLASSES["noun"]]
    harmonic = sum(1 / rank for rank in range(1, len(share) + 1))
    assert share == pytest.approx([1 / rank / harmonic for rank in range(1, len(share) + 1)], abs=0.02)


def test_the_same_seed_gives_the_same_sentences() -> None:
    distances_s = torch.arange(20)
    one, other = (LANGUAGE.sentences(distances_s, random(7)).ids_sn for _ in range(2))
    assert torch.equal(one, other)


def test_examples_of_the_pieces_are_of_their_classes() -> None:
    for piece in PIECES:
        assert tuple(CLASS[word] for word in piece.example.split()) == piece.slots
