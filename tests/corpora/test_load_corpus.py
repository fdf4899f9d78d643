"""What --corpus can name, and what is answered when it names nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import (
    TOKENIZERS,
    NamedCorpus,
    RawCorpus,
    build_vocabulary,
    load_corpus,
    read_split,
    resolve,
    tokenize_line,
)
from rnn_lm.errors import UserError
from rnn_lm.registry import Registry


def refusal(*names: str) -> str:
    with pytest.raises(UserError) as caught:
        load_corpus(CorpusConfig(corpus=names))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_misspelt_name() -> None:
    assert "did you mean 'web-bible'" in refusal("web-bibel")


def test_empty_name() -> None:
    assert "unknown corpus ''" in refusal("")


@pytest.mark.parametrize("name", ["missing.txt", "./missing", "no/such/folder"])
def test_missing_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "there is no such file" in refusal(name)


def test_folder_or_name_among_several(tmp_path: Path) -> None:
    assert "stands alone" in refusal(str(tmp_path), "b.txt")
    assert "stands alone" in refusal("b.txt", "web-bible")
    assert "stands alone" in refusal("b.txt", "hf:owner/name")


def test_a_registered_name_is_taken_before_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: Registry[NamedCorpus] = Registry("corpus")
    names.register("tiny")(NamedCorpus(lambda _: RawCorpus("Tiny", ["a"], ["b"], ["c"], "a test", "none", "by hand")))
    monkeypatch.setattr("rnn_lm.corpora.CORPORA", names)
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_corpus(CorpusConfig(corpus=("tiny",))).name == "Tiny"
    assert "there is no train.txt" in refusal("./tiny")


def test_configuration_decides_the_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("a a a b b c\n" * 2 + "d\n" * 2)
    config = CorpusConfig(corpus=(str(path),), split=(0.7, 0.1, 0.2), min_count=3, max_vocabulary=1)
    assert build_vocabulary(load_corpus(config), config).tokens == ("<unk>", "<eos>", "a")


def test_text_to_score_is_cut_as_the_corpus_was(tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_text("Don't go.\n\nYes\n")
    config = CorpusConfig()
    split = read_split(path, config, TOKENIZERS["words"])
    assert split.sentences == [["do", "n't", "go", "."], ["yes"]]
    assert split.sentences[0] == tokenize_line("Don't go.", config, TOKENIZERS["words"])
    assert split.characters == len("don't go.\nyes\n")


@pytest.mark.parametrize(
    ("name", "tokens", "lowercase", "min_count"),
    [
        ("web-bible", "words", True, None),
        ("ptb", "whitespace", False, None),
        ("wikitext-2", "whitespace", False, None),
        ("wikitext-103", "whitespace", False, None),
        ("text8", "characters", False, 1),
        ("enwik8", "bytes", False, 1),
        ("tiny-shakespeare", "characters", False, 1),
        ("hf:owner/name", "words", True, None),
        ("some.txt", "words", True, None),
    ],
)
def test_a_corpus_brings_its_usual_settings(name: str, tokens: str, lowercase: bool, min_count: int | None) -> None:
    resolved = resolve(CorpusConfig(corpus=(name,)))
    assert (resolved.tokens, resolved.lowercase, resolved.min_count) == (tokens, lowercase, min_count)
    assert resolve(resolved) is resolved


def test_what_a_person_chooses_goes_before_what_is_usual() -> None:
    resolved = resolve(CorpusConfig(corpus=("text8",), tokens="words", lowercase=True))
    assert (resolved.tokens, resolved.lowercase, resolved.min_count) == ("words", True, None)
    assert resolve(CorpusConfig(corpus=("text8",), min_count=5)).min_count == 5
    assert resolve(CorpusConfig(split=(0.8, 0.1, 0.1), max_vocabulary=9)).max_vocabulary == 9


@pytest.mark.parametrize("name", ["web-bible", "hf:owner/name", "some.txt", "."])
def test_a_data_folder_is_refused_where_nothing_is_downloaded(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--data-dir is for the corpora that are downloaded .*ptb.*, not for --corpus"):
        load_corpus(CorpusConfig(corpus=(name,), data_dir=str(tmp_path)))
