"""A script, not a test: a new user's first hour, as docs/first-hour.md tells it, in an empty folder and environment.

    python tests/first_hour.py [FOLDER]

Every block of the page is typed into one shell, in order, and nothing that is not on the page; alone the address in
``git clone`` is exchanged for this checkout, since the owner's is not known. It needs a network, for pip. What is on
the page after the installation is a test, too (``tests/test_first_hour.py``).
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


def type_in(commands: str, folder: Path, environment: dict[str, str]) -> str:
    """What a shell prints to the commands; the first that fails ends it."""
    shell = ["bash", "-e", "-o", "pipefail", "-c", commands]
    return subprocess.run(shell, cwd=folder, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout


def main() -> None:
    """Type the whole page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else name)
        folder.mkdir(parents=True, exist_ok=True)
        ours = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
        environment = {name: value for name, value in os.environ.items() if name not in ours}
        commands = "".join(content for _, content in blocks(PAGE.read_text(encoding="utf-8")))
        assert commands.count(ADDRESS) == 1
        shown = "set -v\n" + commands.replace(ADDRESS, str(ROOT))
        print(type_in(shown, folder, environment))
        report = folder / "rnn_lm" / "runs" / "first" / "report.html"
        assert report.stat().st_size > 100_000, report
        print("the first hour works")


if __name__ == "__main__":
    main()
