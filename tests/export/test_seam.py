"""The seam of exports: targets by name, destinations, and refusals in one line."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from rnn_lm.errors import UserError
from rnn_lm.export.base import MANIFEST, TARGETS, ExportJob, export_model, require_destination
from rnn_lm.export.config import ExportConfig
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import SilentProgress


@dataclass(frozen=True)
class Note:
    """A target that writes the model's name."""

    kind: Literal["file", "folder"]
    label: str = "note"
    broken: bool = False

    def refuses(self, stored: StoredModel) -> str | None:
        return "a note holds no ARPA model" if stored.name.endswith(".arpa") else None

    def write(self, job: ExportJob) -> None:
        path = job.destination if self.kind == "file" else job.destination / "note.txt"
        path.write_text(job.stored.name)
        if self.broken:
            raise UserError(f"{path}: the pen broke")


@pytest.fixture(autouse=True)
def _more_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"note": Note("file"), "notes": Note("folder"), "broken": Note("folder", broken=True)}
    monkeypatch.setattr(TARGETS, "_entries", {**TARGETS._entries, **more})


def export(stored: StoredModel, path: Path, to: str, overwrite: bool = False) -> None:
    export_model(stored, path, ExportConfig(to, overwrite), SilentProgress())


def test_a_file_and_a_folder_are_written_and_replaced_only_when_told_to(tmp_path, ngram):
    export(ngram, tmp_path / "a.txt", "note")
    assert (tmp_path / "a.txt").read_text() == ngram.name
    export(ngram, tmp_path / "b", "notes")
    assert json.loads((tmp_path / "b" / MANIFEST).read_text())["to"] == "notes"
    for name, to in (("a.txt", "note"), ("b", "notes")):
        with pytest.raises(UserError, match=f"{name}: is there already; add --overwrite"):
            export(ngram, tmp_path / name, to)
    (tmp_path / "b" / "old").write_text("")
    export(ngram, tmp_path / "b", "notes", overwrite=True)
    export(ngram, tmp_path / "a.txt", "note", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == [MANIFEST, "note.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b"]


def test_an_empty_folder_is_filled_and_one_with_anything_in_it_left_alone(tmp_path, ngram):
    (tmp_path / "empty").mkdir()
    export(ngram, tmp_path / "empty", "notes")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years")
    with pytest.raises(UserError, match="is a folder that no export wrote, and is left alone"):
        export(ngram, tmp_path / "home", "notes", overwrite=True)
    assert (tmp_path / "home" / "thesis.tex").read_text() == "years"


def test_the_folder_that_one_is_in_is_not_pulled_away(tmp_path, ngram, monkeypatch):
    export(ngram, tmp_path / "a", "notes")
    (tmp_path / "empty").mkdir()
    for place in ("a", "empty"):
        monkeypatch.chdir(tmp_path / place)
        with pytest.raises(UserError, match="is the folder that you are in, and cannot be replaced; give"):
            export(ngram, Path(), "notes", overwrite=True)
        export(ngram, Path("inside"), "notes")


def test_what_fails_leaves_nothing_behind_and_names_the_destination(tmp_path, ngram):
    export(ngram, tmp_path / "a", "notes")
    with pytest.raises(UserError) as failed:
        export(ngram, tmp_path / "a", "broken", overwrite=True)
    assert str(failed.value) == f"{tmp_path / 'a' / 'note.txt'}: the pen broke"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a" / MANIFEST).exists()


def test_a_file_takes_no_folder_s_place_nor_a_folder_a_file_s(tmp_path, ngram):
    export(ngram, tmp_path / "file", "note")
    export(ngram, tmp_path / "folder", "notes")
    with pytest.raises(UserError, match="is a file, and --to notes writes a folder"):
        export(ngram, tmp_path / "file", "notes", overwrite=True)
    with pytest.raises(UserError, match="is a folder, and --to note writes a file"):
        export(ngram, tmp_path / "folder", "note", overwrite=True)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(UserError, match="link: is no regular file"):
        export(ngram, tmp_path / "link", "note", overwrite=True)
    with pytest.raises(UserError, match="there is no folder"):
        export(ngram, tmp_path / "nowhere" / "a", "note")


def test_an_unknown_target_is_answered_with_the_closest(tmp_path):
    with pytest.raises(UserError, match="unknown export target 'arap': did you mean 'arpa'?"):
        require_destination(tmp_path / "a", ExportConfig("arap"))


def test_a_target_that_cannot_hold_the_model_says_which_can(tmp_path, lstm):
    with pytest.raises(UserError) as refused:
        export(lstm, tmp_path / "a.arpa", "arpa")
    assert str(refused.value) == (
        f"{lstm.name}: an ARPA file holds n-gram models alone; a neural one goes --to hf, onnx, web or torch"
    )


def test_the_target_of_the_page_is_one(tmp_path, ngram, monkeypatch):
    page = (Path(__file__).resolve().parents[2] / "docs" / "export.md").read_text()
    (code,) = re.findall(r"```python\n(class Names.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    monkeypatch.setattr(TARGETS, "_entries", {"names": names["Names"]})
    export(ngram, tmp_path / "words.txt", "names")
    assert (tmp_path / "words.txt").read_text().split("\n") == list(ngram.vocabulary.tokens)


def test_what_is_offered_as_a_target_must_be_one(monkeypatch):
    monkeypatch.setattr(TARGETS, "_entries", {"odd": 3})
    with pytest.raises(UserError, match="odd.*offers int, no ExportTarget"):
        TARGETS["odd"]
