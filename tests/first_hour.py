"""A script, not a test: a new user's first hour, as docs/first-hour.md tells it, in an empty folder and environment.

    python tests/first_hour.py [FOLDER]

Every block of the page is typed into one shell, in order, and nothing that is not on the page; git is told that the
address in ``git clone`` is this checkout's, since the owner's is not known yet: what is committed is what is run. It
needs a network, for pip, and says how long each block took. What is on the page after the installation is a test, too
(``tests/test_first_hour.py``).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "first-hour.md"
BLOCK = re.compile(r"^## ([^\n]*)$|^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "https://github.com/OWNER/rnn_lm"


def blocks(page: str) -> list[tuple[str, str]]:
    """Heading and commands of every block, those of Python as they would be typed into a shell."""
    heading, found = "", []
    for title, language, content in BLOCK.findall(page):
        if title:
            heading = title
        else:
            found.append((heading, content if language == "sh" else f"python - <<'END'\n{content}END\n"))
    return found


def type_in(commands: str, folder: Path, environment: dict[str, str], *, kept: bool = True) -> str:
    """What a shell prints to the commands, or nothing where it is shown instead; the first that fails ends it."""
    shell = ["bash", "-e", "-o", "pipefail", "-c", commands]
    pipe = subprocess.PIPE if kept else None
    return subprocess.run(shell, cwd=folder, env=environment, check=True, text=True, stdout=pipe).stdout or ""


def timed(found: list[tuple[str, str]]) -> str:
    """The same commands, shown as they are typed, with a line after each block that says how long it took."""
    parts = [f'SECONDS=0\n{commands}echo "== {heading}: $SECONDS s"\n' for heading, commands in found]
    return "set -v\n" + "".join(parts)


def as_on_a_new_machine(environment: dict[str, str]) -> dict[str, str]:
    """The environment without Python's settings, and with this checkout at the address that the page names."""
    left = {name: value for name, value in environment.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    left |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{ROOT}.insteadOf", "GIT_CONFIG_VALUE_0": ADDRESS}
    return left


def main() -> None:
    """Type the whole page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else name)
        folder.mkdir(parents=True, exist_ok=True)
        found = blocks(PAGE.read_text(encoding="utf-8"))
        assert ADDRESS in found[0][1]
        type_in(timed(found), folder, as_on_a_new_machine(dict(os.environ)), kept=False)
        report = folder / "rnn_lm" / "runs" / "first" / "report.html"
        assert report.stat().st_size > 100_000, report
        print("the first hour works")


if __name__ == "__main__":
    main()
