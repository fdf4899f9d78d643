from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.config import GenerationConfig
from rnn_lm.errors import UserError
from rnn_lm.evaluation.drawing import candidates, draw
from rnn_lm.evaluation.generation import Repetition, check_prompt, generate
from rnn_lm.vocabulary import Vocabulary

#            <unk> <eos>  a    b    c
ROWS = [
    [0.20, 0.20, 0.20, 0.20, 0.20],
    [0.10, 0.05, 0.50, 0.25, 0.10],
    [0.30, 0.10, 0.10, 0.20, 0.30],
    [0.05, 0.15, 0.60, 0.15, 0.05],
    [0.10, 0.40, 0.20, 0.10, 0.20],
]
CHI_SQUARE_0_001 = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47}
"""Values that chi-square with so many degrees of freedom exceeds once in a thousand times."""
PROBABILITIES = st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=12).map(lambda p: torch.tensor(p) / sum(p))


def drawn(model, vocabulary: Vocabulary, prompt: list[int] | None = None, **settings: object) -> list[int]:
    config = GenerationConfig(**settings)  # pyright: ignore[reportArgumentType]
    return list(generate(model, prompt or [], config, vocabulary))


def chi_square(followers: list[int], probabilities: np.ndarray) -> tuple[float, int]:
    """Pearson's statistic of what followed a token, and its degrees of freedom; nothing impossible may have."""
    seen = np.bincount(followers, minlength=len(probabilities))
    possible = probabilities > 0
    assert seen[~possible].sum() == 0
    expected = probabilities[possible] * len(followers)
    return float(((seen[possible] - expected) ** 2 / expected).sum()), int(possible.sum()) - 1


def tempered(row: list[float], temperature: float, kept: list[int]) -> np.ndarray:
    weights = np.array([p ** (1 / temperature) if index in kept else 0.0 for index, p in enumerate(row)])
    return weights / weights.sum()


AFTER_A = [
    ({"allow_unk": True}, [0, 1, 2, 3, 4]),
    ({}, [1, 2, 3, 4]),
    ({"temperature": 0.5}, [1, 2, 3, 4]),
    ({"temperature": 2.0, "allow_unk": True}, [0, 1, 2, 3, 4]),
    ({"top_k": 2}, [3, 4]),
    ({"top_k": 2, "allow_unk": True}, [0, 4]),
    ({"top_p": 0.6}, [3, 4]),
    ({"top_k": 3, "top_p": 0.75, "temperature": 0.8}, [3, 4]),
]
"""Settings, and the tokens that may then follow "a" (id 2) by the table above."""


@pytest.mark.parametrize(("settings", "kept"), AFTER_A)
def test_what_may_follow_a_token_and_how_probably(settings, kept):
    allowed_v = torch.tensor([settings.get("allow_unk", False), True, True, True, True])
    log_probs_v = torch.tensor(ROWS[2]).log().masked_fill(~allowed_v, -math.inf)
    ids_c, probabilities_c = candidates(log_probs_v, GenerationConfig(**settings))
    assert sorted(ids_c.tolist()) == kept
    expected = tempered(ROWS[2], settings.get("temperature", 1.0), kept)
    np.testing.assert_allclose(probabilities_c, expected[ids_c], rtol=1e-6)


@pytest.mark.parametrize(("settings", "kept"), [AFTER_A[2], AFTER_A[3], AFTER_A[5]])
def test_what_follows_a_token_in_the_text_has_that_distribution(table_model_of, vocabulary, settings, kept):
    tokens = drawn(table_model_of(ROWS), vocabulary, length=1500, **settings)
    followers = [second for first, second in itertools.pairwise(tokens) if first == 2]
    statistic, freedom = chi_square(followers, tempered(ROWS[2], settings.get("temperature", 1.0), kept))
    assert len(followers) > 200
    assert statistic < CHI_SQUARE_0_001[freedom]


