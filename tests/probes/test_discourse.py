"""The language of agreement in discourse: a noun's number is said once, and nothing but that tells it."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from rnn_lm.padding import IGNORE
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.discourse import UNIT, DiscourseLanguage
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.models import PRESETS, parameter_count
from rnn_lm.probes.run import run_probe
from rnn_lm.progress import SilentProgress
from rnn_lm.report.figures_probes import probe_figures
from rnn_lm.report.style import chart_spec

LANGUAGE = DiscourseLanguage()
NOUN_OF = {form: pair[0][:-2] for pair in LANGUAGE.classes["subject"] for form in pair}
MENTIONS = {form: (pair[0][:-1], number) for pair in LANGUAGE.classes["oblique"] for number, form in enumerate(pair)}
VERBS = {form: number for pair in LANGUAGE.classes["verb"] for number, form in enumerate(pair)}
PREPOSITIONS = {word for word, _ in LANGUAGE.classes["preposition"]}
FILLER = {word for name in ("adverb", "mass") for word, _ in LANGUAGE.classes[name]}


def words(ids: tuple[int, ...] | list[int]) -> list[str]:
    return [LANGUAGE.tokens[index] for index in ids if index != IGNORE]


def shown(text: list[str]) -> list[int]:
    """Every number that the text shows, by a mention or by a verb, in order."""
    number_of = {word: number for word, (_, number) in MENTIONS.items()} | VERBS
    return [number_of[word] for word in text if word in number_of]


def test_every_subject_was_mentioned_once_and_its_verbs_agree_with_that() -> None:
    texts = LANGUAGE.sentences(torch.arange(300) % 25, torch.Generator().manual_seed(1))
    clauses = apart = 0
    for row, distance in zip(texts.ids_sn.tolist(), range(300), strict=True):
        text, numbers = words(row), {}
        for place, word in enumerate(text):
            if word in MENTIONS:
                noun, number = MENTIONS[word]
                assert noun not in numbers
                numbers[noun] = number
            if word in NOUN_OF:
                assert VERBS[text[place + 1]] == numbers[NOUN_OF[word]]
                clauses += 1
                apart += shown(text[:place])[-1] != numbers[NOUN_OF[word]]
        assert text[-2] in VERBS  # a text ends with a clause
        prepositions = sum(word in FILLER and text[place - 1] in PREPOSITIONS for place, word in enumerate(text))
        assert prepositions + sum(word in FILLER for word in text) == distance % 25
    assert clauses > 3 * 300 // 2  # many questions in a text
    assert apart > clauses / 10  # of which the last number does not answer all


def between(suite: Suite) -> list[list[str]]:
    """What stands between each question's subject and its mention, the only one, whose number the right verb has."""
    found = []
    for prefix, (right, wrong) in zip(suite.prefixes, suite.choices_nc.tolist(), strict=True):
        text = words(prefix)
        number = VERBS[LANGUAGE.tokens[right]]
        assert VERBS[LANGUAGE.tokens[wrong]] == 1 - number
        (place,) = (i for i, word in enumerate(text) if MENTIONS.get(word, ("", 0))[0] == NOUN_OF[text[-1]])
        assert NOUN_OF[text[-1]] not in {NOUN_OF.get(word) for word in text[:-1]}  # never a subject before
        assert MENTIONS[text[place]][1] == number
        found.append(text[place + 1 : -1])
    return found


def test_load_and_filler_are_set_apart() -> None:
    suite = LANGUAGE.load_suite((0, 1, 5), (0, 3, 20), 16, torch.Generator().manual_seed(2))
    for text, load, filler in zip(between(suite), *suite.factors.values(), strict=True):
        assert len(text) == UNIT * int(load) + int(filler)
        assert len(shown(text)) == load


def test_distance_counts_words_between_mention_and_subject() -> None:
    suite = LANGUAGE.distance_suite((0, 1, 4, 31), 16, torch.Generator().manual_seed(3))
    for text, distance in zip(between(suite), suite.factors["distance"], strict=True):
        assert len(text) == distance


def test_who_knows_numbers_but_not_whose_is_at_chance() -> None:
    items = 40
    suite = LANGUAGE.load_suite((0, 1, 6), (0, 2), items, torch.Generator().manual_seed(4))
    for (load, _), members in suite.groups("load", "distance").items():
        right = {"constant": 0, "majority": 0, "last": 0}
        for item in members.tolist():
            numbers, answer = shown(words(suite.prefixes[item])), VERBS[LANGUAGE.tokens[int(suite.choices_nc[item, 0])]]
            right["constant"] += answer
            right["majority"] += 2 * sum(number == answer for number in numbers) > len(numbers)
            right["last"] += numbers[-1] == answer
        assert right == {"constant": items / 2, "majority": items / 2, "last": items if load == 0 else items / 2}


def test_models_of_the_suite_have_as_many_parameters() -> None:
    counts = [
        parameter_count(PRESETS[name].build(len(LANGUAGE.tokens), torch.Generator(), "agreement-discourse"))
        for name in ("rnn", "gru", "lstm", "attention")
    ]
    assert max(counts) / min(counts) < 1.08


def test_the_figure_says_what_load_and_distance_count(tmp_path: Path) -> None:
    config = ProbeConfig(
        probes=("agreement-discourse",),
        models=("ngram",),
        seeds=1,
        sentences=50,
        distances=(0, 2, 16),
        items=8,
        workers=1,
    )
    figures = probe_figures(run_probe(config, tmp_path, SilentProgress()))
    panels = json.dumps(chart_spec(figures["probe-agreement-discourse-loads"]))
    assert all(f'"{load} units on other nouns"' in panels for load in (0, 2, 8))
    assert "Distance (words of filler in between)" in panels
    assert "between the mention of the noun" in json.dumps(chart_spec(figures["probe-agreement-discourse"]))
