"""Every kind of neural model behind the same seam: built, counted, matched, trained, kept and read back."""

import math
from dataclasses import replace

import pytest
import torch

from rnn_lm.checkpoint import BEST, model_tensors, write_checkpoint
from rnn_lm.config import ModelConfig, TrainingConfig, to_json
from rnn_lm.errors import UserError
from rnn_lm.layers.state import select
from rnn_lm.models.families import FAMILIES, family_name, family_of, model_names
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.progress import SilentProgress
from rnn_lm.runs import Run
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText
from rnn_lm.training.trainer import Trainer, TrainingData

V, E = 23, 12
MODELS = [name for name in model_names() if name != "ngram"]
SHAPES = [
    {},
    {"layers": 2, "tie_weights": False},
    {"hidden_size": E},
    {"layers": 2, "decoder": "adaptive", "tie_weights": False, "hidden_size": 16},
]


def config_of(name: str, **settings) -> ModelConfig:
    return ModelConfig(cell=name, **{"hidden_size": 8, "heads": 2, "mogrifier_rank": 3, **settings})


def build(name: str, **settings):
    return family_of(name).build(V, E, config_of(name, **settings), generator(1, "initialization")).double()


def ids(rows: int, columns: int, seed: int = 1):
    return torch.randint(V, (rows, columns), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_counted_without_being_made(name, shape):
    size = max(V, 1000) if shape.get("decoder") else V
    config = config_of(name, **shape)
    model = family_of(name).build(size, E, config, generator(1, "initialization"))
    assert isinstance(model, LanguageModel)
    assert family_of(name).count(size, E, config) == sum(one.numel() for one in model.parameters())


@pytest.mark.parametrize("name", MODELS)
def test_scores_are_sums_of_steps_and_segments_do_not_matter(name):
    model, ids_tb = build(name, layers=2, attention_window=5), ids(13, 3)
    whole_tb, whole = model.score(ids_tb[:-1], ids_tb[1:], model.initial_state(3))
    state, parts = model.initial_state(3), []
    for rows in (slice(0, 4), slice(4, 9), slice(9, 12)):
        nll_tb, state = model.score(ids_tb[:-1][rows], ids_tb[1:][rows], state)
        parts.append(nll_tb)
    torch.testing.assert_close(torch.cat(parts), whole_tb)
    for part, other in zip(state, whole, strict=True):
        torch.testing.assert_close(part, other)
    state = model.initial_state(3)
    log_prob_tbv, _ = model(ids_tb[:-1], model.initial_state(3))
    for t in range(12):
        log_prob_bv, state = model.step(ids_tb[t], state)
        torch.testing.assert_close(log_prob_bv, log_prob_tbv[t])
        torch.testing.assert_close(-log_prob_bv.gather(1, ids_tb[t + 1][:, None])[:, 0], whole_tb[t])


@pytest.mark.parametrize("name", MODELS)
def test_a_restarted_column_has_read_nothing_and_the_others_everything(name):
    model, before_tb, after_tb = build(name, layers=2, attention_window=6), ids(7, 3), ids(6, 3, seed=2)
    _, state = model.score(before_tb, before_tb, model.initial_state(3))
    restarted = model.restarted(state, torch.tensor([False, True, False]))
    found_tb, found = model.score(after_tb[:-1], after_tb[1:], restarted)
    carried_tb, _ = model.score(after_tb[:-1], after_tb[1:], state)
    fresh_tb, _ = model.score(after_tb[:-1], after_tb[1:], model.initial_state(3))
    torch.testing.assert_close(found_tb[:, [0, 2]], carried_tb[:, [0, 2]])
    torch.testing.assert_close(found_tb[:, 1], fresh_tb[:, 1])
    assert not torch.allclose(found_tb[:, 1], carried_tb[:, 1])
    one = select(found, torch.tensor([1]))
    again_tb, _ = model.score(after_tb[:, 1:2], after_tb[:, 1:2], one)
    assert bool(torch.isfinite(again_tb).all())


@pytest.mark.parametrize("name", MODELS)
def test_gradients_flow_into_every_parameter(name):
    model, ids_tb = build(name, layers=2, tie_weights=False), ids(9, 2)
    nll_tb, _ = model.score(ids_tb[:-1], ids_tb[1:], model.initial_state(2))
    nll_tb.sum().backward()
    assert [part for part, one in model.named_parameters() if one.grad is None or not bool(one.grad.any())] == []


@pytest.mark.parametrize("name", MODELS)
def test_dropout_of_every_kind_changes_what_is_computed(name):
    kinds = ["dropout_embedding", "dropout_input", "dropout_between", "dropout_output"]
    for kind in kinds:
        model, ids_tb = build(name, layers=2, **{kind: 0.5}), ids(6, 2)
        masks = model.draw_masks(2, generator(1, "dropout"), 6)
        dropped, _ = model.encode(ids_tb, model.initial_state(2), masks)
        whole, _ = model.encode(ids_tb, model.initial_state(2))
        assert not torch.allclose(dropped, whole), kind


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("heads", 4),
        ("feed_forward_size", 5),
        ("positions", "rotary"),
        ("sharpness", "constant"),
        ("attention_window", 2),
    ],
)
def test_every_setting_of_attention_changes_what_is_computed(setting, value):
    ids_tb = ids(9, 2)
    usual, changed = (
        model.encode(ids_tb, model.initial_state(2))[0]
        for model in (build("attention", layers=2), build("attention", layers=2, **{setting: value}))
    )
    assert not torch.allclose(usual, changed)


