"""Models to be looked into: small ones, with a corpus of their own on the disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from export_cases import LINES, baseline, corpus, neural
from rnn_lm.explorer.answers import Explorer
from rnn_lm.models.storage import StoredModel

TEXT = "the cat sees fish .\na dog hears it , or me ."


@pytest.fixture(scope="package")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small text of ``export_cases``, several times over."""
    path = tmp_path_factory.mktemp("corpus") / "my.txt"
    path.write_text("\n".join(LINES * 20) + "\n", encoding="utf-8")
    return path


def of_corpus(stored: StoredModel, path: Path) -> StoredModel:
    """A model whose corpus is a file that is there."""
    found = corpus(stored.codec)
    return replace(stored, corpus=replace(found, corpus=(str(path),)))


@pytest.fixture(scope="package")
def models(corpus_file: Path) -> list[StoredModel]:
    """An LSTM of two layers, a GRU, a network with attention and an n-gram."""
    kinds = [neural("lstm"), neural("gru", layers=1), neural("attention"), baseline()]
    return [of_corpus(stored, corpus_file) for stored in kinds]


@pytest.fixture(scope="package")
def explorer(models: list[StoredModel]) -> Explorer:
    """The same, with their answers."""
    return Explorer(models, sample_tokens=400)
