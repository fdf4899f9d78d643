"""Settings: refused when wrong, with the flag and the fix in the message; whole after a round trip."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_lm.config import (
    Budget,
    CorpusConfig,
    EmbeddingConfig,
    GenerationConfig,
    ModelConfig,
    NgramConfig,
    ResolvedCorpusConfig,
    TrainingConfig,
    from_json,
    to_json,
)
from rnn_lm.errors import UserError

CONFIGS = [CorpusConfig, NgramConfig, EmbeddingConfig, ModelConfig, TrainingConfig, GenerationConfig]


@pytest.mark.parametrize("kind", CONFIGS)
def test_json_gives_back_an_equal_config(kind):
    assert from_json(kind, json.loads(json.dumps(to_json(kind()))), "run.json") == kind()


def test_a_setting_of_another_version_is_named_with_the_closest():
    with pytest.raises(UserError, match=r"run.json: unknown ModelConfig setting.*did you mean 'hidden_size'"):
        from_json(ModelConfig, {"hiden_size": 3}, "run.json")


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("5epochs", 5, "epochs"), ("1 epoch", 1, "epochs"), ("2000steps", 2000, "steps"), ("90s", 90, "seconds"),
        ("10m", 600, "seconds"), ("1.5h", 5400, "seconds"), ("3 minutes", 180, "seconds"), ("0.5e", 0.5, "epochs"),
    ],
)  # fmt: skip
def test_budgets_are_read(text, amount, unit):
    assert Budget.parse(text) == Budget(amount, unit)


@given(st.text(max_size=12))
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(UserError, match=r"--budget .*10m") as refused:
        Budget.parse(text + "?")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["banana", "", "5", "-3m", "0s", "3 fortnights", "1e5"])
def test_these_are_refused(text):
    with pytest.raises(UserError, match="--budget"):
        Budget.parse(text)


@pytest.mark.parametrize(
    ("kind", "settings", "flag"),
    [
        (CorpusConfig, {"split": (0.5, 0.2, 0.2)}, "--split"),
        (CorpusConfig, {"split": (1.0, 0.0, 0.0)}, "--split"),
        (CorpusConfig, {"min_count": 0}, "--min-count"),
        (CorpusConfig, {"corpus": ()}, "--corpus"),
        (NgramConfig, {"order": 7}, "--order"),
        (EmbeddingConfig, {"embedding_size": 0}, "--embedding-size"),
        (ModelConfig, {"dropout_output": 1.0}, "--dropout-output"),
        (ModelConfig, {"layers": 0}, "--layers"),
        (ModelConfig, {"last_hidden_size": 4}, "--last-hidden-size needs --layers 2"),
        (ModelConfig, {"layers": 2, "last_hidden_size": 0}, "--last-hidden-size"),
        (ModelConfig, {"dropout_embedding": 1.0}, "--dropout-embedding"),
        (ModelConfig, {"dropout_state": -0.1}, "--dropout-state"),
        (ModelConfig, {"layers": 2, "last_hidden_size": 4, "skip_connections": True}, "leave out --last-hidden-size"),
        (ModelConfig, {"init_range": 0.0}, "--init-range"),
        (ModelConfig, {"embedding_range": 0.0}, "--embedding-range"),
        (ModelConfig, {"mogrifier_rounds": -1}, "--mogrifier-rounds"),
        (ModelConfig, {"mogrifier_rank": 0}, "--mogrifier-rank"),
        (TrainingConfig, {"bptt_spread": -1.0}, "--bptt-spread"),
        (TrainingConfig, {"activation_penalty": -1.0}, "--activation-penalty"),
        (TrainingConfig, {"temporal_penalty": -1.0}, "--temporal-penalty"),
        (TrainingConfig, {"averaging_window": 0}, "--averaging-window"),
        (TrainingConfig, {"averaging_share": 0.0}, "--averaging-share"),
        (TrainingConfig, {"adam_beta1": 1.0}, "--adam-beta1"),
        (TrainingConfig, {"adam_beta2": -0.1}, "--adam-beta2"),
        (TrainingConfig, {"decay_factor": 0.5}, "--decay-factor"),
        (TrainingConfig, {"learning_rate": 0.0}, "--learning-rate"),
        (TrainingConfig, {"budget": "banana"}, "--budget"),
        (TrainingConfig, {"clip_threshold": 0.0}, "--clip none"),
        (GenerationConfig, {"top_p": 0.0}, "--top-p"),
        (GenerationConfig, {"temperature": -1.0}, "--temperature"),
    ],
)
def test_a_value_out_of_range_names_its_flag(kind, settings, flag):
    with pytest.raises(UserError, match=flag):
        kind(**settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("embedding_size", 100_000_000),
        ("embedding_size", 0),
        ("window", 2**31),
        ("window", 10**400),
        ("negatives", 10**9),
        ("embedding_epochs", 10**6),
    ],
)
def test_word2vec_settings_beyond_sense_are_refused(name: str, value: int) -> None:
    flag = name.replace("_", "-")
    with pytest.raises(UserError, match=f"--{flag} must be (at (most|least)|below 2.63)"):
        EmbeddingConfig(**{name: value})  # pyright: ignore[reportArgumentType]


def test_a_corpus_of_a_run_from_before_normalization_was_read_as_it_stood():
    for kind in (CorpusConfig, ResolvedCorpusConfig):
        values = {name: value for name, value in to_json(kind()).items() if name != "normalize"}
        assert from_json(kind, values, "run.json").normalize == "none"
