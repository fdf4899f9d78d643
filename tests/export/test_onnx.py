"""ONNX Runtime gives the numbers of our models, however a text is cut: every cell, every decoder, attention."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from export_cases import neural
from rnn_lm.config import CorpusConfig, ModelConfig, NgramConfig
from rnn_lm.errors import UserError
from rnn_lm.export.onnx import write_onnx
from rnn_lm.export.onnx_models import begin, onnx_model, state_parts
from rnn_lm.layers.cells import CELLS, Cell
from rnn_lm.models.families import family_of
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText
from rnn_lm.text import TOKENIZERS, TextCodec
from rnn_lm.vocabulary import Vocabulary

pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

V = 45
SIZES: dict[str, Any] = {"hidden_size": 16, "mogrifier_rank": 3}


def made(**settings: Any) -> NeuralLanguageModel:
    """A model none of whose numbers is 0, biases among them."""
    config = ModelConfig(**{**SIZES, **settings})
    model = family_of(config.cell).build(V, 8, config, generator(1, "start"))
    source = generator(2, "start")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3, generator=source)
    return model.eval()


def stored(model: LanguageModel) -> StoredModel:
    words = Vocabulary(["<unk>", "<eos>", *(f"w{index}" for index in range(V - 2))], [1] * V)
    return StoredModel(model, words, CorpusConfig(), TOKENIZERS["words"], "tiny")


class Runtime:
    """One graph in ONNX Runtime, and the state that it has left."""

    def __init__(self, model: NeuralLanguageModel, kind: Any) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(onnx_model(model, kind).SerializeToString(), options)
        self.parts = state_parts(model)

    def start(self, batch: int) -> None:
        self.state = {part.name: begin(part, batch) for part in self.parts}

    def read(self, ids: torch.Tensor) -> np.ndarray:
        name = self.session.get_inputs()[0].name
        wanted = ["log_probabilities", *(part.next_name for part in self.parts)]
        output, *after = self.session.run(wanted, {name: ids.numpy(), **self.state})
        self.state = {part.name: value for part, value in zip(self.parts, after, strict=True)}
        return output


def differ_by(model: NeuralLanguageModel, reference: NeuralLanguageModel | None = None) -> float:
    """The largest difference of a log-probability, over batches, and cuts behind which the state is carried over.

    From those of ``reference``, by default the exported model itself.
    """
    reference = reference or model
    block, step, worst = Runtime(model, "block"), Runtime(model, "step"), 0.0
    for batch, cuts in ((1, [3, 1, 5]), (3, [9])):
        ids_tb = torch.randint(V, (sum(cuts), batch), generator=generator(3, "ids"))
        with torch.no_grad():
            expected = reference(ids_tb, reference.initial_state(batch))[0].numpy()
        block.start(batch)
        found = np.concatenate([block.read(part) for part in ids_tb.split(cuts)])
        step.start(batch)
        one_by_one = np.stack([step.read(ids_b) for ids_b in ids_tb])
        worst = max(worst, *(float(np.abs(each - expected).max()) for each in (found, one_by_one)))
    return worst


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell(cell: str, layers: int) -> None:
    assert differ_by(made(cell=cell, layers=layers)) < 1e-5


@pytest.mark.parametrize(
    "settings",
    [
        {"cell": "lstm", "decoder": "adaptive", "tie_weights": False},
        {"cell": "gru", "tie_weights": False},
        {"cell": "lstm", "layers": 2, "last_hidden_size": 8},
        {"cell": "mogrifier", "mogrifier_rounds": 0},
        {"cell": "mogrifier", "mogrifier_rounds": 2},
        {"cell": "mogrifier", "layers": 2, "cap_input_gate": True, "skip_connections": True},
        {"cell": "lstm", "cap_input_gate": True},
    ],
    ids=str,
)
def test_decoders_and_settings_of_layers(settings: dict[str, Any]) -> None:
    assert differ_by(made(**settings)) < 1e-5


@pytest.mark.parametrize("sharpness", ["log-length", "constant"])
@pytest.mark.parametrize("window", [5, 256])
@pytest.mark.parametrize("positions", ["local-global", "none", "rotary", "alibi"])
def test_attention(positions: str, window: int, sharpness: str) -> None:
    model = made(cell="attention", layers=2, positions=positions, attention_window=window, sharpness=sharpness)
    assert differ_by(model) < 1e-5


def test_gates_far_from_zero_lose_no_digits() -> None:
    """Beside float64: log-probabilities reach -51, of which float32 itself has lost most of what is allowed."""
    for cell in ("rg-lru", "minlstm", "slstm"):
        model = made(cell=cell)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.startswith("layers") and name.endswith(("bias", "decay")):
                    parameter.mul_(25)
        assert differ_by(model, copy.deepcopy(model).double()) < 1e-5, cell


def test_the_folder_says_what_a_program_must_know(tmp_path: Path) -> None:
    model = stored(made(cell="slstm", layers=2))
    write_onnx(model, tmp_path)
    about = json.loads((tmp_path / "model.json").read_text())
    assert about["first_token"] == about["eos_id"] == 1
    assert {part["input"]: part["begins"] for part in about["states"]}["stabilizer_1"] == -1e4
    for graph in about["graphs"].values():
        session = onnxruntime.InferenceSession(tmp_path / graph["file"])
        inputs = {value.name: value.shape for value in session.get_inputs()}
        assert inputs == {
            graph["input"]["name"]: graph["input"]["shape"],
            **{part["input"]: part["shape"] for part in about["states"]},
        }
        outputs = {value.name: value.shape for value in session.get_outputs()}
        assert outputs[graph["output"]["name"]] == graph["output"]["shape"]
        assert set(outputs) == {graph["output"]["name"], *(part["output"] for part in about["states"])}
    codec = TextCodec.load(tmp_path)
    assert codec.encode("W3 w4 w99\n") == model.codec.encode("W3 w4 w99\n")


def test_int8_has_smaller_matrices_and_about_the_same_probabilities(tmp_path: Path) -> None:
    model = stored(made(cell="lstm", hidden_size=32))
    write_onnx(model, tmp_path / "whole")
    write_onnx(model, tmp_path / "bytes", "int8")
    found = {}
    for folder in ("whole", "bytes"):
        session = onnxruntime.InferenceSession(tmp_path / folder / "block.onnx")
        begins = {part.name: begin(part, 2) for part in state_parts(model.model)}
        ids_tb = torch.arange(20).view(10, 2).numpy()
        found[folder] = session.run(["log_probabilities"], {"tokens": ids_tb, **begins})[0]
    difference = np.abs(found["whole"] - found["bytes"]).max()
    assert 1e-6 < difference < 0.5
    sizes = [(tmp_path / folder / "step.onnx").stat().st_size for folder in ("whole", "bytes")]
    assert sizes[1] < sizes[0]


def test_what_cannot_be_a_graph_is_refused() -> None:
    ngram = NgramLanguageModel.train(EncodedText(torch.tensor([2, 3, 1, 2, 1]), 1, 10), V, NgramConfig(2))
    with pytest.raises(UserError, match="an n-gram of order 2 is a table.*--to arpa"):
        state_parts(ngram)

    class Unknown(Cell):
        def __init__(self, input_size: int, hidden_size: int) -> None:
            super().__init__(input_size, hidden_size)
            self.weight = torch.nn.Parameter(torch.zeros(1))

    model = made(cell="rnn")
    model.layers[0] = Unknown(8, 16)  # pyright: ignore[reportArgumentType, reportIndexIssue]
    with pytest.raises(UserError, match="nobody has written the equations of Unknown in ONNX"):
        state_parts(model)


def test_the_keyboard_example_needs_neither_torch_nor_this_package(tmp_path: Path) -> None:
    lstm = neural("lstm")
    write_onnx(lstm, tmp_path)
    example = Path(__file__).resolve().parents[2] / "examples" / "keyboard_onnx.py"
    program = (
        "import sys, runpy; sys.modules['torch'] = sys.modules['rnn_lm'] = None; "
        f"sys.argv = ['keyboard', {str(tmp_path)!r}, 'the cat s']; "
        f"runpy.run_path({str(example)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    offered = [line.split("\t") for line in done.stdout.splitlines()]
    assert isinstance(lstm.model, NeuralLanguageModel)
    ids_tb = torch.tensor([1, *lstm.codec.encode("the cat")]).unsqueeze(1)
    with torch.no_grad():
        log_probs_v = lstm.model(ids_tb, lstm.model.initial_state(1))[0][-1, 0]
    words = [word for word in lstm.vocabulary.tokens if word.startswith("s")]
    expected = {word: float(log_probs_v[lstm.vocabulary.encode([word])[0]].exp()) for word in words}
    best = sorted(expected, key=lambda word: -expected[word])[:3]
    assert offered == [[word, f"{expected[word]:.1%}"] for word in best]
