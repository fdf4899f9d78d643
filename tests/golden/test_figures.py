"""Training and counting give the figures that they gave when these were recorded."""

from __future__ import annotations

import json

import pytest

from by_path import module_at


def test_figures_are_those_recorded(tmp_path, capsys):
    """To the bit on the machine that recorded them; kernels of other processors sum in another order."""
    record = module_at("tests/golden/record.py")
    recorded, found = json.loads(record.FIGURES.read_text()), record.figures(tmp_path)
    capsys.readouterr()
    assert found["networks"].keys() == recorded["networks"].keys()
    for name, network in recorded["networks"].items():
        for what, values in network.items():
            assert found["networks"][name][what] == pytest.approx(values, rel=2e-4), (name, what)
    assert found["ngram"] == pytest.approx(recorded["ngram"], rel=1e-9)
