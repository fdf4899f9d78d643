"""SyntaxGym's suites: formulas over the surprisals of regions."""

from __future__ import annotations

import json
import math
import re
import zipfile

import pytest

from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress
from rnn_lm.suites import open_suite
from rnn_lm.suites.formula import Region, parse, regions, value
from rnn_lm.suites.scoring import answer
from rnn_lm.text.words import words

QUIET = SilentProgress()
BITS = {"a": (1.0, 2.0), "b": (4.0, 8.0)}


def held(text: str):
    """A formula over two conditions of two regions each, with the surprisals of ``BITS``."""

    def surprisal(region: Region) -> float:
        parts = BITS[region.condition]
        return sum(parts) if region.number is None else parts[region.number - 1]

    return value(parse(text, "here"), surprisal, 1e-6)


@pytest.mark.parametrize(
    ("formula", "holds"),
    [
        ("(1;%a%) < (1;%b%)", True),
        ("(1;%a%)>(1;%b%)", False),
        ("(*;%a%) < (1;%b%)", True),
        ("(*; %a% ) + 1 < (1;%b%)", None),
        ("(1;%a%) + (2;%a%) = (*;%a%)", True),
        ("(1;%a%) = 1.0005", True),
        ("(1;%a%) = 1.01", False),
        ("[(2;%b%) - (1;%b%)] > [(2;%a%) - (1;%a%)]", True),
        ("(2;%b%) - (1;%b%) - (1;%a%) = 3", True),
        ("[(1;%a%) < (1;%b%)] & [(2;%a%) > (2;%b%)]", False),
        ("[(1;%a%) < (1;%b%)] | [(2;%a%) > (2;%b%)]", True),
        ("[(1;%a%) < 0] & [(2;%a%) < 9] | [(1;%b%) > 0]", True),
        ("[(1;%a%) < 1] & [(2;%a%) < 9]", None),
        ("[(1;%a%) < 1] & [(2;%a%) > 9]", False),
        ("[(1;%a%) < 1] | [(2;%a%) < 9]", True),
        ("[[((1;%a%) < 2)]]", True),
    ],
)
def test_a_formula_comes_to_what_it_says(formula, holds):
    assert held(formula) is holds


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("(1;%a%) <", "its end stands where a region, a number or a bracket is expected"),
        ("(1;%a%) < (1;%b%", "';' at character 13 is not expected"),
        ("[(1;%a%) < (1;%b%)", "its end stands where ']' is expected"),
        ("(1;%a%) < (1;%b%) < 3", "'<' at character 19 is not expected"),
        ("(1;%a%) + 2", "compares nothing"),
        ("[(1;%a%) < 2] + 3 > 1", "between what are no sums"),
        ("(1;%a%) & (1;%b%) < 2", "does not join two comparisons"),
        ("__import__('os')", "'_' at character 1 is not expected"),
        ("[" * 60, "opens more than 20 brackets"),
        ("1" + "+1" * 200 + " < 2", "is longer than any that is known"),
        ("", "its end stands where"),
    ],
)
def test_what_is_no_formula_is_refused_with_its_place(formula, said):
    with pytest.raises(UserError) as refused:
        parse(formula, "x.json: prediction 1")
    assert str(refused.value).startswith("x.json: prediction 1: the formula")
    assert said in str(refused.value)


FIVE = ("number_prep", "fgd_subject", "nn-nv-rpl", "mvrr", "npz_obj")
TEN = (*FIVE, "cleft", "fgd_pp", "number_src", "reflexive_prep_fem", "subordination")


@pytest.fixture(params=[(FIVE, 12, 50), pytest.param((TEN, 99, 200), marks=pytest.mark.slow)], ids=["some", "all"])
def suites(request, shared, tmp_path):
    """Some items of five suites, or all of ten; and how many predictions these have at least."""
    with zipfile.ZipFile(shared("syntaxgym/suites.zip")) as archive:
        for name in request.param[0]:
            whole = json.loads(archive.read(f"{name}.json"))
            whole["items"] = whole["items"][: request.param[1]]
            (tmp_path / f"{name}.json").write_text(json.dumps(whole))
    return tmp_path, request.param[2]


def test_an_independent_scorer_agrees(suites, model_of, by_steps):
    folder, least = suites
    files = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    texts = [
        [region["content"] for region in condition["regions"]]
        for one in files for item in one["items"] for condition in item["conditions"]
    ]  # fmt: skip
    model = model_of(*map(" ".join, texts))
    (suite,) = open_suite(folder, QUIET)
    found = answer(model, suite)
    expected = [self_made(one, item, model, by_steps) for one in files for item in one["items"]]
    assert (found.right_q == 1).tolist() == [holds for several in expected for holds in several]
    # In one published item two conditions are the same sentence: what compares them has no answer.
    assert (found.right_q < 0).sum() <= (~found.covered_q).sum() == 1
    assert len(found.right_q) >= least


def self_made(suite, item, model, by_steps):
    """Whether each prediction of an item holds: regions cut one by one, formulas made Python's by substitution."""
    surprisal = {}
    for condition in item["conditions"]:
        parts = [words(region["content"].lower()) for region in condition["regions"]]
        bits = [-one / math.log(2) for one in by_steps(model, [word for part in parts for word in part])]
        for region, part in zip(condition["regions"], parts, strict=True):
            surprisal[condition["condition_name"], region["region_number"]] = sum(bits[: len(part)])
            bits = bits[len(part) :]
    for prediction in suite["predictions"]:
        text = re.sub(
            r"\((\d+);%([^%]+)%\)", lambda match: repr(surprisal[match[2], int(match[1])]), prediction["formula"]
        ).replace("[", "(").replace("]", ")")  # fmt: skip
        assert re.fullmatch(r"[-\d.()<>&+ e]+|.*=.*", text), text
        yield bool(eval(re.sub(r"([-\d.]+)\s*=\s*([-\d.]+)", r"(abs(\1-\2) <= 1e-3 + 1e-5 * abs(\2))", text)))


def suite_of(**changed):
    regions_of = [{"region_number": 1, "content": "the dog"}, {"region_number": 2, "content": "barks"}]
    conditions = [{"condition_name": name, "regions": regions_of} for name in ("a", "b")]
    whole = {
        "meta": {"name": "made", "metric": "sum"},
        "predictions": [{"type": "formula", "formula": "(2;%a%) < (2;%b%)"}],
        "items": [{"item_number": 1, "conditions": conditions}],
    }
    return {**whole, **changed}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"meta": {"metric": "mean"}}, "its metric is 'mean'"),
        ({"predictions": [{"formula": "(2;%a%) <"}]}, "x.json: prediction 1: the formula '(2;%a%) <' cannot be read"),
        ({"predictions": [{"formula": "(2;%c%) < 1"}]}, "item 1: has no condition 'c', which prediction 1 names"),
        ({"predictions": [{"formula": "(3;%a%) < 1"}]}, "item 1, condition a: has no region 3"),
        ({"items": [{"item_number": 4}]}, 'item 4: lacks "conditions", a list'),
        ({"items": 3}, 'x.json: lacks "items", a list'),
    ],
)
def test_what_is_missing_is_named(tmp_path, changed, said):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(suite_of(**changed)))
    with pytest.raises(UserError) as refused:
        open_suite(path, QUIET)
    assert said in str(refused.value)


def test_the_published_formulas_are_all_read(shared):
    with zipfile.ZipFile(shared("syntaxgym/suites.zip")) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        found = [one["formula"] for name in names for one in json.loads(archive.read(name))["predictions"]]
    assert len(names) == 34
    assert all(list(regions(parse(text, "here"))) for text in found)
