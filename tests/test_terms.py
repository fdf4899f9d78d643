"""The words are the field's: what is predicted is not foretold, and models that are compared are no contestants."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
INSTEAD = {
    r"foret(old|ell)": "predicted",
    r"contestant": "model",
    r"culprit": "failed",
    r"runs of (\d+ )?sentences": "blocks of sentences",
    r"\bmend\b": "fix",
}


@pytest.mark.parametrize(("word", "term"), INSTEAD.items())
def test_the_fields_term_is_used(word, term):
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "docs/tutorials").glob("*.ipynb")]
    for path in [*pages, *(ROOT / "src").rglob("*.py")]:
        found = re.search(word, path.read_text(encoding="utf-8"), re.IGNORECASE)
        assert not found, f"{path.relative_to(ROOT)} says {found[0]!r} for {term!r}"
