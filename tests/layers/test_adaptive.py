"""The adaptive softmax behind the same model: probabilities that sum to one, NLL that agrees, training that learns."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from rnn_lm.config import EmbeddingConfig, ModelConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.experiments.model_runs import RecurrentSpec
from rnn_lm.models.recurrent import RecurrentLanguageModel, count_parameters
from rnn_lm.padding import IGNORE
from rnn_lm.progress import SilentProgress
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText
from rnn_lm.training.losses import adaptive_loss
from rnn_lm.training.trainer import Trainer, TrainingData

V, E = 60, 8
ADAPTIVE = ModelConfig(cell="gru", hidden_size=16, decoder="adaptive", tie_weights=False)


def build(seed: int = 1) -> RecurrentLanguageModel:
    return RecurrentLanguageModel(V, E, ADAPTIVE, generator(seed, "start"))


def test_steps_are_distributions_and_scores_are_theirs() -> None:
    model = build()
    input_tb = torch.randint(0, V, (7, 3), generator=torch.Generator().manual_seed(1))
    target_tb = input_tb.roll(-1, 0)
    target_tb[2, 1] = IGNORE
    with torch.no_grad():
        nll_tb, _ = model.score(input_tb, target_tb, model.initial_state(3))
        state = model.initial_state(3)
        for t, token_b in enumerate(input_tb):
            log_probs_bv, state = model.step(token_b, state)
            torch.testing.assert_close(log_probs_bv.exp().sum(1), torch.ones(3))
            expected = -log_probs_bv.gather(1, target_tb[t].clamp_min(0).unsqueeze(1)).squeeze(1)
            torch.testing.assert_close(nll_tb[t], expected.where(target_tb[t] != IGNORE, 0.0))


def test_the_start_comes_from_the_generator_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = build(), build(), build(2)
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert not torch.equal(first.state_dict()["adaptive.head.weight"], other.state_dict()["adaptive.head.weight"])


def test_its_parameters_are_counted() -> None:
    assert count_parameters(V, E, ADAPTIVE) == sum(parameter.numel() for parameter in build().parameters())


def test_it_learns() -> None:
    ids_n = torch.arange(900) % (V - 1) + 1
    text = EncodedText(torch.cat([ids_n, torch.tensor([1])]), 1, 900)
    data = TrainingData(text, text, torch.bincount(text.ids_n, minlength=V))
    config = TrainingConfig(
        budget="200steps", batch_size=4, bptt_length=10, softmax="adaptive", learning_rate=0.02, validations=2
    )
    result = Trainer(build(), data, config, None, SilentProgress()).run("adaptive")
    assert result.position.best_valid_nll < 0.5 * math.log(V)
    assert result.log.validations[0].train_nll is not None
    assert {"adaptive", "embedding", "layers.0"} == set(result.log.steps[0].parts)


def test_padding_alone_has_a_gradient_of_zero() -> None:
    output_nd = torch.ones(3, 16, requires_grad=True)
    adaptive = build().adaptive
    assert adaptive is not None
    loss = adaptive_loss(output_nd, adaptive, torch.full((3,), IGNORE))
    loss.backward()
    assert loss.item() == 0
    assert output_nd.grad is not None
    assert not output_nd.grad.any()


def test_decoder_and_loss_go_together() -> None:
    spec = RecurrentSpec("gru", ADAPTIVE, TrainingConfig(), EmbeddingConfig(), None, E)
    with pytest.raises(UserError, match="--softmax adaptive"):
        spec.build(V)
    full = replace(spec, model=ModelConfig(), training=TrainingConfig(softmax="adaptive"))
    with pytest.raises(UserError, match="--decoder adaptive"):
        full.build(V)


def test_refusals_name_the_flag() -> None:
    with pytest.raises(UserError, match="--no-tie-weights"):
        ModelConfig(decoder="adaptive")
    with pytest.raises(UserError, match="vocabulary of 20 or more"):
        RecurrentLanguageModel(19, E, ADAPTIVE, generator(1, "start"))
    with pytest.raises(UserError, match="--hidden-size 16 or more"):
        RecurrentLanguageModel(V, E, replace(ADAPTIVE, hidden_size=15), generator(1, "start"))
