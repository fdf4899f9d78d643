"""Models of other programs: the perplexity that they have there is the one that they have here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import rnn_lm
from export_cases import LINES, baseline, neural
from refusals import refused
from rnn_lm.cli import main

WORDS = sorted({word for line in LINES for word in line.split()})
VOCABULARY = [*WORDS[:3], "<unk>", *WORDS[3:], "<eos>"]  # not where ours stand
TEXT = [*LINES, "the zebra sees it ."]


class Foreign(nn.Module):
    """As pytorch/examples has it: encoder, rnn, decoder."""

    def __init__(self, kind: str, hidden: int, embedding: int, layers: int = 2, tied: bool = False) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.encoder = nn.Embedding(len(VOCABULARY), embedding)
        how: dict[str, Any] = {"nonlinearity": kind[4:].lower()} if kind.startswith("RNN_") else {}
        self.rnn = getattr(nn, kind.partition("_")[0])(embedding, hidden, layers, **how)
        self.decoder = nn.Linear(hidden, len(VOCABULARY))
        if tied:
            self.decoder.weight = self.encoder.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.log_softmax(self.decoder(self.rnn(self.encoder(ids))[0]), -1)


class Stacked(nn.Module):
    """As AWD-LSTM has it: a module per layer, each in a wrapper that drops weights; tied."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.encoder, self.decoder = nn.Embedding(len(VOCABULARY), 6), nn.Linear(6, len(VOCABULARY))
        self.decoder.weight = self.encoder.weight
        self.rnns = nn.ModuleList([nn.LSTM(6, 9), nn.LSTM(9, 6)])

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        signal = self.encoder(ids)
        for layer in self.rnns:
            signal = layer(signal)[0]
        return torch.log_softmax(self.decoder(signal), -1)

    def names(self) -> dict[str, torch.Tensor]:
        found = {}
        for name, tensor in self.state_dict().items():
            if name.startswith("rnns."):
                name = name.replace(".", ".module.", 2).replace(".module.", ".", 1)
            found[f"{name}_raw" if "weight_hh" in name else name] = tensor
            if "weight_hh" in name:
                found[name] = torch.zeros_like(tensor)  # what weight drop left of the last step
        return found


@torch.no_grad()
def nll_there(model: nn.Module) -> float:
    """-log P of the text, one sentence after the other, from the first <eos> on."""
    words = ["<eos>", *(word for line in TEXT for word in [*line.split(), "<eos>"])]
    ids = torch.tensor([VOCABULARY.index(word if word in VOCABULARY else "<unk>") for word in words])
    found = model.eval()(ids[:-1].unsqueeze(1))[:, 0]
    return -float(found.gather(1, ids[1:].unsqueeze(1)).sum())


def given(folder: Path, weights: dict[str, torch.Tensor], vocabulary: list[str] | None = None) -> list[str]:
    (folder / "words.txt").write_text("\n".join(vocabulary or VOCABULARY) + "\n")
    save_file({name: tensor.contiguous().clone() for name, tensor in weights.items()}, folder / "lm.safetensors")
    return ["import", str(folder / "lm.safetensors"), "--vocabulary", str(folder / "words.txt")]


@pytest.mark.parametrize(
    ("kind", "sizes", "cell"),
    [
        ("LSTM", {"hidden": 7, "embedding": 5}, "lstm"),
        ("LSTM", {"hidden": 6, "embedding": 6, "tied": True}, "lstm"),
        ("GRU", {"hidden": 7, "embedding": 5, "layers": 1}, "gru"),
        ("RNN_TANH", {"hidden": 7, "embedding": 5}, "rnn"),
        ("RNN_RELU", {"hidden": 7, "embedding": 5}, "rnn-relu"),
    ],
)
def test_word_language_model_scores_here_as_there(kind, sizes, cell, tmp_path, capsys):
    model = Foreign(kind, **sizes)
    relu = ["--nonlinearity", "relu"] if cell == "rnn-relu" else []
    assert main([*given(tmp_path, model.state_dict()), "--out", str(tmp_path / "run"), *relu]) == 0
    assert "next: rnn-lm evaluate" in capsys.readouterr().out
    found = rnn_lm.load(tmp_path / "run", progress=False)
    assert found.lm.config.cell == cell  # pyright: ignore[reportAttributeAccessIssue]
    assert found.lm.config.tie_weights == sizes.get("tied", False)  # pyright: ignore[reportAttributeAccessIssue]
    assert found.perplexity(TEXT, policy="stream").total.nll_sum == pytest.approx(nll_there(model), rel=1e-5)
    assert "".join(found.generate("the cat", length=5)).strip()


def test_awd_lstm_scores_here_as_there_and_goes_out_again(tmp_path):
    model = Stacked()
    assert main([*given(tmp_path, model.names()), "--out", str(tmp_path / "run")]) == 0
    found = rnn_lm.load(tmp_path / "run", progress=False)
    assert found.lm.config.layer_sizes == (9, 6)  # pyright: ignore[reportAttributeAccessIssue]
    assert found.perplexity(TEXT, policy="stream").total.nll_sum == pytest.approx(nll_there(model), rel=1e-5)
    pytest.importorskip("tokenizers")
    assert (found.export(tmp_path / "hf") / "config.json").is_file()


def test_what_torch_saved_of_a_state_dict_is_read_and_what_it_pickled_is_not(tmp_path, capsys):
    model = Foreign("GRU", 7, 5)
    words = given(tmp_path, model.state_dict())[2:]
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": one for name, one in model.state_dict().items()}},
               tmp_path / "lm.pt")  # fmt: skip
    assert main(["import", str(tmp_path / "lm.pt"), *words, "--out", str(tmp_path / "run")]) == 0
    found = rnn_lm.load(tmp_path / "run", progress=False)
    assert found.perplexity(TEXT, policy="stream").total.nll_sum == pytest.approx(nll_there(model), rel=1e-5)
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pt")
    said = refused(capsys, "import", str(tmp_path / "whole.pt"), *words, "--out", str(tmp_path / "b"))
    assert "whole.pt: holds a pickled object, which is not read" in said
    assert "torch.save(model.state_dict(), FILE)" in said
    assert not (tmp_path / "b").exists()


