"""A set of configs as the command line that makes them."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.commands import train
from rnn_lm.conditions import has_effect, settings_of
from rnn_lm.config import CorpusConfig, EmbeddingConfig, ModelConfig, TrainingConfig
from rnn_lm.flags import parse_options
from rnn_lm.sweep.configs import RunConfigs, train_command

EMBEDDINGS = st.fixed_dictionaries({"window": st.integers(1, 9), "freeze_embedding": st.booleans()})
MODELS = st.fixed_dictionaries(
    {"cell": st.sampled_from(["gru", "lstm"]), "tie_weights": st.booleans(), "forget_bias": st.floats(-9, 9)}
)
TRAININGS = st.fixed_dictionaries(
    {"learning_rate": st.floats(1e-9, 1), "patience": st.none() | st.integers(1, 9), "seed": st.integers(0, 9)}
)
CORPORA = st.fixed_dictionaries(
    {
        "corpus": st.sampled_from([("web-bible",), ("a b.txt", "c'd.txt")]),
        "lowercase": st.booleans(),
        "split": st.sampled_from([(0.9, 0.05, 0.05), (0.5, 0.25, 0.25)]),
        "min_count": st.none() | st.integers(1, 9),
    }
)


@settings(deadline=None, max_examples=30)  # the first example waits for torch
@given(CORPORA, EMBEDDINGS, MODELS, TRAININGS)
def test_the_command_line_gives_back_every_setting(texts, embedding, model, training):
    corpus = CorpusConfig(**texts)
    configs = RunConfigs(EmbeddingConfig(**embedding), ModelConfig(**model), TrainingConfig(**training))
    words = shlex.split(train_command(corpus, configs, 100, Path("runs/again")))
    assert words[:2] == ["rnn-lm", "train"]
    options = parse_options(train.Options, words[2:], "rnn-lm train")
    # What does nothing beside the others is left out: the command line would refuse it.
    given = RunConfigs(options.embedding, options.model, options.training)
    wanted = {one.name: one.value for one in settings_of(configs) if has_effect(one.name, configs)}
    assert {one.name: one.value for one in settings_of(given) if one.name in wanted} == wanted
    assert {one.name: one.value for one in settings_of(options.corpus) if has_effect(one.name, corpus)} == {
        one.name: one.value for one in settings_of(corpus) if has_effect(one.name, corpus)
    }
    assert options.out == Path("runs/again")


def test_a_budget_in_time_is_repeated_as_the_steps_that_it_came_to(configs):
    timed = replace(configs, training=TrainingConfig(budget="10m"))
    assert "--budget 1234steps" in train_command(CorpusConfig(), timed, 1234, Path("x"))


def test_values_go_to_the_config_that_has_the_field(configs):
    changed = configs.with_values({"window": 3, "layers": 2, "seed": 7})
    assert (changed.embedding.window, changed.model.layers, changed.training.seed) == (3, 2, 7)
    assert configs.with_values({}) == configs
