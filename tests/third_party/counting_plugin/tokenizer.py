import re

from rnn_lm.text import Joiner, Tokenization


class Identifiers(Tokenization):
    """For code: ``next_word(x)`` is ``next``, ``_word``, ``(``, ``x`` and ``)``."""

    label, restores, lowercase = "parts of names", "characters", False

    def cut(self, line):
        return re.findall(r"<unk>|_?[^\W_]+|\S", line)

    def joiner(self):
        return PartJoiner()


class PartJoiner(Joiner):
    """Spaces between tokens, but none before the later parts of a name."""

    def add(self, token):
        text = super().add(token)
        return text.lstrip() if token.startswith("_") else text


def split(line):
    return line.split()