def test_the_first_token_follows_eos_or_the_prompt(table_model_of, vocabulary):
    model = table_model_of(ROWS)
    assert drawn(model, vocabulary, temperature=0.0, length=1) == [2], "after <eos>: a"
    assert drawn(model, vocabulary, [3, 4], temperature=0.0, length=1) == [1], "after c: <eos>"


def test_greedy_takes_the_most_probable_and_does_not_depend_on_the_seed(table_model_of, vocabulary):
    first, second = (
        drawn(table_model_of(ROWS), vocabulary, temperature=0.0, sample_seed=seed, length=5) for seed in (1, 2)
    )
    assert first == second == [2, 4, 1, 2, 4]


def test_the_same_seed_gives_the_same_text(gru_model, vocabulary):
    texts = [drawn(gru_model(5), vocabulary, sample_seed=seed, length=40) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_a_recurrent_model_is_read_token_by_token_with_its_state(gru_model, vocabulary):
    """Greedy text is what reading it again in one piece predicts."""
    model = gru_model(5).eval()
    prompt = [2, 4]
    text = drawn(model, vocabulary, prompt, temperature=0.0, allow_unk=True, length=10)
    read = torch.tensor([1, *prompt, *text])[:, None]
    with torch.no_grad():
        log_probs_tbv, _ = model._read(read[:-1], model.initial_state(1))
    assert log_probs_tbv[2:, 0].argmax(1).tolist() == text


def test_dropout_is_off_and_the_caller_is_left_outside_inference_mode(gru_model, vocabulary):
    model = gru_model(5).train()
    texts = []
    for _ in range(2):
        stream = generate(model, [], GenerationConfig(length=10), vocabulary)
        tokens = [next(stream)]
        assert not torch.is_inference_mode_enabled()
        assert model.dropout.training
        texts.append(tokens + list(stream))
    assert texts[0] == texts[1]


def test_tokens_arrive_as_they_are_produced(table_model_of, vocabulary):
    """Ten of an endless text cost ten steps."""
    steps = 0
    model = table_model_of(ROWS)
    plain_step = model.step

    def counted_step(token_b, state):
        nonlocal steps
        steps += 1
        return plain_step(token_b, state)

    model.step = counted_step
    list(itertools.islice(generate(model, [], GenerationConfig(length=10**9), vocabulary), 10))
    assert steps == 10


def test_text_ends_with_the_last_sentence_asked_for(table_model_of, vocabulary):
    tokens = drawn(table_model_of(ROWS), vocabulary, sentences=3, length=1000)
    assert tokens.count(1) == 3
    assert tokens[-1] == 1


@settings(deadline=None, max_examples=50)
@given(PROBABILITIES, st.integers(1, 15))
def test_top_k_keeps_the_k_most_probable_in_proportion(probabilities_v, k):
    ids_c, kept_c = candidates(probabilities_v.log(), GenerationConfig(top_k=k))
    assert len(ids_c) == min(k, len(probabilities_v))
    left_out = [p for index, p in enumerate(probabilities_v.tolist()) if index not in ids_c.tolist()]
    assert max(left_out, default=0.0) <= float(probabilities_v[ids_c].min())
    torch.testing.assert_close(
        kept_c, probabilities_v[ids_c].double() / probabilities_v[ids_c].sum(), rtol=1e-5, atol=1e-7
    )


@settings(deadline=None, max_examples=50)
@given(PROBABILITIES, st.floats(0.01, 0.99))
def test_top_p_keeps_the_shortest_list_that_holds_p(probabilities_v, p):
    ids_c, kept_c = candidates(probabilities_v.log(), GenerationConfig(top_p=p))
    held_c = probabilities_v[ids_c].double()
    assert float(held_c.sum()) >= p - 1e-5
    assert float(held_c[:-1].sum()) < p + 1e-5
    torch.testing.assert_close(kept_c, held_c / held_c.sum(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("p", [None, 1.0])
def test_top_p_of_one_keeps_every_token_there_is(p):
    probabilities_v = torch.cat([torch.tensor([0.9999]), torch.full((9_999,), 1e-8), torch.zeros(5)])
    ids_c, kept_c = candidates(probabilities_v.log(), GenerationConfig(top_p=p))
    assert ids_c.tolist() == list(range(10_000)), "and none that is impossible"
    assert float(kept_c.sum()) == pytest.approx(1.0)


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 5e-324])
def test_a_falling_temperature_becomes_greedy(temperature):
    ids_c, kept_c = candidates(torch.tensor(ROWS[3]).log(), GenerationConfig(temperature=temperature))
    assert kept_c.tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert ids_c[0] == 2


def test_a_rising_temperature_becomes_uniform_over_what_is_possible():
    log_probs_v = torch.tensor([0.7, 0.0, 0.29, 0.01]).log()
    ids_c, kept_c = candidates(log_probs_v, GenerationConfig(temperature=1e9))
    assert ids_c.tolist() == [0, 2, 3]
    assert kept_c.tolist() == pytest.approx([1 / 3] * 3)


def test_a_partly_known_prompt_is_accepted_and_its_unknown_words_named(vocabulary):
    assert check_prompt(["a", "zebra", "b", "yak", "zebra"], vocabulary) == ["zebra", "yak"]
    assert check_prompt([], vocabulary) == []


def test_a_prompt_of_unknown_words_is_refused_in_one_line(vocabulary):
    with pytest.raises(UserError, match="--prompt.*'zebra', 'yak'") as caught:
        check_prompt(["zebra", "yak"], vocabulary)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="'w7' and 92 more"):
        check_prompt([f"w{index}" for index in range(100)], vocabulary)


