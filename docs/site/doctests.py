"""Examples in docstrings, which are run as doctests, are shown as what they are: Python with its answers."""

from __future__ import annotations

from typing import Any

from griffe import Extension, Object


class Doctests(Extension):
    """Puts a fence around every run of lines that begins with >>> and goes on to the next blank line."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of ``obj`` before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """Return a docstring with its doctests in fences."""
    lines: list[str] = []
    margin: str | None = None
    for line in [*text.split("\n"), ""]:
        if margin is None and line.lstrip().startswith(">>> "):
            margin = line[: len(line) - len(line.lstrip())]
            lines.append(f"{margin}```pycon")
        elif margin is not None and not line.strip():
            lines.append(f"{margin}```")
            margin = None
        lines.append(line)
    return "\n".join(lines[:-1])
