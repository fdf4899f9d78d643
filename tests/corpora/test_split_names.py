"""Files named train, valid and test are these splits: test text is never trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import Corpus, load_corpus
from rnn_lm.corpora.split_names import splits_by_name
from rnn_lm.errors import UserError

TEXTS = {"train": "a b\n" * 40, "valid": "c d\n" * 4, "test": "e f\n" * 4}


def load(folder: Path, names: list[str]) -> Corpus:
    paths = [folder / name for name in names]
    for split, path in zip(TEXTS, paths, strict=False):
        path.parent.mkdir(exist_ok=True)
        path.write_text(TEXTS[split])
    return load_corpus(CorpusConfig(corpus=tuple(map(str, reversed(paths)))))


@pytest.mark.parametrize(
    "names",
    [
        ["train.txt", "valid.txt", "test.txt"],
        ["wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"],
        ["en_ewt-ud-train.txt", "en_ewt-ud-dev.txt", "en_ewt-ud-test.txt"],
        ["Train_1.txt", "VALIDATION_1.txt", "TEST_1.txt"],
        ["x.train", "x.val", "x.test"],
        ["train/a.txt", "dev/a.txt", "test/a.txt"],
    ],
)
def test_names_say_the_splits(tmp_path: Path, names: list[str]) -> None:
    corpus = load(tmp_path, names)
    assert [split.sentences[0] for split in corpus.splits.values()] == [["a", "b"], ["c", "d"], ["e", "f"]]
    assert [len(split.sentences) for split in corpus.splits.values()] == [40, 4, 4]
    assert "read as these splits" in corpus.notes[0]
    assert f"{names[2]} (test)" in corpus.notes[0]


def test_a_missing_split_is_cut_from_train(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a b\n" * 40)
    (tmp_path / "test.txt").write_text("e f\n" * 4)
    corpus = load_corpus(CorpusConfig(corpus=(str(tmp_path / "train.txt"), str(tmp_path / "test.txt"))))
    assert corpus.test.sentences == [["e", "f"]] * 4
    assert corpus.train.sentences == [["a", "b"]] * 38
    assert corpus.valid.sentences == [["a", "b"]] * 2
    assert "valid cut from the end of train" in corpus.notes[0]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["a.train.txt", "b.train.txt", "test.txt"], "not one each"),
        (["train.txt", "more.txt", "test.txt"], "more.txt .nothing."),
        (["a.txt", "test.txt"], "not one each"),
        (["valid.txt", "test.txt"], "none of these files is train"),
    ],
)
def test_names_that_leave_it_open_are_refused(names: list[str], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        splits_by_name([Path(name) for name in names])


@pytest.mark.parametrize(
    "names",
    [
        ["train.txt"],
        ["a.txt", "b.txt"],
        ["train-1.txt", "train-2.txt"],
        ["latest.txt", "trained.txt"],
        ["test/a", "test/b"],
    ],
)
def test_other_names_say_nothing(names: list[str]) -> None:
    assert splits_by_name([Path(name) for name in names]) is None
