"""Hugging Face data sets, with a stand-in for the library: which column, which splits, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import Corpus, hugging_face, load_corpus
from rnn_lm.corpora.hugging_face import Reference, read_hugging_face
from rnn_lm.errors import UserError

PARTS = (0.6, 0.2, 0.2)


class Part(dict[str, list[Any]]):
    """One split: columns by name, as the library gives them."""

    info = SimpleNamespace(license="cc-by-4.0")

    @property
    def features(self) -> dict[str, SimpleNamespace]:
        types = {str: "string", int: "int64"}
        return {name: SimpleNamespace(dtype=types[type(rows[-1])]) for name, rows in self.items()}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str | None], Mapping[str, Part]]:
    """What can be loaded, by name and configuration."""
    sets: dict[tuple[str, str | None], Mapping[str, Part]] = {}

    def load_dataset(name: str, config: str | None) -> Mapping[str, Part]:
        if (name, config) not in sets:
            raise ValueError(f"Config name is missing.\n\nPlease pick one among the available ones of {name}")
        return sets[name, config]

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "datasets", module)
    return sets


def load(name: str) -> Corpus:
    return load_corpus(CorpusConfig(corpus=(name,), split=PARTS, tokens="whitespace"))


def refusal(name: str) -> str:
    with pytest.raises(UserError) as caught:
        load(name)
    message = str(caught.value)
    assert "\n" not in message
    return message


def words(corpus: Corpus) -> list[str]:
    return [" ".join(" ".join(sentence) for sentence in split.sentences) for split in corpus.splits.values()]


LINES = [f"line {index}" for index in range(10)]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("hf:imdb", Reference("imdb", None, None)),
        ("hf:owner/name", Reference("owner/name", None, None)),
        ("hf:owner/name/config", Reference("owner/name", "config", None)),
        ("hf:owner/name/config-1:body", Reference("owner/name", "config-1", "body")),
        ("hf:owner/name:body", Reference("owner/name", None, "body")),
    ],
)
def test_references(text: str, reference: Reference) -> None:
    assert Reference.parse(text) == reference


@pytest.mark.parametrize("text", ["hf:", "hf:a//b", "hf:a/b/c/d", "hf:/a", "hf:a/b/:c"])
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(UserError, match=f"--corpus {text}: write hf:OWNER/NAME"):
        Reference.parse(text)


@pytest.mark.parametrize("valid", ["validation", "valid", "dev"])
def test_splits_are_those_of_the_data_set(hub: dict[Any, Any], valid: str) -> None:
    hub["owner/name", "small"] = {
        "train": Part(text=["A b", None, "c\nd", "e"], label=[1, 2, 3, 4]),
        valid: Part(text=["f"], label=[1]),
        "test": Part(text=["g"], label=[1]),
        "unsupervised": Part(text=["h"], label=[1]),
    }
    corpus = load("hf:owner/name/small")
    assert words(corpus) == ["a b c d e", "f", "g"]
    assert (corpus.name, corpus.licence) == ("owner/name/small", "cc-by-4.0")
    assert corpus.source == "hf:owner/name/small, a Hugging Face data set, column text"
    assert corpus.split_description == "as the data set has it"


@pytest.mark.parametrize(("present", "sizes"), [((), (6, 2, 2)), (("test",), (7, 3, 1)), (("validation",), (7, 1, 3))])
def test_missing_splits_are_cut_from_train(
    hub: dict[Any, Any], present: tuple[str, ...], sizes: tuple[int, ...]
) -> None:
    hub["name", None] = {"train": Part(text=LINES), **{split: Part(text=["other"]) for split in present}}
    corpus = load("hf:name")
    assert tuple(len(split.sentences) for split in corpus.splits.values()) == sizes
    assert " ".join(words(corpus)).replace(" other", "") == " ".join(LINES)
    assert "cut from the end of train" in corpus.split_description


def test_a_column_is_chosen_or_asked_for(hub: dict[Any, Any]) -> None:
    hub["many", None] = {"train": Part(title=LINES, body=[line.replace("line", "body") for line in LINES], n=[1])}
    assert "which column? Append one of :title, :body" in refusal("hf:many")
    assert words(load("hf:many:body"))[0].startswith("body 0")
    assert "no text column of that name; it has title, body" in refusal("hf:many:n")
    hub["numbers", None] = {"train": Part(n=[1], m=[2])}
    assert "no column with text, only n, m" in refusal("hf:numbers")


def test_a_column_called_text_is_the_one(hub: dict[Any, Any]) -> None:
    hub["many", None] = {"train": Part(url=["u"] * 10, text=LINES)}
    assert "column text" in load("hf:many").source


def test_what_the_library_says_becomes_one_line(hub: dict[Any, Any]) -> None:
    hub.clear()
    assert "--corpus hf:a/b: cannot be loaded: Config name is missing. Please pick one" in refusal("hf:a/b")


def test_unusable_splits(hub: dict[Any, Any]) -> None:
    hub["a", None] = {"test": Part(text=LINES)}
    assert "no train split, only test" in refusal("hf:a")
    hub["a", None] = {"train": Part(text=LINES), "test": Part(text=["", " "])}
    assert "test has 0 sentences, at least 1" in refusal("hf:a")
    hub["a", None] = {"train": Part(text=["one", "two"])}
    assert "train has 2 sentences, at least 3" in refusal("hf:a")


def test_without_the_library_its_installation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "pip install datasets" in refusal("hf:owner/name")


class Fingerprinted(Part):
    """A split as the library gives it, which knows its size and what it was made from."""

    def __init__(self, fingerprint: str, **columns: list[Any]) -> None:
        super().__init__(**columns)
        self._fingerprint = fingerprint
        self.data = SimpleNamespace(nbytes=100)


def test_content_is_known_by_the_fingerprints_of_the_library(hub: dict[Any, Any]) -> None:
    def digest(fingerprint: str, split: tuple[float, float, float] = PARTS) -> str:
        hub["name", None] = {"train": Fingerprinted(fingerprint, text=LINES)}
        content = read_hugging_face("hf:name", split).content
        assert content is not None
        assert content.size == 100
        return content.digest()

    assert digest("a") == digest("a")
    assert len({digest("a"), digest("b"), digest("a", (0.5, 0.25, 0.25))}) == 3
    hub["name", None] = {"train": Part(text=LINES)}
    assert read_hugging_face("hf:name", PARTS).content is None


def test_rows_are_read_some_at_a_time(hub: dict[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ["one. two", None, "", "\n three\nfour"] * 9
    hub["name", None] = {"train": Part(text=rows)}
    at_once = words(load("hf:name"))
    monkeypatch.setattr(hugging_face, "_ROWS", 2)
    assert words(load("hf:name")) == at_once
