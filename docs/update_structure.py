"""Draw the parts of ``src/rnn_lm/`` by levels into ``docs/structure.md``; a part imports only from levels below.

python docs/update_structure.py
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "rnn_lm"
PAGE = Path(__file__).resolve().with_name("structure.md")
BEGIN, END = "<!-- floors -->\n", "<!-- /floors -->\n"


def part_of(module: str) -> str:
    """``models`` of ``rnn_lm.models.recurrent``; the package itself is a part, too."""
    return [*module.split("."), ""][1]


def parts(package: Path = PACKAGE) -> dict[str, dict[str, Path]]:
    """A part to the parts that it imports, inside functions as well, each with a file that does."""
    imported: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted(package.rglob("*.py")):
        part = part_of(".".join(("rnn_lm", *path.relative_to(package).with_suffix("").parts)))
        for module in _imports(path):
            if part_of(module) != part:
                imported[part].setdefault(part_of(module), path)
    return imported


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "rnn_lm")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rnn_lm":
            if node.module == "rnn_lm":
                yield from (f"rnn_lm.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def circle(imported: Mapping[str, Mapping[str, Path]]) -> list[str]:
    """Parts that lead back to the first of them, or nothing."""
    done: set[str] = set()

    def walk(part: str, way: list[str]) -> list[str]:
        if part in way:
            return [*way[way.index(part) :], part]
        if part not in done:
            for other in imported.get(part, ()):
                if found := walk(other, [*way, part]):
                    return found
            done.add(part)
        return []

    for part in list(imported):
        if found := walk(part, []):
            return found
    return []


def levels(imported: Mapping[str, Mapping[str, Path]]) -> list[list[str]]:
    """The parts by level, the lowest first: one above the highest that they import."""
    height: dict[str, int] = {}

    def of(part: str) -> int:
        if part not in height:
            height[part] = 1 + max((of(other) for other in imported.get(part, ())), default=-1)
        return height[part]

    names = {*imported, *(other for one in imported.values() for other in one)} - {"", "__init__"}
    top = max(map(of, names))
    return [sorted(name for name in names if height[name] == level) for level in range(top + 1)]


def drawing(imported: Mapping[str, Mapping[str, Path]] | None = None) -> str:
    """The levels as text, the highest first; a folder's name ends with a stroke."""
    lines = []
    for level, names in reversed(list(enumerate(levels(parts() if imported is None else imported)))):
        shown = [f"{name}/" if (PACKAGE / name).is_dir() else name for name in names]
        lines.append(f"{level:>2}  {'   '.join(shown)}")
    return "\n".join(lines) + "\n"


def main() -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}```\n{drawing()}```\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
