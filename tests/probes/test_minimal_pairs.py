"""Scoring asks the model what it says it asks, whichever way items are batched."""

from __future__ import annotations

import pytest
import torch

from rnn_lm.config import ModelConfig, NgramConfig
from rnn_lm.models.attention import AttentionConfig, AttentionLanguageModel
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.probes.agreement import TOKENS, AgreementLanguage
from rnn_lm.probes.minimal_pairs import Suite, choice_log_probabilities, right_choices

EOS = 1
LANGUAGE = AgreementLanguage(8)


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def models() -> list[LanguageModel]:
    text = LANGUAGE.sentences(torch.randint(0, 6, (3000,), generator=random(1)), random(1)).encoded()
    return [
        NgramLanguageModel.train(text, len(TOKENS), NgramConfig(order=3)),
        RecurrentLanguageModel(len(TOKENS), 8, ModelConfig(cell="lstm", hidden_size=8), random(2)),
        AttentionLanguageModel(len(TOKENS), AttentionConfig(hidden_size=8, heads=2, feed_forward_size=8), random(3)),
    ]


@pytest.mark.parametrize("model", models(), ids=lambda model: type(model).__name__)
@torch.no_grad()
def test_log_probabilities_are_those_of_reading_each_item_alone(model: LanguageModel) -> None:
    suite = LANGUAGE.distance_suite((0, 3, 8), 5, random(4))
    together = choice_log_probabilities(model, suite, EOS, batch_size=4)
    for prefix, choices, found in zip(suite.prefixes, suite.choices_nc, together, strict=True):
        state = model.initial_state(1)
        log_probs_bv, state = model.step(torch.tensor([EOS]), state)
        for token in prefix:
            log_probs_bv, state = model.step(torch.tensor([token]), state)
        torch.testing.assert_close(log_probs_bv[0, choices].double(), found, rtol=0, atol=1e-5)


def test_the_ngram_knows_agreement_as_far_as_it_sees() -> None:
    ngram = models()[0]
    suite = LANGUAGE.distance_suite((0, 8), 200, random(5))
    right = right_choices(ngram, suite, EOS).double()
    near, far = (right[items].mean() for items in suite.groups("distance").values())
    assert near > 0.7
    assert 0.35 < far < 0.65


class Uniform:
    vocabulary_size = len(TOKENS)
    device = torch.device("cpu")

    def initial_state(self, batch: int) -> tuple[torch.Tensor, ...]:
        return (torch.zeros(1, batch),)

    def step(self, token_b: torch.Tensor, state: tuple) -> tuple[torch.Tensor, tuple]:
        return torch.zeros(len(token_b), self.vocabulary_size), state

    def score(self, input_tb: torch.Tensor, target_tb: torch.Tensor, state: tuple) -> tuple[torch.Tensor, tuple]:
        return torch.zeros_like(target_tb[: len(input_tb)], dtype=torch.float), state


def test_a_tie_is_not_a_right_answer() -> None:
    assert not right_choices(Uniform(), LANGUAGE.distance_suite((0, 2), 4, random(6)), EOS).any()


def test_groups_are_every_combination_in_order() -> None:
    suite = Suite("x", ((1,),) * 4, torch.ones(4, 2, dtype=torch.long), {"a": (2, 1, 2, 1), "b": (0, 0, 1, 0)})
    assert {key: items.tolist() for key, items in suite.groups("a", "b").items()} == {
        (1, 0): [1, 3],
        (2, 0): [0],
        (2, 1): [2],
    }


def test_factors_must_fit_the_items() -> None:
    with pytest.raises(ValueError, match="'distance' has 1 values for 2 items"):
        Suite("x", ((1,), (2,)), torch.ones(2, 2, dtype=torch.long), {"distance": (1,)})
