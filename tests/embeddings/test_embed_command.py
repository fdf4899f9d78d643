"""``rnn-lm embed`` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from refusals import refused
from rnn_lm.cli import main
from rnn_lm.config import EmbeddingConfig
from rnn_lm.embeddings import load_embedding
from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress
from rnn_lm.seeding import generator
from rnn_lm.vocabulary import Vocabulary

LETTERS = ["a", "b", "c", "d", "e", "f", "g", "h"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"{split}.txt").write_text(f"{' '.join(LETTERS)}\n{' '.join(reversed(LETTERS))}\n" * 4)
    return folder


def embed(corpus: Path, *arguments: str) -> list[str]:
    return ["embed", "--corpus", str(corpus), "--embedding-size", "2", *arguments]


def coverage(output: str) -> str:
    return next(line for line in output.splitlines() if line.startswith("embedding")).partition(": ")[2]


def test_what_out_writes_reports_the_same_coverage(capsys, corpus, tmp_path) -> None:
    vectors, out = tmp_path / "vectors.txt", tmp_path / "out.txt"
    vectors.write_text("a 1 2\nzebra 3 4\n")
    assert main(embed(corpus, "--embedding", str(vectors), "--out", str(out))) == 0
    first = capsys.readouterr().out
    assert coverage(first) == "2 dimensions, 12.5% of types and 12.5% of tokens covered"
    assert out.read_text() == "1 2\na 1.0 2.0\n"
    assert f"--embedding {out} --embedding-size 2" in first.replace("\n", " ")
    assert main(embed(corpus, "--embedding", str(out))) == 0
    assert coverage(capsys.readouterr().out) == coverage(first)


def test_out_is_checked_before_the_work_and_replaces_nothing_unasked(capsys, corpus, tmp_path) -> None:
    vectors, out = tmp_path / "vectors.txt", tmp_path / "out.txt"
    vectors.write_text("a 1 2\n")
    out.write_text("mine")
    arguments = embed(corpus, "--embedding", str(vectors), "--out", str(out))
    assert "--overwrite" in refused(capsys, *arguments)
    assert out.read_text() == "mine"
    assert main([*arguments, "--overwrite"]) == 0
    assert out.read_text().startswith("1 2\n")
    assert "there is no folder" in refused(capsys, *arguments[:-1], str(tmp_path / "none" / "out.txt"))


def test_mistakes_are_found_before_vectors_are_trained(capsys, corpus, monkeypatch) -> None:
    monkeypatch.setattr("rnn_lm.embeddings.load_embedding", lambda *_: pytest.fail("trained"))
    assert "'zebra' is not in the vocabulary" in refused(capsys, *embed(corpus, "--near", "zebra"))
    assert "--window must be at most 10,000" in refused(capsys, *embed(corpus, "--window", "2147483648"))


def test_a_file_of_other_words_is_said_to_be_one() -> None:
    assert _said("a 1 2\n", [f"w{index}" for index in range(20)]) == [
        "note        vectors.txt: covers 4.8% of the words; is it of another language, or of words cut in another way "
        "(--tokens, --lowercase)?"
    ]
    assert _said("a 1 2\n", ["b"]) == []


def _said(content: str, others: list[str]) -> list[str]:
    said: list[str] = []

    class Listener(SilentProgress):
        def say(self, message: str) -> None:
            said.append(message)

    vocabulary = Vocabulary.build([["a", *others]])
    path = Path("vectors.txt")
    path.write_text(content)
    load_embedding(EmbeddingConfig("./vectors.txt", 2), vocabulary, [], generator(1, "vectors"), Listener())
    return said


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_vectors_that_no_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_lm.embeddings.available_memory", lambda: 1 << 20)
    vocabulary = Vocabulary.build([["a"]])
    with pytest.raises(UserError, match="--embedding-size 100000: vectors of 3 words take"):
        load_embedding(
            EmbeddingConfig(embedding_size=100_000), vocabulary, [["a"]], generator(1, "vectors"), SilentProgress()
        )
