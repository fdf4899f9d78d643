"""Every kind of neural model is trained, stopped, taken up and read back; what else they promise: ``contract/``."""

import math
from dataclasses import replace

import pytest
import torch

from rnn_lm.checkpoint import BEST, model_tensors, write_checkpoint
from rnn_lm.config import ModelConfig, TrainingConfig, to_json
from rnn_lm.errors import UserError
from rnn_lm.models.families import FAMILIES, family_name, family_of, model_names
from rnn_lm.progress import SilentProgress
from rnn_lm.runs import Run
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText
from rnn_lm.testing.models import enlarged
from rnn_lm.training.trainer import Trainer, TrainingData

V, E = 23, 12
MODELS = [name for name in model_names() if name != "ngram"]


def config_of(name: str, **settings) -> ModelConfig:
    return ModelConfig(cell=name, **{"hidden_size": 8, "heads": 2, "mogrifier_rank": 3, **settings})


def build(name: str, **settings):
    return family_of(name).build(V, E, config_of(name, **settings), generator(1, "initialization")).double()


def ids(rows: int, columns: int, seed: int = 1):
    return torch.randint(V, (rows, columns), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", MODELS)
def test_dropout_of_every_kind_changes_what_is_computed(name):
    kinds = ["dropout_embedding", "dropout_input", "dropout_between", "dropout_output"]
    for kind in kinds:
        model, ids_tb = enlarged(build(name, layers=2, **{kind: 0.5})), ids(6, 2)
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
    for hidden_size, embedding_size in ((12, E), (config_of(name).hidden_size, 2**63)):
        facts = {"model": to_json(config_of(name, hidden_size=hidden_size)), "embedding_size": embedding_size}
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
