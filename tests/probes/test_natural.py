"""Pairs made of a corpus' words are grammatical, counted right, and only of words the corpus has."""

from __future__ import annotations

import json

import pytest
import torch

from rnn_lm.config import NgramConfig
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.natural import CONSTRUCTIONS, natural_results, natural_suite
from rnn_lm.report.figures_probes import natural_attractors_figure, natural_figure
from rnn_lm.report.style import chart_spec
from rnn_lm.vocabulary import Vocabulary

SINGULARS = {"king": "kings", "man": "men", "house": "houses", "wife": "wives", "tree": "trees"}
VERBS = {"is": "are", "was": "were"}
SENTENCES = [
    sentence.split()
    for singular, plural in SINGULARS.items()
    for verb, plural_verb in VERBS.items()
    for sentence in (f"the {singular} {verb} old and that", f"the {plural} {plural_verb} old")
] + [f"the king {verb} the man of the king".split() for verb in ("saw", "knew")]
VOCABULARY = Vocabulary.build(SENTENCES)


def suite_of(items: int, seed: int = 1) -> Suite:
    suite = natural_suite(VOCABULARY, items, torch.Generator().manual_seed(seed), min_count=1)
    assert suite is not None
    return suite


def test_pairs_are_what_their_factors_say() -> None:
    suite = suite_of(20)
    plural = dict.fromkeys(SINGULARS, 0) | dict.fromkeys(SINGULARS.values(), 1)
    counts = {name: len(items) for (name,), items in suite.groups("construction").items()}
    assert counts == dict.fromkeys(CONSTRUCTIONS, 20)
    for index, prefix in enumerate(suite.prefixes):
        words = VOCABULARY.decode(prefix)
        numbers = [plural[word] for word in words if word in plural]
        right, wrong = VOCABULARY.decode(suite.choices_nc[index].tolist())
        assert "<unk>" not in words
        assert len({word for word in words if word in plural}) == len(numbers)
        assert VERBS.get(wrong if numbers[0] else right) == (right if numbers[0] else wrong)
        assert suite.factors["attractors"][index] == sum(number != numbers[0] for number in numbers[1:])
        assert suite.factors["distance"][index] == len(words) - 2
        assert len(words) - 2 == len(CONSTRUCTIONS[str(suite.factors["construction"][index])])


def test_a_corpus_without_the_words_gives_no_suite() -> None:
    random = torch.Generator().manual_seed(1)
    assert natural_suite(Vocabulary.build([["le", "roi", "est", "mort"]]), 5, random, min_count=1) is None
    assert natural_suite(VOCABULARY, 5, random, min_count=1000) is None


def test_the_ngram_gets_simple_agreement_right_and_results_can_be_drawn() -> None:
    text = VOCABULARY.encode_text(SENTENCES, 0)
    ngram = NgramLanguageModel.train(text, len(VOCABULARY), NgramConfig(order=3))
    found = natural_results({"ngram": [ngram]}, suite_of(20), VOCABULARY)
    cells = {cell["construction"]: cell for cell in found["by_construction"]}
    assert list(cells) == list(CONSTRUCTIONS)
    assert cells["simple"]["accuracy"] == 1
    assert sum(cell["items"] for cell in found["by_attractors"]) == found["items"] == 140  # pyright: ignore
    weighted = sum(cell["accuracy"] * cell["items"] for cell in found["by_attractors"])
    assert weighted == pytest.approx(sum(cell["accuracy"] * cell["items"] for cell in found["by_construction"]))
    plain = json.loads(json.dumps(found))
    for figure in (natural_figure(plain, {"ngram": "5-gram"}), natural_attractors_figure(plain, {"ngram": "5-gram"})):
        assert "5-gram" in json.dumps(chart_spec(figure))