def text(length: int, seed: int) -> EncodedText:
    ids_n = ids(length, 1, seed)[:, 0]
    ids_n[4::7] = 1
    ids_n[-1] = 1
    return EncodedText(ids_n, 1, 4 * length)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("carry", ["mixed", "always"])
def test_trained_stopped_taken_up_again_and_read_back(name, carry, tmp_path):
    data = TrainingData(text(300, 1), text(60, 2), torch.bincount(text(300, 1).ids_n, minlength=V))
    training = TrainingConfig(
        batch_size=3, bptt_length=6, budget="12steps", validations=2, carry=carry, softmax_samples=8, learning_rate=0.01
    )
    config = config_of(name, layers=2, attention_window=9, dropout_input=0.1)

    def trainer(folder, budget="12steps"):
        model = family_of(name).build(V, E, config, generator(1, "initialization"))
        return Trainer(model, data, replace(training, budget=budget), folder, SilentProgress())

    whole = trainer(None)
    losses = [one.loss for one in whole.run("whole").log.steps]
    assert all(map(math.isfinite, losses))
    first = trainer(tmp_path)
    for _ in range(7):
        first.log.add(first.step())
    first.checkpoint.write(first.log)
    first.log.close()
    second = trainer(tmp_path)
    assert second.position.step == 7
    assert [one.loss for one in second.run("second").log.steps] == losses
    facts = {"model": to_json(config), "embedding_size": E}
    read = FAMILIES[family_name(name)].load(Run(tmp_path, family_name(name), facts), V)
    assert isinstance(read, torch.nn.Module)
    for key, value in whole.model.state_dict().items():
        assert torch.equal(read.state_dict()[key], value), key


@pytest.mark.parametrize("name", MODELS)
def test_a_file_of_other_sizes_is_refused_before_a_model_is_made(name, tmp_path):
    model = build(name).float()
    write_checkpoint(tmp_path / BEST, model_tensors(model), {})
    facts = {"model": to_json(config_of(name, hidden_size=12)), "embedding_size": E}
    with pytest.raises(UserError, match="does not fit"):
        FAMILIES[family_name(name)].load(Run(tmp_path, family_name(name), facts), V)


def test_names():
    assert model_names()[0] == "ngram"
    assert {"rnn", "gru", "lstm", "mogrifier", "attention"} < set(model_names())
    assert family_name("gru") == "recurrent"
    assert family_name("attention") == "attention"
    for wrong in ("atention", "recurrent", "ngram"):
        with pytest.raises(UserError, match=r"model"):
            family_of(wrong)


def test_attention_has_no_recurrent_matrix():
    with pytest.raises(UserError, match="--dropout-recurrent"):
        build("attention", dropout_recurrent=0.1)
