"""How the rooms of the house hang together: what stands in ``src/rnn_lm/`` imports in one direction."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import rnn_lm

HOUSE = Path(rnn_lm.__file__).parent


def room_of(module):
    """``models`` of ``rnn_lm.models.recurrent``; the package itself is a room, too."""
    return [*module.split("."), ""][1]


def imports(path):
    """Every module of the house that a file imports, inside functions as well."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "rnn_lm")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rnn_lm":
            assert node.module
            yield from [f"rnn_lm.{alias.name}" for alias in node.names] if node.module == "rnn_lm" else [node.module]


def rooms(house):
    """Room to the rooms that it enters, each with a file that does."""
    entered = defaultdict(dict)
    for path in sorted(house.rglob("*.py")):
        room = room_of(".".join(("rnn_lm", *path.relative_to(house).with_suffix("").parts)))
        for module in imports(path):
            if room_of(module) != room:
                entered[room].setdefault(room_of(module), path)
    return entered


def circle(entered):
    """Rooms that lead back to the first of them, or nothing."""
    done = set()

    def walk(room, way):
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


def test_no_room_leads_back_to_itself():
    assert circle(rooms(HOUSE)) == []


def test_a_circle_is_found(tmp_path):
    for name, text in {
        "models/a.py": "from rnn_lm.training.b import c",
        "training/b.py": "def f():\n    from rnn_lm.models import a",
        "stream.py": "import rnn_lm.training.b",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert sorted(set(circle(rooms(tmp_path)))) == ["models", "training"]


@pytest.mark.parametrize(
    ("room", "above"),
    [
        ("layers", {"models", "training", "evaluation", "vocabulary", "corpora", "config"}),
        ("models", {"training", "evaluation", "experiments", "probes", "gradients", "theory", "report"}),
        ("training", {"evaluation", "experiments", "corpora", "report"}),
        ("evaluation", {"experiments", "training", "report"}),
    ],
)
def test_a_room_does_not_reach_for_the_floors_above(room, above):
    assert not rooms(HOUSE)[room].keys() & above
