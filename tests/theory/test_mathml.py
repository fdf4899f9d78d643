"""Formulas as MathML: well-formed, nothing lost, and refused where they are garbled."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_lm.theory.mathml import to_mathml, to_text


def drawn(formula: str) -> str:
    """The text that a browser shows, in order."""
    return "".join(ElementTree.fromstring(to_mathml(formula)).itertext())


@pytest.mark.parametrize(
    ("formula", "part"),
    [
        ("W_hh", "<msub><mi>W</mi><mi>hh</mi></msub>"),
        ("h_t^2", "<msubsup><mi>h</mi><mi>t</mi><mn>2</mn></msubsup>"),
        ("{a}//{b}", "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>"),
        ("∑_{k≤t} x", "<munder><mo>∑</mo>"),
        ("√{n}", "<msqrt><mrow><mi>n</mi></mrow></msqrt>"),
        ("a < b", "<mo>&lt;</mo>"),
        ("f - 1", "<mo>−</mo><mn>1</mn>"),
        ("h'", "<mi>h′</mi>"),
    ],
)
def test_constructs(formula: str, part: str) -> None:
    assert part in to_mathml(formula)


@pytest.mark.parametrize("formula", ["{a", "a}", "a_", "_a", "{a}//", "//b", "√"])
def test_garbled_formulas_are_refused(formula: str) -> None:
    with pytest.raises(ValueError, match="formula"):
        to_mathml(formula)


def test_text_keeps_parentheses_only_where_they_group() -> None:
    assert to_text("{∂h_T}//{∂h_k}") == "∂h_T/∂h_k"
    assert to_text("{M + 1}//{√{n}}") == "(M + 1)/√n"
    assert to_text("∑_{k≤t} h_{t-1}") == "∑_(k≤t) h_(t-1)"


@given(st.lists(st.sampled_from(["W_hh", "h_t^2", "{a b}//{c}", "∏_{t=1}^T", "‖x‖", "(1 - z)", "√{n}"]), min_size=1))
def test_any_sequence_is_well_formed_and_keeps_its_symbols(parts: list[str]) -> None:
    formula = " ".join(parts)
    expected = "".join(c for c in formula if c not in "{}_^√/ ").replace("-", "−")
    assert drawn(formula) == expected
