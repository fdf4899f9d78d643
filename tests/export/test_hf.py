"""Folders for Hugging Face transformers: the same log-probabilities, alone and padded, at once and in parts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from export_cases import KINDS, baseline, neural
from rnn_lm.errors import UserError
from rnn_lm.export.base import export_model
from rnn_lm.export.config import ExportConfig
from rnn_lm.export.hf import CELLS, config_of
from rnn_lm.layers.cells import CELLS as ALL_CELLS
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import SilentProgress

pytest.importorskip("transformers", reason="transformers is not installed: pip install 'rnn-lm[export]'")
ROOT = Path(__file__).resolve().parents[2]
IDS = torch.randint(2, 15, (3, 9), generator=torch.Generator().manual_seed(1))


def exported(stored: StoredModel, folder: Path) -> Path:
    export_model(stored, folder, ExportConfig("hf"), SilentProgress())
    return folder


def loaded(folder: Path) -> Any:
    """The model of a folder, by the classes in this package."""
    from rnn_lm.export.transformers_code.modeling_rnn_lm import RnnLmForCausalLM

    return RnnLmForCausalLM.from_pretrained(folder).eval()


@torch.no_grad()
def log_probs(model: Any, ids: torch.Tensor, **given: Any) -> torch.Tensor:
    return torch.log_softmax(model(ids, **given).logits, -1)


@torch.no_grad()
def ours(stored: StoredModel, ids: torch.Tensor) -> torch.Tensor:
    """log P(next) after each of ``ids`` (B, T), before which an <eos> stands."""
    model = stored.model
    assert isinstance(model, NeuralLanguageModel)
    read = torch.nn.functional.pad(ids, (1, 0), value=stored.vocabulary.eos_id)
    return model(read.T, model.initial_state(len(ids)))[0].transpose(0, 1)


def test_there_is_code_for_every_cell_of_the_package():
    assert {name for name in ALL_CELLS.loaded() if ALL_CELLS[name].__module__.startswith("rnn_lm.")} == set(CELLS)
    assert {settings["cell"] for settings in KINDS.values()} == {*CELLS, "attention"}


@pytest.mark.parametrize("kind", KINDS)
def test_log_probabilities_are_ours_alone_padded_and_in_parts(kind, tmp_path):
    stored = neural(kind)
    model = loaded(exported(stored, tmp_path / kind))
    wanted = ours(stored, IDS)
    with_eos = torch.nn.functional.pad(IDS, (1, 0), value=1)
    torch.testing.assert_close(log_probs(model, with_eos), wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(log_probs(model, IDS), wanted[:, 1:], atol=1e-5, rtol=1e-5)

    mask = torch.ones_like(IDS)
    mask[0, :4], mask[1, 6:] = 0, 0  # padded on the left, on the right, and not at all
    padded, alone = log_probs(model, IDS, attention_mask=mask), log_probs(model, IDS[:1, 4:])
    torch.testing.assert_close(padded[0, 4:], alone[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(padded[1, :6], wanted[1, 1:7], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(padded[2], wanted[2, 1:], atol=1e-5, rtol=1e-5)

    begun = model(IDS[:, :5], attention_mask=mask[:, :5])
    for name in ("cache", "past_key_values", "cache_params"):  # names that versions have; what is given stays as it is
        rest = log_probs(model, IDS[:, 5:], attention_mask=mask, **{name: begun.cache})
        torch.testing.assert_close(rest[0], padded[0, 5:], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(rest[2], padded[2, 5:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["gru", "slstm", "attention"])
@pytest.mark.parametrize("how", [{}, {"num_beams": 3}, {"do_sample": True}])
def test_generating_with_what_was_read_gives_what_reading_all_again_gives(kind, how, tmp_path):
    model = loaded(exported(neural(kind), tmp_path / "model"))
    model.generation_config.suppress_tokens = None
    mask = torch.ones_like(IDS)
    mask[0, :4] = 0
    found = []
    for use_cache in (True, False):
        torch.manual_seed(5)
        settings = {"max_new_tokens": 6, "use_cache": use_cache, "eos_token_id": None, **how}
        found.append(model.generate(IDS, attention_mask=mask, **settings))
    assert found[0].shape == (3, 15)
    assert torch.equal(*found)


def test_unk_is_not_generated_and_nothing_is_kept_between_calls(tmp_path):
    stored = neural("lstm", tie_weights=False)
    assert isinstance(stored.model, NeuralLanguageModel)
    assert stored.model.decoder is not None
    with torch.no_grad():
        stored.model.decoder.bias[0] = 50  # always the most probable
    model = loaded(exported(stored, tmp_path / "model"))
    first = model.generate(IDS, max_new_tokens=4, do_sample=False)
    assert not (first[:, IDS.shape[1] :] == 0).any()
    log_probs(model, IDS.flip(1))
    assert torch.equal(first, model.generate(IDS, max_new_tokens=4, do_sample=False))


def test_the_loss_is_the_mean_nll(lstm, tmp_path):
    model = loaded(exported(lstm, tmp_path / "model"))
    read = torch.nn.functional.pad(IDS, (1, 0), value=1)
    labels = read.clone()
    labels[0, 5:] = -100
    wanted = ours(lstm, IDS)[:, :-1].gather(2, IDS.unsqueeze(2)).squeeze(2)
    kept = labels[:, 1:] != -100
    assert model(read, labels=labels).loss.item() == pytest.approx(-wanted[kept].mean().item(), abs=1e-5)


WITHOUT_US = """
import importlib.abc, json, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] == "rnn_lm":
            raise ImportError("rnn_lm is blocked")
