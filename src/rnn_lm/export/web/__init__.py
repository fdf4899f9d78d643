"""``--to web``: a folder with a page that runs the model, from a disk or any static host, with nothing else to load.

    index.html     the page; page.css, page.js: how it looks and what it does
    engine.js      the model in plain JavaScript: reads tokens, gives log-probabilities; also without the page
    model.js       the weights, the vocabulary and how text is cut (``weights.py`` has the format)

The page's log-probabilities are Python's to 1e-4: how many bits that takes is measured when the model is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from rnn_lm.export.base import ExportJob
from rnn_lm.export.web.weights import pack, refusal
from rnn_lm.files import write_atomically
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.storage import StoredModel

PARTS = ("index.html", "page.css", "page.js", "engine.js")


@dataclass(frozen=True)
class Web:
    """``--to web``."""

    label: str = "a page"
    kind: Literal["file", "folder"] = "folder"

    def refuses(self, stored: StoredModel) -> str | None:
        """See ``ExportTarget.refuses``."""
        return refusal(stored)

    def write(self, job: ExportJob) -> None:
        """See ``ExportTarget.write``."""
        assert isinstance(job.stored.model, NeuralLanguageModel)
        packed = pack(job.stored)
        write_atomically(job.destination / "model.js", packed.script)
        for name in PARTS:
            write_atomically(job.destination / name, files(__name__).joinpath(name).read_bytes())
        size = sum(part.stat().st_size for part in job.destination.iterdir())
        job.progress.say(
            f"{size / 1e6:.2f} MB; weights to {packed.bits} binary places: on {packed.tokens} tokens that the model "
            f"wrote, no log-probability in its vocabulary differs by more than {packed.difference:.1e}"
        )


TARGET = Web()
