"""TextModel: the same object for n-gram, recurrent and attention models, from folders and ARPA files."""

from __future__ import annotations

import math
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import rnn_lm
from rnn_lm.cli import main
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.models.attention import AttentionConfig, AttentionLanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.seeding import generator

SENTENCES = ["the cat sees fish .", "a dog hears the sea ."]


@pytest.fixture(params=["tiny", "kn", "arpa", "attention"])
def model(house, request):
    """A model of each family."""
    if request.param == "arpa":
        path = house / "kn.arpa"
        if not path.exists():
            arguments = ["--corpus", "my.txt", "--order", "3", "--out", "runs/arpa", "--arpa", str(path)]
            assert main(["ngram", *arguments]) == 0
        return rnn_lm.load(path, progress=False)
    if request.param == "attention":
        like = rnn_lm.load("runs/tiny", progress=False).stored
        config = AttentionConfig(hidden_size=16, layers=2, heads=2)
        made = AttentionLanguageModel(len(like.vocabulary), config, torch.Generator().manual_seed(1))
        stored = StoredModel(made, like.vocabulary, like.corpus, like.tokenizer, "attention")
        return rnn_lm.TextModel(stored, progress=False)
    return rnn_lm.load(Path("runs") / request.param, progress=False)


def test_surprisal_adds_up_to_the_perplexity_under_either_policy(model):
    for policy in ("sentence", "stream"):
        rows = model.surprisal(SENTENCES, policy=policy)
        assert [row.token for row in rows] == [*SENTENCES[0].split(), "<eos>", *SENTENCES[1].split(), "<eos>"]
        mean = sum(rows["surprisal_bits"]) / len(rows)
        assert model.perplexity(SENTENCES, policy=policy) == pytest.approx(2**mean)


def test_a_text_its_sentences_and_a_file_are_scored_alike(model, tmp_path):
    text = "\n".join(SENTENCES)
    path = tmp_path / "text.txt"
    path.write_text(f"{text}\n\n")
    found = [model.perplexity(one) for one in (text, f"\n{text}\n", SENTENCES, path)]
    assert all(one == pytest.approx(found[0], rel=1e-9) for one in found)
    assert all(one.total.characters == found[0].total.characters for one in found)
    assert [row.line for row in model.surprisal(path)][::6] == [1, 2, 2][: len(model.surprisal(path)[::6])]


def test_next_gives_the_probabilities_of_the_model(model):
    rows = model.next("the cat", top=len(model.vocabulary))
    assert sum(rows["probability"]) == pytest.approx(1, abs=1e-4)
    assert rows["probability"] == sorted(rows["probability"], reverse=True)
    (seen,) = (row for row in rows if row.token == "sees")
    bits = model.surprisal(["the cat sees fish ."])[2].surprisal_bits
    assert -math.log2(seen.probability) == pytest.approx(bits, rel=1e-4)
    assert model.next(top=1)[0].token in model.vocabulary


def test_pieces_make_up_the_text_and_the_seed_decides(model):
    pieces = list(model.generate("the cat", length=12, seed=3))
    assert pieces == list(model.generate("the cat", length=12, seed=3))
    assert pieces != list(model.generate("the cat", length=12, seed=4))
    text = "the cat" + "".join(pieces)
    assert "  " not in text
    assert len(model.vocabulary.encode(text.replace(".", " .").split())) >= 10
    assert "".join(model.generate("", sentences=1, temperature=1)).count("\n") <= 1


def test_it_says_what_it_is(model):
    assert repr(model).startswith(f"TextModel({model.name!r}, ")
    assert model.name in model._repr_html_()
    assert model.parameters > 100
    assert str(model.device) == "cpu"
    assert model.to("cpu") is model


def test_states_of_a_recurrent_model_are_those_it_scores_with(house):  # noqa: ARG001
    model = rnn_lm.load("runs/tiny", progress=False)
    states = model.hidden("the cat sees fish")
    assert states.tokens == ("<eos>", "the", "cat", "sees", "fish")
    assert len(states) == 1
    ids = torch.tensor(model.vocabulary.encode(states.tokens)).unsqueeze(1)
    with torch.no_grad():
        hidden_tbh, (_, cell_lbh) = model.lm.hidden(ids, model.lm.initial_state(1))  # pyright: ignore
    torch.testing.assert_close(states[-1].hidden, hidden_tbh[:, 0])
    assert states[0].cell is not None
    torch.testing.assert_close(states[0].cell[-1], cell_lbh[0, 0])
    assert set(states[0].gates) == {"input", "forget", "candidate", "output"}
    assert "forget (5, 12)" in repr(states) or "(5, 12)" in repr(states)


def test_layers_of_an_attention_model_and_none_of_an_ngram(model):
    if model.name == "attention":
        states = model.hidden("the cat sees fish")
        assert [layer.hidden.shape for layer in states] == [(5, 16), (5, 16)]
        assert states[0].cell is None
        assert model.lm.layers[0]._forward_hooks == {}
    elif model.name != "tiny":
        with pytest.raises(rnn_lm.UserError, match="has no hidden states: it is an n-gram"):
            model.hidden("the cat")


