"""A next-word keyboard on ONNX Runtime and NumPy alone: neither torch nor rnn_lm is needed where this runs.

    rnn-lm export runs/demo/lstm-seed1 model --to onnx
    python keyboard_onnx.py model "in the beginning god cre"

It offers the words that go on from what is typed: those that begin with the letters of the last word, by what stands
before it. Memory and the time for a word do not grow with the text: the state is all that is kept of it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnxruntime

_MARKS = r"n't|'(?:s|d|m|ll|re|ve)(?!\w)|\d+(?:[.,]\d+)+|\w+?(?=n't)|\w+(?:-\w+)*|\.{2,}|-{2,}|\S"
"""How ``--tokens words`` cuts English that is lower-cased and has no accents; codec.json says how a model's text is."""


class Keyboard:
    """A model that offers words.

    Args:
        folder: what ``rnn-lm export --to onnx`` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.words = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))["tokens"]
        if self.about["tokens"] != "words":
            raise SystemExit(f"{folder}: a keyboard of words needs a model of words, not of {self.about['tokens']}")
        self._ids = {word: index for index, word in enumerate(self.words)}
        self._session = onnxruntime.InferenceSession(folder / self.about["graphs"]["step"]["file"])
        self.clear()

    def clear(self) -> None:
        """Begin a text: the end of a sentence stands before it."""
        self._state = {
            part["input"]: np.full([1 if n == "batch" else n if isinstance(n, int) else 0 for n in part["shape"]],
                                   part["begins"], np.float32)
            for part in self.about["states"]
        }  # fmt: skip
        self.read(self.about["first_token"])

    def read(self, index: int) -> None:
        """Read one more token."""
        names = [self.about["graphs"]["step"]["output"]["name"], *(part["output"] for part in self.about["states"])]
        token = self.about["graphs"]["step"]["input"]["name"]
        found = self._session.run(names, {token: np.array([index], np.int64), **self._state})
        self.log_probabilities = np.asarray(found[0])[0]
        self._state = {part["input"]: value for part, value in zip(self.about["states"], found[1:], strict=True)}

    def read_text(self, text: str) -> None:
        """Read whole words."""
        text = text.lower() if self.about["lowercase"] else text
        for word in re.findall(_MARKS, text):
            self.read(self._ids[word] if word in self._ids else self.about["unk_id"])

    def offers(self, begun: str = "", count: int = 3) -> list[tuple[str, float]]:
        """Return the most probable words that begin with some letters, with their probabilities."""
        found = []
        for index in np.argsort(-self.log_probabilities):
            word = self.words[index]
            if word.startswith(begun.lower()) and word[0].isalnum() and word != begun:
                found.append((word, float(np.exp(self.log_probabilities[index]))))
                if len(found) == count:
                    break
        return found


def main() -> None:
    folder, text = Path(sys.argv[1]), " ".join(sys.argv[2:])
    begun = re.search(r"\w*$", text)[0]  # pyright: ignore[reportOptionalSubscript]
    keyboard = Keyboard(folder)
    keyboard.read_text(text[: len(text) - len(begun)])
    for word, probability in keyboard.offers(begun):
        print(f"{word}\t{probability:.1%}")


if __name__ == "__main__":
    main()
