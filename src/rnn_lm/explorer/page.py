"""The page as one file: its parts, the answers to what it will ask about its texts, and the models themselves.

A written page asks nobody: what it may ask stands in it, and models that the engine of ``export/web`` can run are in it
too, so that it reads texts that nobody had thought of. It is UTF-16, of which weights and states fill 15 bits of every
16 (``export/web/weights.py``), and its policy forbids every request.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from rnn_lm.errors import UserError
from rnn_lm.explorer.answers import Explorer
from rnn_lm.export.web.weights import as_characters, pack, refusal
from rnn_lm.files import write_atomically
from rnn_lm.progress import Progress

SCRIPTS = ("engine.js", "source.js", "scales.js", "matching.js", "read.js", "cells.js", "gradients.js", "write.js",
           "main.js")  # fmt: skip
"""In the order in which they are run."""
PARTS = ("index.html", "page.css", *SCRIPTS)
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


def content_of(name: str) -> bytes:
    """Return a part of the page: one of its own files, or the engine of exported pages."""
    room = "rnn_lm.export.web" if name == "engine.js" else "rnn_lm.explorer.web"
    return files(room).joinpath(name).read_bytes()


def write_page(explorer: Explorer, texts: Sequence[str], path: Path, carry: bool, progress: Progress) -> None:
    """Write the page to ``path``.

    Args:
        explorer: the models.
        texts: that are read in it; of each all answers are kept.
        path: the file.
        carry: put the models into it.
        progress: told how far it is.

    Raises:
        UserError: there is no text, or the file cannot be written.
    """
    if not texts:
        raise UserError("--export needs a text, since no corpus is at hand: add --text or --file")
    answers = _answers(explorer, texts, progress)
    models = [_model(explorer, number, progress) if carry else None for number in range(len(explorer.models))]
    content = page_of({"texts": list(texts), "answers": answers, "models": models})
    write_atomically(path, content)
    progress.say(f"written: {path}, {len(content) / 1e6:.1f} MB; it needs nothing else")


def page_of(carried: dict[str, Any]) -> bytes:
    """Return the file with what it is to carry in ``globalThis.EXPLORER_PAGE``."""
    html = content_of("index.html").decode()
    scripts = [f"globalThis.EXPLORER_PAGE = {_as_script(carried)};", *(content_of(name).decode() for name in SCRIPTS)]
    html = re.sub(r"\s*<script src=.*?</script>", "", html)
    html = html.replace(
        '<link rel="stylesheet" href="page.css">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<style>\n{content_of('page.css').decode()}</style>",
    )
    inline = "\n".join(f"<script>\n{script}\n</script>" for script in scripts)
    return b"\xff\xfe" + html.replace("</body>", f"{inline}\n</body>").encode("utf-16-le")


def _as_script(value: Any) -> str:
    """JSON that cannot end the script it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def packed(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as the page unpacks it: JSON, squeezed, 15 bits to a character."""
    return _carried(zlib.compress(json.dumps(answer, separators=(",", ":")).encode(), 9))


def _carried(stream: bytes) -> dict[str, Any]:
    return {"bytes": len(stream), "text": as_characters(stream).decode("utf-16-le")}


def _answers(explorer: Explorer, texts: Sequence[str], progress: Progress) -> dict[str, Any]:
    """What the page will ask about its texts, by question and by what is asked (``source.js`` has the same keys)."""
    about = explorer.answer("about", {})
    found: dict[str, Any] = {"about": packed(about)}
    with progress.task("answers", len(about["models"]) * (len(texts) + 1)) as task:
        for place, text in enumerate(texts):
            reading = explorer.answer("read", {"text": text})
            found[f"read {place}"] = packed(reading)
            for number, facts in enumerate(about["models"]):
                if facts["has_states"] and "error" not in reading["models"][number]:
                    asked = {"text": text, "model": number}
                    found[f"states {number} {place}"] = packed(explorer.answer("states", asked))
                    ids = reading["models"][number]["ids"]
                    flows = [explorer.answer("gradients", {**asked, "at": at}) for at in range(len(ids))]
                    found[f"gradients {number} {place}"] = packed({"at": flows})
                task.update(place * len(about["models"]) + number + 1)
        for number, facts in enumerate(about["models"]):
            for question in ("corpus", "probes") if facts["has_states"] else ():
                found[f"{question} {number}"] = packed(_answer_or_error(explorer, question, number))
    return found


def _answer_or_error(explorer: Explorer, question: str, number: int) -> dict[str, Any]:
    try:
        return explorer.answer(question, {"model": number})
    except UserError as error:
        return {"error": str(error)}


def _model(explorer: Explorer, number: int, progress: Progress) -> dict[str, Any] | None:
    """A model as the engine reads it; None where it cannot."""
    stored = explorer.models[number]
    if (reason := refusal(stored)) is not None:
        progress.say(f"note: {stored.name} reads the page's own texts alone: {reason}")
        return None
    return _carried(pack(stored).stream)
