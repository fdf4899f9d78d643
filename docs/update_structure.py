"""Draw the rooms of ``src/rnn_lm/`` by floors into ``docs/structure.md``: a room enters only rooms below its own.

python docs/update_structure.py
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1] / "src" / "rnn_lm"
PAGE = Path(__file__).resolve().with_name("structure.md")
BEGIN, END = "<!-- floors -->\n", "<!-- /floors -->\n"


def room_of(module: str) -> str:
    """``models`` of ``rnn_lm.models.recurrent``; the package itself is a room, too."""
    return [*module.split("."), ""][1]


def rooms(house: Path = HOUSE) -> dict[str, dict[str, Path]]:
    """Room to the rooms that it enters, inside functions as well, each with a file that does."""
    entered: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted(house.rglob("*.py")):
        room = room_of(".".join(("rnn_lm", *path.relative_to(house).with_suffix("").parts)))
        for module in _imports(path):
            if room_of(module) != room:
                entered[room].setdefault(room_of(module), path)
    return entered


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "rnn_lm")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rnn_lm":
            if node.module == "rnn_lm":
                yield from (f"rnn_lm.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def circle(entered: Mapping[str, Mapping[str, Path]]) -> list[str]:
    """Rooms that lead back to the first of them, or nothing."""
    done: set[str] = set()

    def walk(room: str, way: list[str]) -> list[str]:
        if room in way:
            return [*way[way.index(room) :], room]
        if room not in done:
            for other in entered.get(room, ()):
                if found := walk(other, [*way, room]):
                    return found
            done.add(room)
        return []

    for room in list(entered):
        if found := walk(room, []):
            return found
    return []


def floors(entered: Mapping[str, Mapping[str, Path]]) -> list[list[str]]:
    """The rooms by floor, the lowest first: one above the highest that they enter."""
    height: dict[str, int] = {}

    def of(room: str) -> int:
        if room not in height:
            height[room] = 1 + max((of(other) for other in entered.get(room, ())), default=-1)
        return height[room]

    names = {*entered, *(other for one in entered.values() for other in one)} - {"", "__init__"}
    top = max(map(of, names))
    return [sorted(name for name in names if height[name] == floor) for floor in range(top + 1)]


def drawing(entered: Mapping[str, Mapping[str, Path]] | None = None) -> str:
    """The floors as text, the highest first; a folder's name ends with a stroke."""
    lines = []
    for floor, names in reversed(list(enumerate(floors(rooms() if entered is None else entered)))):
        shown = [f"{name}/" if (HOUSE / name).is_dir() else name for name in names]
        lines.append(f"{floor:>2}  {'   '.join(shown)}")
    return "\n".join(lines) + "\n"


def main() -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}```\n{drawing()}```\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
