"""Every command under arguments of any kind: exit code 0 or 2 and at most one line, and no job is ever begun."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import time
import typing
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from fuzz.harness import SECONDS
from rnn_lm.cli import main
from rnn_lm.commands import COMMANDS

VALUES = st.one_of(
    st.sampled_from(
        ["", " ", "-", "--", "-1", "0", "1", "inf", "nan", "-inf", "1e308", "1e400", "9" * 30, "9" * 5000, "None",
         "none", "True", "0.5", "1,2", "lstm", "word2vec", "adaptive", "10m", "2epochs",
         "1e9epochs", "99999999999h", "quick",
         "\0", "\x1b[31m", "\udcff", "猫", "a\nb", "/dev/null", "../x", "{}", "%s", "x" * 300]
    ),
    st.integers().map(str), st.floats().map(str), st.text(max_size=8),
)  # fmt: skip

UNCHECKED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def flags_of(kind: Any) -> list[str]:
    """Every flag of a dataclass and of those within."""
    found = []
    for name, hint in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            found += flags_of(hint)
        else:
            found += [f"--{name.replace('_', '-')}", f"--no-{name.replace('_', '-')}"]
    return found


@st.composite
def arguments(draw: st.DrawFn, flags: list[str]) -> list[str]:
    words: list[str] = []
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["flag", "flag", "flag", "joined", "value", "misspelt"]))
        name = draw(st.sampled_from(flags))
        if kind == "flag":
            words += [name, *draw(st.lists(VALUES, max_size=3))]
        elif kind == "joined":
            words.append(f"{name}={draw(VALUES)}")
        elif kind == "value":
            words.append(draw(VALUES))
        else:
            words.append(name[: draw(st.integers(1, len(name)))] + draw(st.sampled_from(["", "s", "x"])))
    return words


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_arguments_of_any_kind_get_one_line(name, monkeypatch):
    module = importlib.import_module(f"rnn_lm.commands.{name}")
    monkeypatch.setattr(module, "run", lambda _: None)
    monkeypatch.setattr("rnn_lm.launch.launch", lambda *_: 0)

    @settings(max_examples=50, deadline=None, database=None, suppress_health_check=UNCHECKED)
    @hypothesis.given(arguments(flags_of(module.Options)))
    def one_round(words: list[str]) -> None:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = main([name, *words])
        lines = said.getvalue().splitlines()
        assert code in (0, 2), said.getvalue()
        assert len(lines) == (1 if code == 2 else 0), lines
        assert all(line.startswith("rnn-lm: ") and len(line) < 2000 for line in lines)

    tried, deadline = 0, time.monotonic() + SECONDS / 4
    while tried == 0 or time.monotonic() < deadline:
        hypothesis.seed(tried)(one_round)()
        tried += 1
