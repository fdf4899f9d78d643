"""How the parts of the package hang together: what stands in ``src/rnn_lm/`` imports in one direction."""

from pathlib import Path

import pytest

from by_path import module_at

DOCS = Path(__file__).resolve().parents[1] / "docs"
structure = module_at("docs/update_structure.py")
PARTS = structure.parts()


def test_no_part_leads_back_to_itself():
    assert structure.circle(PARTS) == []


def test_the_page_draws_the_package_as_it_is():
    assert structure.drawing(PARTS) in (DOCS / "structure.md").read_text(encoding="utf-8")


def test_a_circle_is_found(tmp_path):
    for name, text in {
        "models/a.py": "from rnn_lm.training.b import c",
        "training/b.py": "def f():\n    from rnn_lm.models import a",
        "stream.py": "import rnn_lm.training.b",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert sorted(set(structure.circle(structure.parts(tmp_path)))) == ["models", "training"]


@pytest.mark.parametrize(
    ("part", "above"),
    [
        ("layers", {"models", "training", "evaluation", "vocabulary", "corpora", "config"}),
        ("models", {"training", "evaluation", "experiments", "probes", "gradients", "theory", "report"}),
        ("training", {"evaluation", "experiments", "corpora", "report"}),
        ("evaluation", {"experiments", "training", "report"}),
    ],
)
def test_a_part_does_not_import_from_the_levels_above(part, above):
    assert not PARTS[part].keys() & above