def test_words_it_does_not_know_are_said(house):  # noqa: ARG001
    class Heard:
        def __init__(self):
            self.said = []

        def say(self, message):
            self.said.append(message)

        def task(self, name, total):
            raise NotImplementedError

    heard = Heard()
    model = rnn_lm.load("runs/tiny", progress=heard)
    assert model.hidden("the zebra").tokens == ("<eos>", "the", "<unk>")
    assert heard.said == ["note: not in the model's vocabulary, read as <unk>: zebra"]
    assert model.stored.model is model.lm


def test_its_own_corpus_is_the_default(house):  # noqa: ARG001
    model = rnn_lm.load("runs/kn", progress=False)
    test, valid = model.perplexity(policy="stream"), model.perplexity(policy="stream", split="valid")
    assert (test.token_count, valid.token_count) == (387, 393)
    assert test.low is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [([], "no sentence to score"), ("\n \n", "no sentence"), (["a", " "], "sentence 2 is blank")],
)  # fmt: skip
def test_texts_that_cannot_be_scored(house, text, message):  # noqa: ARG001
    with pytest.raises(rnn_lm.UserError, match=message):
        rnn_lm.load("runs/tiny", progress=False).perplexity(text)


def test_the_end_of_a_sentence_is_not_for_the_text(model):
    if model.name == "kn.arpa":  # whose text is cut at white space, so that <eos> would be itself
        with pytest.raises(rnn_lm.UserError, match="sentence 2 holds <eos>"):
            model.perplexity(["a dog", "the <eos> cat"])


def test_rows_are_a_table_everywhere(house, monkeypatch):  # noqa: ARG001
    rows = rnn_lm.load("runs/tiny", progress=False).surprisal(SENTENCES)
    assert rows[1:3][0] == rows[1]
    assert [row.token for row in rows] == rows["token"]
    assert repr(rows).splitlines()[0].split() == list(rows.columns)
    assert rows._repr_html_().count("<tr>") == 14
    assert "&lt;eos&gt;" in rows._repr_html_()
    with pytest.raises(KeyError, match="surprisal_bits"):
        rows["surprisal"]
    many = rnn_lm.Rows(type(rows[0]), [rows[0]] * 30)
    assert "... 10 more rows" in repr(many)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(rnn_lm.UserError, match=r"pip install 'rnn-lm\[pandas\]'"):
        rows.to_pandas()


def test_rows_become_a_data_frame(house, monkeypatch):  # noqa: ARG001
    pandas = types.ModuleType("pandas")
    pandas.DataFrame = dict  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    rows = rnn_lm.load("runs/tiny", progress=False).surprisal(SENTENCES)
    assert rows.to_pandas()["token"] == rows["token"]


def test_scores_are_those_of_the_library(house):  # noqa: ARG001
    model = rnn_lm.load("runs/tiny", progress=False)
    text = model.vocabulary.encode_text([sentence.split() for sentence in SENTENCES], characters=0)
    assert model.perplexity(SENTENCES) == pytest.approx(score_text(model.lm, text, "sentence").total.perplexity)


def test_the_last_layer_of_a_model_of_another_kind_is_shown(house):  # noqa: ARG001
    class Blurred(NeuralLanguageModel):
        """What was read, the older the fainter."""

        def __init__(self, vocabulary_size, embedding_size, config, generator):
            super().__init__(vocabulary_size, embedding_size, embedding_size, config)
            self.adaptive = self.make_adaptive()
            self.initialize(generator)

        def initial_state(self, batch):
            return (self.embedding.weight.new_zeros(1, batch, self.embedding.embedding_dim),)

        def restarted(self, state, where_b):
            return (state[0].masked_fill(where_b.unsqueeze(1), 0.0),)

        def hidden(self, input_tb, state, masks=None):
            read, rows = state[0][0], []
            for embedded_be in self.embed(input_tb, masks):
                read = 0.5 * read + embedded_be
                rows.append(read)
            return torch.stack(rows), (read.unsqueeze(0),)

    stored = rnn_lm.load("runs/tiny", progress=False).stored
    blurred = Blurred(len(stored.vocabulary), 12, stored.model.config, generator(1, "start"))  # pyright: ignore
    model = rnn_lm.TextModel(replace(stored, model=blurred), progress=False)
    states = model.hidden("the cat sees fish")
    assert len(states) == 1
    ids = torch.tensor(model.vocabulary.encode(states.tokens)).unsqueeze(1)
    with torch.no_grad():
        whole_tbh, _ = blurred.hidden(ids, blurred.initial_state(1))
    torch.testing.assert_close(states[-1].hidden, whole_tbh[:, 0])
    assert states[0].cell is None
    assert states[0].gates == {}