@pytest.mark.parametrize(
    ("tokens", "period"),
    [
        ([], None),
        ([1, 2, 3, 4], None),
        ([7, 7], None),
        ([5, 7, 7, 7], 1),
        ([1, 2] * 2, None),
        ([9, 1, 2, 1, 2, 1, 2], 2),
        ([1, 1, 2] * 3, 3),
        ([1, 2] * 3 + [3], None),
        (list(range(500)) * 3, 500),
        (list(range(501)) * 3, None),
        (list(range(400)) * 3 + [3, 4] * 5000, 2),
    ],
)
def test_a_text_that_goes_round_in_a_circle_is_noticed(tokens, period):
    repetition = Repetition()
    for token in tokens:
        repetition.add(token)
    assert repetition.period == period


class Certain:
    """Gives <unk> all the probability there is."""

    vocabulary_size = 5
    device = torch.device("cpu")

    def initial_state(self, batch):
        return (torch.zeros(1, batch),)

    def step(self, token_b, state):
        log_probs_bv = torch.full((len(token_b), 5), -math.inf)
        log_probs_bv[:, 0] = 0.0
        return log_probs_bv, state

    def score(self, input_tb, target_tb, state):
        raise NotImplementedError


@pytest.mark.parametrize("settings_", [{}, {"temperature": 0}, {"top_k": 2}, {"top_p": 0.5}])
def test_where_nothing_can_come_next_that_is_said(vocabulary, settings_):
    with pytest.raises(UserError, match="--allow-unk"):
        drawn(Certain(), vocabulary, **settings_)
    assert drawn(Certain(), vocabulary, allow_unk=True, length=3, **settings_) == [0, 0, 0]


@pytest.mark.parametrize("settings_", [{"temperature": 1e-320}, {"temperature": 1e9}, {"top_k": 2**63 - 1}])
def test_extremes_draw_a_token_that_is_possible(settings_):
    log_probs_v = torch.tensor([-1e-3, -800.0, -math.inf, -1e30, -math.inf], dtype=torch.float64)
    for seed in range(20):
        config = GenerationConfig(**settings_)
        assert draw(log_probs_v, config, torch.Generator().manual_seed(seed)) in (0, 1, 3)
