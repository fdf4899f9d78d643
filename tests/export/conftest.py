"""Models to be exported."""

from __future__ import annotations

import pytest

from export_cases import baseline, neural
from rnn_lm.models.storage import StoredModel


@pytest.fixture(scope="package")
def ngram() -> StoredModel:
    """An n-gram model."""
    return baseline()


@pytest.fixture(scope="package")
def lstm() -> StoredModel:
    """An LSTM of two layers over words."""
    return neural("lstm")
