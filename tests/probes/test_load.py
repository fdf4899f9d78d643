"""The language of agreement under load: numbers bound to their nouns, load and distance as asked."""

from __future__ import annotations

import torch

from rnn_lm.padding import IGNORE
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.load import CLAUSE, LoadLanguage
from rnn_lm.probes.models import PRESETS, parameter_count
from rnn_lm.probes.tasks import LOADS, PROBES

LANGUAGE = LoadLanguage(40)
SINGULAR, PLURAL = ({pair[place] for pair in LANGUAGE.classes["determiner"]} for place in (0, 1))


def words(ids: list[int]) -> list[str]:
    return [LANGUAGE.tokens[index] for index in ids if index != IGNORE]


def introduced(sentence: list[str], load: int) -> dict[str, int]:
    """The number that every participant is introduced with: 0 singular, 1 plural."""
    starts = [CLAUSE * place for place in range(load)]
    assert all(sentence[start] in SINGULAR | PLURAL for start in starts)
    return {sentence[start + 1]: int(sentence[start] in PLURAL) for start in starts}


def test_every_verb_of_a_participant_agrees_with_its_determiner() -> None:
    distances_s = torch.arange(300) % 30
    text = LANGUAGE.sentences(distances_s, torch.Generator().manual_seed(1))
    acts = {form: number for pair in LANGUAGE.classes["act"] for number, form in enumerate(pair)}
    seen = set()
    for row in text.ids_sn.tolist():
        sentence = words(row)
        load = next(n for n in range(LANGUAGE.most, 0, -1) if n == 1 or sentence[CLAUSE * (n - 1) - 1] == "and")
        numbers = introduced(sentence, load)
        assert len(numbers) == load  # nobody is introduced twice
        for place, number in enumerate(numbers.values()):
            assert acts[sentence[CLAUSE * place + 2]] == number
        asked = [(sentence[i - 1], word == "are") for i, word in enumerate(sentence) if word in ("is", "are")]
        assert len({noun for noun, _ in asked}) == len(asked) == load
        assert all(numbers[noun] == plural for noun, plural in asked)
        seen.add(load)
    assert seen == set(LOADS)


def test_the_suite_has_the_load_and_the_distance_that_it_says() -> None:
    suite = LANGUAGE.suite("load", (1, 3), (0, 7, 40), 20, torch.Generator().manual_seed(2))
    assert {key: len(items) for key, items in suite.groups("load", "distance").items()} == {
        (load, distance): 20 for load in (1, 3) for distance in (0, 7, 40)
    }
    places: list[int] = []
    for prefix, (right, wrong), load, distance in zip(
        suite.prefixes, suite.choices_nc.tolist(), suite.factors["load"], suite.factors["distance"], strict=True
    ):
        sentence = words(list(prefix))
        assert len(sentence) == CLAUSE * int(load) - 1 + int(distance) + 3
        numbers = introduced(sentence, int(load))
        assert [LANGUAGE.tokens[right], LANGUAGE.tokens[wrong]] == (["is", "are"], ["are", "is"])[numbers[sentence[-1]]]
        places.append(list(numbers).index(sentence[-1]))
    assert set(places) == {0, 1, 2}  # any of them may be asked for


def test_models_of_the_suite_have_as_many_parameters() -> None:
    probe = PROBES["agreement-load"](ProbeConfig(items=2))
    counts = [
        parameter_count(PRESETS[name].build(len(probe.tokens), torch.Generator(), "agreement-load"))
        for name in ("rnn", "gru", "lstm", "attention")
    ]
    assert max(counts) / min(counts) < 1.08