def test_what_we_export_can_be_imported(tmp_path, monkeypatch):
    stored = neural("lstm-last-layer")
    from rnn_lm.api.model import TextModel

    monkeypatch.setattr("rnn_lm.export.torch_weights.write_step", lambda *_: False)
    TextModel(stored, progress=False).export(tmp_path / "out", to="torch")
    words = ["--vocabulary", str(tmp_path / "out" / "vocabulary.txt"), "--out", str(tmp_path / "run")]
    assert main(["import", str(tmp_path / "out" / "model.safetensors"), *words]) == 0
    found, ours = rnn_lm.load(tmp_path / "run", progress=False), TextModel(stored, progress=False)
    assert found.vocabulary.tokens == stored.vocabulary.tokens
    assert found.perplexity(LINES) == pytest.approx(ours.perplexity(LINES), rel=1e-5)


def test_an_arpa_file_becomes_a_run(tmp_path, capsys):
    from rnn_lm.api.model import TextModel

    ngram = TextModel(baseline(), progress=False)
    arpa = str(ngram.export(tmp_path / "m.arpa.gz", to="arpa"))
    assert main(["import", arpa, "--out", str(tmp_path / "run")]) == 0
    found = rnn_lm.load(tmp_path / "run", progress=False)
    assert found.perplexity(LINES) == pytest.approx(ngram.perplexity(LINES), rel=1e-6)
    said = refused(capsys, "import", arpa, "--vocabulary", "w", "--out", str(tmp_path / "b"))
    assert said == "rnn-lm: --vocabulary: an ARPA file holds its own words; leave it out"


def test_words_that_are_missing_are_asked_for_by_name(tmp_path, capsys):
    model = Foreign("LSTM", 7, 5)
    renamed = ["</s>" if word == "<eos>" else "UNK" if word == "<unk>" else word for word in VOCABULARY]
    command = given(tmp_path, model.state_dict(), renamed)
    assert main([*command, "--out", str(tmp_path / "a"), "--unk", "UNK"]) == 0
    wanted = pytest.approx(nll_there(model), rel=1e-5)
    found = rnn_lm.load(tmp_path / "a", progress=False)
    assert found.perplexity(TEXT, policy="stream").total.nll_sum == wanted
    assert main([*command, "--out", str(tmp_path / "b")]) == 0  # without a word for those that are not known
    assert "a word that it lacks gets no probability" in capsys.readouterr().out
    lacking = rnn_lm.load(tmp_path / "b", progress=False)
    assert lacking.perplexity(LINES) == pytest.approx(found.perplexity(LINES), rel=1e-5)
    command = given(tmp_path, model.state_dict(), ["stop" if word == "</s>" else word for word in renamed])
    assert "has no word '<eos>' that ends a sentence; name the one" in refused(capsys, *command)


def test_what_does_not_fit_is_one_line(tmp_path, capsys):
    weights = Foreign("LSTM", 7, 5).state_dict()
    out = ["--out", str(tmp_path / "run")]

    def said(changes: dict[str, torch.Tensor | None], vocabulary: list[str] | None = None) -> str:
        changed = {name: one for name, one in {**weights, **changes}.items() if one is not None}
        return refused(capsys, *given(tmp_path, changed, vocabulary), *out)

    assert f"has {len(VOCABULARY) - 1} lines" in said({}, VOCABULARY[1:])
    assert "stands on line 1 already" in said({}, [VOCABULARY[1], *VOCABULARY[1:]])
    assert "has no matrix encoder.weight" in said({"encoder.weight": None})
    assert "what is decoder.weight here has shape" in said({"decoder.weight": weights["decoder.weight"][1:]})
    assert "'query.key' is none of the names that can be read" in said({"query.key": torch.zeros(2)})
    assert "two directions cannot be read" in said({"rnn.weight_ih_l0_reverse": torch.zeros(2)})
    assert "5 blocks of gates" in said({f"rnn.weight_{one}_l0": torch.zeros(35, 7) for one in ("ih", "hh")})
    lost = dict.fromkeys([f"rnn.{what}_{one}_l1" for what in ("weight", "bias") for one in ("ih", "hh")])
    assert "has layers 0, 2" in said({**lost, "rnn.weight_hh_l2": torch.zeros(28, 7)})
    assert "holds what is no number" in said({"decoder.bias": torch.full((len(VOCABULARY),), torch.nan)})
    command = given(tmp_path, weights)
    assert "give --vocabulary FILE" in refused(capsys, "import", command[1], *out)
    assert "there is no such file" in refused(capsys, "import", str(tmp_path / "none.pt"), *command[2:], *out)
    (tmp_path / "lm.safetensors").write_bytes((tmp_path / "lm.safetensors").read_bytes()[:-9])
    assert "damaged, not a whole safetensors file" in refused(capsys, *command, *out)
    assert not (tmp_path / "run").exists()


def test_there_is_no_text_to_go_back_to(tmp_path, capsys):
    assert main([*given(tmp_path, Foreign("GRU", 7, 5).state_dict()), "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    said = refused(capsys, "evaluate", str(tmp_path / "run"))
    assert said.startswith("rnn-lm: run: a file of weights brings no text to score: add --text FILE")
    said = refused(capsys, "train", "--config", str(tmp_path / "run" / "run.json"))
    assert "give that to rnn-lm import" in said