sys.meta_path.insert(0, Blocked())
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
text, folders = sys.argv[1], sys.argv[2:]
for folder in folders:
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    ids = tokenizer(text, return_tensors="pt").input_ids
    model.save_pretrained(folder + "-again")
    tokenizer.save_pretrained(folder + "-again")
    again = AutoModelForCausalLM.from_pretrained(folder + "-again", trust_remote_code=True)
    same = AutoTokenizer.from_pretrained(folder + "-again", trust_remote_code=True)
    assert same(text).input_ids == ids[0].tolist()
    with torch.no_grad():
        logits = model(ids).logits
        assert torch.equal(again(ids).logits, logits)
    ends = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.vocab_size]
    found = torch.log_softmax(logits, -1)[0]
    shown = tokenizer.decode(ids[0])
    print(json.dumps({"ids": ids[0].tolist(), "found": found.tolist(), "ends": ends, "shown": shown}))
"""


def test_a_folder_loads_where_there_is_no_rnn_lm_and_is_saved_again(tmp_path):
    models = [neural("lstm"), neural("attention"), neural("lstm-adaptive")]
    folders = [str(exported(stored, tmp_path / stored.name)) for stored in models]
    text = "My son, the king, doesn't find a horse."
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_US, text, *folders],
        capture_output=True, text=True, check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_MODULES_CACHE": str(tmp_path / "code")},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    for stored, line in zip(models, run.stdout.splitlines(), strict=True):
        said = json.loads(line)
        assert said["ids"] == stored.codec.encode(text)
        wanted = ours(stored, torch.tensor([said["ids"]]))[0, 1:]
        torch.testing.assert_close(torch.tensor(said["found"]), wanted, atol=1e-5, rtol=1e-5)
        assert said["ends"] == [1, 1, 1, len(stored.vocabulary)]
        assert said["shown"] == "my son, the king, doesn't find a <unk>."


def test_with_rnn_lm_transformers_knows_the_model_and_runs_no_code_of_the_folder(lstm, tmp_path):
    from transformers import AutoModelForCausalLM

    from rnn_lm.export.hf import FILES, register

    folder = exported(lstm, tmp_path / "model")
    for name in FILES:
        (folder / name).unlink()
    register()
    model = AutoModelForCausalLM.from_pretrained(folder)
    torch.testing.assert_close(log_probs(model, IDS), ours(lstm, IDS)[:, 1:], atol=1e-5, rtol=1e-5)


def test_a_damaged_folder_is_answered_in_one_line(lstm, tmp_path):
    folder = exported(lstm, tmp_path / "model")
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-40])
    with pytest.raises(Exception, match="(?i)incomplete|header|invalid") as short:  # what safetensors says
        loaded(folder)
    assert "\n" not in str(short.value)
    (folder / "model.safetensors").unlink()
    with pytest.raises(OSError, match="(?i)no file named"):
        loaded(folder)
    (folder / "model.safetensors").write_bytes(weights)
    config = json.loads((folder / "config.json").read_text())
    for change, said in (
        ({"layer_sizes": []}, r"layer_sizes\[0\] is missing, or no size; the file is damaged"),
        ({"vocab_size": None}, "vocab_size is missing"),
        ({"cell": None}, "cell is missing"),
        ({"cell": "lsmt"}, "'lsmt' is no cell"),
    ):
        changed = {name: value for name, value in {**config, **change}.items() if value is not None}
        (folder / "config.json").write_text(json.dumps(changed))
        with pytest.raises(ValueError, match=said):
            loaded(folder)


def test_what_cannot_go_is_refused_and_says_where_it_can(tmp_path):
    with pytest.raises(UserError, match="ngram: .* an n-gram model goes --to arpa"):
        exported(baseline(), tmp_path / "a")
    stored = neural("lstm")
    assert isinstance(stored.model, NeuralLanguageModel)
    object.__setattr__(stored.model.config, "cell", "mgu")
    with pytest.raises(UserError, match="there is no code for mgu .* --to torch writes its weights"):
        exported(stored, tmp_path / "a")


def test_a_program_that_cuts_text_may_read_far(lstm):
    assert isinstance(lstm.model, NeuralLanguageModel)
    assert config_of(lstm.model, 1)["n_positions"] > 1_000_000
