"""Nothing kept is shown, loaded or gone on with once it is no longer what it is taken for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from refusals import refused
from rnn_lm.checkpoint import read_checkpoint, write_checkpoint
from rnn_lm.cli import main
from rnn_lm.config import CorpusConfig, EmbeddingConfig
from rnn_lm.errors import UserError
from rnn_lm.experiments.scores import SCORES, Scores, score_model
from rnn_lm.experiments.vectors import KEPT, input_vectors
from rnn_lm.files import read_tensors, write_tensors
from rnn_lm.kept import read_kept, write_kept
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.storage import load_model
from rnn_lm.prepare import PreparedCorpus, prepare
from rnn_lm.progress import SilentProgress

GOLDEN = Path(__file__).parent / "golden" / "run-0.1"
NGRAM = ["--corpus", "corpus", "--tokens", "whitespace", "--order", "2"]
LSTM = [
    "--corpus", "corpus", "--tokens", "whitespace", "--embedding", "random", "--embedding-size", "8",
    "--hidden-size", "8", "--budget", "20steps", "--batch-size", "4", "--bptt-length", "6", "--validations", "4",
    "--softmax-samples", "10", "--dropout-output", "0.1",
]  # fmt: skip


class Heard(SilentProgress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Runs of version 0.1 and their corpus, in the working directory."""
    shutil.copytree(GOLDEN, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return tmp_path / "old"


@pytest.fixture
def ngram(folder) -> Path:
    """An n-gram of today."""
    assert main(["ngram", "--out", "new", *NGRAM]) == 0
    return folder / "new"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def replace(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def prepared(config: CorpusConfig = CorpusConfig(corpus=("corpus",), tokens="whitespace")) -> PreparedCorpus:  # noqa: B008
    return prepare(config, SilentProgress())


def test_a_run_of_0_1_whose_corpus_changed_is_refused_and_left_as_it_was(capsys, folder):
    replace(folder / "corpus" / "train.txt", "dog", "zebra")
    for command, name, flags in (("train", "lstm", LSTM), ("ngram", "ngram", NGRAM)):
        before = contents(folder / name)
        line = refused(capsys, command, "--out", name, "--resume", *flags)
        assert f"{name}/vocabulary.json: is not the vocabulary of this corpus" in line
        assert "choose another --out" in line
        assert contents(folder / name) == before
        load_model(folder / name)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_a_run_of_today_knows_each_of_its_texts(capsys, folder, ngram, split):
    before = contents(ngram)
    lines = (folder / "corpus" / f"{split}.txt").read_text().splitlines()
    (folder / "corpus" / f"{split}.txt").write_text("\n".join(reversed(lines)) + "\n")  # the same words and length
    line = refused(capsys, "ngram", "--out", "new", "--resume", *NGRAM)
    assert f"the {split} text is not the one that the run there was started with" in line
    assert contents(ngram) == before


def test_an_exchanged_vocabulary_is_noticed(capsys, ngram):
    path = ngram / "vocabulary.json"
    replace(path, '"dog"', '"cat0"')
    assert "is not the vocabulary of this corpus" in refused(capsys, "ngram", "--out", "new", "--resume", *NGRAM)
    with pytest.raises(UserError, match="is not the vocabulary that the model was trained with"):
        load_model(ngram)
    path.unlink()
    assert main(["ngram", "--out", "new", "--resume", *NGRAM]) == 0
    load_model(ngram)


def test_a_checkpoint_of_another_run_is_noticed(folder, ngram):
    assert main(["ngram", "--out", "stream", *NGRAM, "--boundary", "stream"]) == 0
    shutil.copy(folder / "stream" / "ngram.safetensors", ngram)
    with pytest.raises(UserError, match=r"is of another run than run.json beside it"):
        load_model(ngram)


def scored(folder: Path, corpus: PreparedCorpus, progress: Heard) -> Scores:
    return score_model(folder, load_model(folder).model, corpus, progress, ("sentence",))


def figures(scores: Scores) -> list[float]:
    return [one.total.perplexity for one in scores.values()]


def test_kept_scores_are_read_back_and_a_flipped_bit_has_them_made_again(ngram):
    progress, corpus = Heard(), prepared()
    first = figures(scored(ngram, corpus, progress))
    assert figures(scored(ngram, corpus, progress)) == first
    assert progress.lines == []
    path = ngram / SCORES
    content = bytearray(path.read_bytes())
    for place in (-1, -400, 60, 200):
        path.write_bytes(content[:place] + bytes([content[place] ^ 64]) + content[place:][1:])
        assert figures(scored(ngram, corpus, progress)) == first
        assert "the model is scored again" in progress.lines.pop()
        assert progress.lines == []


def test_kept_scores_are_of_one_text(folder, ngram):
    progress = Heard()
    before = figures(scored(ngram, prepared(), progress))
    path = folder / "corpus" / "test.txt"
    path.write_text(path.read_text().replace("old cow", "saw cow"))
    after = figures(scored(ngram, prepared(), progress))
    assert "scores of another model or text" in progress.lines.pop()
    assert before[0] == after[0]
    assert before[1] < after[1]


def test_kept_vectors_are_of_one_text_and_one_setting(folder):
    config = EmbeddingConfig(embedding_size=4, embedding_epochs=1)
    progress, corpus = Heard(), prepared()
    first = input_vectors(config, corpus, folder, 1, progress).vectors_ve
    assert first is not None
    repeated = input_vectors(config, corpus, folder, 1, progress).vectors_ve
    assert repeated is not None
    assert torch.equal(first, repeated)
    assert len(progress.lines) == 1
    again = input_vectors(config, corpus, folder, 2, progress).vectors_ve
    assert again is not None
    assert not torch.equal(first, again)
    assert "vectors of another text, vocabulary or setting; the vectors are made again" in progress.lines[1]
    write_checkpoint(folder / KEPT, {"vectors": torch.ones(2, 2)}, {"embedding": {}})
    input_vectors(config, corpus, folder, 2, progress)
    assert "source is missing" in progress.lines[3]


def test_a_finished_part_is_taken_up_by_its_key_alone_and_whole(tmp_path):
    path = tmp_path / "part.json"
    assert read_kept(path, {"seed": 1}) is None
    write_kept(path, {"seed": 1, "sizes": (2, 3)}, {"loss": 0.25})
    assert read_kept(path, {"seed": 1, "sizes": (2, 3)}) == {"loss": 0.25}
    assert read_kept(path, {"seed": 2, "sizes": (2, 3)}) is None
    replace(path, "0.25", "0.75")
    assert read_kept(path, {"seed": 1, "sizes": (2, 3)}) is None
    path.write_text(json.dumps({"key": {"seed": 1}, "result": {"loss": 1}}))  # as version 0.1 wrote it
    assert read_kept(path, {"seed": 1}) == {"loss": 1}
    for value in ([], {}, {"key": {"seed": 1}}, {"key": {"seed": 1}, "result": {}, "sha257": ""}):
        path.write_text(json.dumps(value))
        assert read_kept(path, {"seed": 1}) is None


def rewritten(path: Path, edit) -> None:
    """A file with a right checksum and other content."""
    tensors, facts = read_checkpoint(path)
    edit(tensors, facts)
    facts.pop("version")
    write_checkpoint(path, tensors, facts)


@pytest.mark.parametrize(
    "edit",
    [
        lambda tensors, _: tensors.update({"model.extra": torch.ones(1)}),
        lambda tensors, _: tensors.pop("model.embedding.weight"),
        lambda tensors, _: tensors.update({"model.embedding.weight": tensors["model.embedding.weight"].T.contiguous()}),
        lambda tensors, _: tensors.update({"model.embedding.weight": tensors["model.embedding.weight"].double()}),
        lambda tensors, _: tensors["model.embedding.weight"].fill_(torch.nan),
        lambda tensors, _: tensors.update({"model.decoder.bias": torch.empty(0)}),
    ],
)
def test_a_model_of_other_shapes_types_or_no_numbers_is_one_line(folder, edit):
    rewritten(folder / "lstm" / "best.safetensors", edit)
    with pytest.raises(UserError, match=r"best.safetensors: ") as caught:
        load_model(folder / "lstm")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sizes", [{"hidden_size": 2**50}, {"layers": 2**50}, {"mogrifier_rounds": 2**50}])
def test_a_model_that_no_memory_holds_is_not_begun(folder, sizes):
    manifest = json.loads((folder / "lstm" / "run.json").read_text())
    manifest["config"]["model"] |= {"cell": "mogrifier", **sizes}
    (folder / "lstm" / "run.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError):
        load_model(folder / "lstm")


@pytest.mark.parametrize(
    "edit",
    [
        lambda _, facts: facts.update(ngrams=[14, "23"]),
        lambda _, facts: facts.update(ngrams=[]),
        lambda _, facts: facts.update(config={"order": 3, "boundary": "sentence"}),
        lambda _, facts: facts.update(config=[]),
        lambda _, facts: facts.update(eos_id=14),
        lambda _, facts: facts.update(discounts=[[1]]),
        lambda tensors, _: tensors["2.keys"].fill_(10**6),
        lambda tensors, _: tensors["2.keys"].neg_(),
        lambda tensors, _: tensors["1.log_prob"].fill_(torch.nan),
        lambda tensors, _: tensors["1.log_prob"].fill_(1.0),
    ],
)
def test_an_ngram_file_with_the_wrong_content_is_one_line(folder, edit):
    path = folder / "ngram" / "ngram.safetensors"
    rewritten(path, edit)
    with pytest.raises(UserError, match=r"ngram.safetensors: ") as caught:
        NgramLanguageModel.load(path)
    assert "\n" not in str(caught.value)


def test_a_scores_file_of_somebody_else_is_not_believed(ngram):
    corpus, progress = prepared(), Heard()
    first = figures(scored(ngram, corpus, progress))
    tensors, header = read_tensors(ngram / SCORES)
    write_tensors(ngram / SCORES, {name: one * 2 for name, one in tensors.items()}, header)
    assert figures(scored(ngram, corpus, progress)) == first
    write_tensors(ngram / SCORES, tensors, {"unit": "nats"})  # as version 0.1 wrote it
    assert figures(scored(ngram, corpus, progress)) == first
    assert len(progress.lines) == 2
