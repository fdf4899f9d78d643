"""Weights under torch's names, the program of a step, and word2vec text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from export_cases import KINDS, baseline, neural
from rnn_lm.errors import UserError
from rnn_lm.export.base import export_model
from rnn_lm.export.config import ExportConfig
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import SilentProgress, TerminalProgress

IDS = torch.randint(2, 15, (7, 3), generator=torch.Generator().manual_seed(1))
LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN, "rnn-relu": nn.RNN}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is made where it is looked at: that takes a second."""
    monkeypatch.setattr("rnn_lm.export.torch_weights.write_step", lambda *_: True)


def exported(stored: StoredModel, path: Path, to: str = "torch") -> Path:
    export_model(stored, path, ExportConfig(to), SilentProgress())
    return path


@torch.no_grad()
def ours(stored: StoredModel) -> torch.Tensor:
    assert isinstance(stored.model, NeuralLanguageModel)
    return stored.model(IDS, stored.model.initial_state(3))[0]


@pytest.mark.parametrize("kind", ["elman-tanh", "elman-relu", "gru", "lstm", "lstm-untied"])
def test_torch_s_layers_load_the_weights_and_compute_the_same(kind, tmp_path):
    stored = neural(kind)
    folder = exported(stored, tmp_path / kind)
    weights, sizes = load_file(folder / "model.safetensors"), json.loads((folder / "sizes.json").read_text())
    relu = {"nonlinearity": "relu"} if sizes["cell"] == "rnn-relu" else {}
    layers = LAYERS[sizes["cell"]](
        sizes["embedding_size"], sizes["layer_sizes"][0], num_layers=len(sizes["layer_sizes"]), **relu
    )
    layers.load_state_dict({name[4:]: tensor for name, tensor in weights.items() if name.startswith("rnn.")})
    with torch.no_grad():
        hidden, _ = layers(weights["encoder.weight"][IDS])
        found = torch.log_softmax(hidden @ weights["decoder.weight"].T + weights["decoder.bias"], -1)
    torch.testing.assert_close(found, ours(stored), atol=1e-5, rtol=1e-5)
    assert (folder / "vocabulary.txt").read_text().splitlines() == list(stored.vocabulary.tokens)


def test_layers_of_unequal_size_are_a_module_each(tmp_path):
    stored = neural("lstm-last-layer")
    weights = load_file(exported(stored, tmp_path / "a") / "model.safetensors")
    signal = weights["encoder.weight"][IDS]
    for index, (size_in, size_out) in enumerate(((6, 8), (8, 5))):
        layer, start = nn.LSTM(size_in, size_out), f"rnns.{index}."
        own = {name: tensor for name, tensor in weights.items() if name.startswith(start)}
        layer.load_state_dict({name.removeprefix(start): tensor for name, tensor in own.items()})
        with torch.no_grad():
            signal, _ = layer(signal)
    found = torch.log_softmax(signal @ weights["decoder.weight"].T + weights["decoder.bias"], -1)
    torch.testing.assert_close(found, ours(stored), atol=1e-5, rtol=1e-5)


def test_other_cells_keep_their_own_names(tmp_path):
    stored = neural("qrnn")
    assert isinstance(stored.model, NeuralLanguageModel)
    folder = exported(stored, tmp_path / "a")
    found = load_file(folder / "model.safetensors")
    assert set(found) == {name for name, _ in stored.model.named_parameters()}
    assert json.loads((folder / "sizes.json").read_text())["names"] == "rnn_lm"


RUNNER = """
import sys, torch
assert "rnn_lm" not in sys.modules
sys.modules["rnn_lm"] = None
ids = torch.tensor(eval(sys.argv[1]))
for folder in sys.argv[2:]:
    import json
    shapes = json.load(open(folder + "/sizes.json"))["state"]
    step = torch.export.load(folder + "/step.pt2").module()
    state = tuple(torch.load(folder + "/start.pt", weights_only=True))
    found = []
    for token in ids:
        log_probs, state = step(token, state)
        found.append(log_probs)
    torch.save(torch.stack(found), folder + "/found.pt")
"""


def test_a_step_is_a_program_for_any_batch(lstm, tmp_path, monkeypatch):
    monkeypatch.undo()
    program = torch.export.load(exported(lstm, tmp_path / "a") / "step.pt2").module()
    state, found = lstm.model.initial_state(1), []
    for token_b in IDS[:, :1]:
        log_prob_bv, state = program(token_b, state)
        found.append(log_prob_bv)
    torch.testing.assert_close(torch.stack(found).detach(), ours(lstm)[:, :1], atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_a_step_is_a_program_that_needs_torch_alone(tmp_path):
    kinds = [kind for kind in KINDS if not kind.startswith("attention")]
    script = (
        "import sys, torch; sys.path.insert(0, 'tests'); from export_cases import neural; "
        "from rnn_lm.export.torch_weights import TARGET; from rnn_lm.export.base import ExportJob; "
        "from rnn_lm.export.config import ExportConfig; from rnn_lm.progress import SilentProgress; "
        "from pathlib import Path\n"
        "for kind in sys.argv[2:]:\n"
        "    folder = Path(sys.argv[1]) / kind; folder.mkdir(); stored = neural(kind)\n"
        "    TARGET.write(ExportJob(stored, folder, ExportConfig('torch'), SilentProgress()))\n"
        "    torch.save([part for part in stored.model.initial_state(3)], folder / 'start.pt')\n"
    )  # without the shape checks of the tests, which torch.export would trace
    root = Path(__file__).resolve().parents[2]
    made = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), *kinds], cwd=root, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr[-2000:]
    folders = [str(tmp_path / kind) for kind in kinds]
    run = subprocess.run(
        [sys.executable, "-c", RUNNER, str(IDS.tolist()), *folders], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    for kind in kinds:
        found = torch.load(tmp_path / kind / "found.pt", weights_only=True)
        torch.testing.assert_close(found, ours(neural(kind)), atol=1e-5, rtol=1e-5)


def test_attention_has_no_program_and_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.undo()
    export_model(neural("attention"), tmp_path / "a", ExportConfig("torch"), TerminalProgress())
    assert "note: torch.export takes no state that grows" in capsys.readouterr().out
    assert not (tmp_path / "a" / "step.pt2").exists()


def test_word2vec_text_holds_the_embedding(lstm, tmp_path):
    from gensim.models import KeyedVectors

    found = KeyedVectors.load_word2vec_format(str(exported(lstm, tmp_path / "vectors.txt", "word2vec")))
    assert isinstance(lstm.model, NeuralLanguageModel)
    assert found.index_to_key == list(lstm.vocabulary.tokens)
    assert torch.equal(torch.tensor(found.vectors), lstm.model.embedding.weight.detach())


@pytest.mark.parametrize("to", ["torch", "word2vec"])
def test_an_ngram_is_refused(to, tmp_path):
    with pytest.raises(UserError, match="an n-gram model has no .* --to arpa"):
        exported(baseline(), tmp_path / "a", to)
