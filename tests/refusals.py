"""What a person sees of a command that cannot be run."""

from __future__ import annotations

from rnn_lm.cli import main


def refused(capsys, *arguments: str) -> str:
    """The one line that a refused command prints."""
    capsys.readouterr()
    assert main(list(arguments)) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("rnn-lm: ")
    return lines[0]
