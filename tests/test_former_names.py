"""Files of version 0.1, whose tensors bore the names of their shapes, give the same model."""

from __future__ import annotations

import json

import pytest
import torch

from rnn_lm.checkpoint import _digest, model_tensors, read_checkpoint, restore_model
from rnn_lm.config import ModelConfig
from rnn_lm.files import write_tensors
from rnn_lm.former_names import current_name
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator

OLD_NAMES = {
    "embedding_ve": "embedding.weight",
    "layers.0.weight_ih": "layers.0.weight_ih",
    "layers.1.bias_hh": "layers.1.bias_hh",
    "layers.12.cell.q_left_rek": "layers.12.q_left",
    "layers.0.cell.q_right_rkh": "layers.0.q_right",
    "layers.0.cell.r_left_rhk": "layers.0.r_left",
    "layers.0.cell.r_right_rke": "layers.0.r_right",
    "projection_eh": "projection.weight",
    "decoder_vd": "decoder.weight",
    "decoder_bias_v": "decoder.bias",
    "adaptive.head.weight": "adaptive.head.weight",
}


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_each_old_name_has_a_present_one(old, new):
    assert current_name(old) == new
    assert current_name(new) == new


def test_a_checkpoint_of_version_1_is_read_under_the_present_names(tmp_path):
    config = ModelConfig(cell="mogrifier", hidden_size=4, layers=2, mogrifier_rank=2, tie_weights=False)
    model = RecurrentLanguageModel(9, 3, config, generator(1, "start"))
    gates = {"q_left": "q_left_rek", "q_right": "q_right_rkh", "r_left": "r_left_rhk", "r_right": "r_right_rke"}
    old_of = {"embedding.weight": "embedding_ve", "decoder.weight": "decoder_vd", "decoder.bias": "decoder_bias_v"}
    old_of |= {f"layers.{layer}.{new}": f"layers.{layer}.cell.{old}" for layer in (0, 1) for new, old in gates.items()}
    tensors = {}
    for name, tensor in model_tensors(model).items():
        bare = name.removeprefix("model.")
        tensors[f"model.{old_of.get(bare, bare)}"] = tensor
    facts = json.dumps({"version": 1, "step": 3, "valid_nll": 1.0}, sort_keys=True)
    write_tensors(tmp_path / "best.safetensors", tensors, {"facts": facts, "sha256": _digest(tensors, facts)})
    again = RecurrentLanguageModel(9, 3, config, generator(2, "start"))
    restore_model(again, read_checkpoint(tmp_path / "best.safetensors")[0], tmp_path)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, again.get_parameter(name)), name
