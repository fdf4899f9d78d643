"""Plain pairs and LM_syneval's files."""

from __future__ import annotations

import json
import pickle
import zipfile

import pytest

from rnn_lm.errors import MissingFileError, UserError
from rnn_lm.progress import SilentProgress
from rnn_lm.suites import Question, open_suite
from rnn_lm.suites.opening import asked_so
from rnn_lm.suites.published import published
from rnn_lm.suites.scoring import answer
from rnn_lm.text.words import words

QUIET = SilentProgress()


class Told(SilentProgress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


def both(question: Question) -> tuple[str, ...]:
    """The texts of a pair."""
    return tuple(text for (text,) in question.texts())


@pytest.mark.parametrize(
    ("name", "text", "paradigms"),
    [
        ("a.tsv", "The dog barks.\tThe dog bark.\nIt is.\tIt are.\n", ["a", "a"]),
        ("a.tsv", "The dog barks.\tThe dog bark.\tone two\nIt is.\tIt are.\tb\n", ["one two", "b"]),
        ("a.tsv", "group\tBad\tgood\nx\tThe dog bark.\tThe dog barks.\ny\tIt are.\tIt is.\n", ["x", "y"]),
        ("a.txt", "simple\tThe dog barks.\tThe dog bark.\nrc\tIt is.\tIt are.\n", ["simple", "rc"]),
        ("a.tsv", "simple\tsing\tThe dog barks.\tThe dog bark.\nrc\tx\tIt is.\tIt are.\n", ["simple", "rc"]),
        (
            "a.jsonl",
            '{"good": "The dog barks.", "bad": "The dog bark."}\n\n{"bad": "It are.", "good": "It is.", "group": "g"}',
            ["a", "g"],
        ),
    ],
)
def test_pairs_are_read(tmp_path, name, text, paradigms):
    (tmp_path / name).write_text(text)
    (suite,) = open_suite(tmp_path / name, QUIET)
    assert [both(one) for one in suite.questions] == [
        ("The dog barks.", "The dog bark."),
        ("It is.", "It are."),
    ]
    assert [one.paradigm for one in suite.questions] == paradigms


CASES = {
    "sing_MS": [("the dog barks", "the dog bark"), ["the cat runs", "the cat run"]],
    "plur_MS": [("the dogs bark", "the dogs barks")],
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_are_read_as_data(tmp_path, model_of, by_steps, protocol):
    (tmp_path / "simple_agrmt.pickle").write_bytes(pickle.dumps(CASES, protocol))
    (suite,) = open_suite(tmp_path, QUIET)
    assert suite.format == "LM_syneval"
    assert [one.groups["case"] for one in suite.questions] == ["simple_agrmt sing_MS"] * 2 + ["simple_agrmt plur_MS"]
    model = model_of("the dog barks bark cat runs run dogs")
    found = answer(model, suite)
    pairs = [pair for pairs in CASES.values() for pair in pairs]
    for (good, bad), right in zip(pairs, found.right_q, strict=True):
        assert right == (sum(by_steps(model, words(good))) > sum(by_steps(model, words(bad))))


def two_hundred():
    """Pairs over a lexicon, by case."""
    nouns, verbs = [("dog", "dogs"), ("cat", "cats"), ("king", "kings"), ("boat", "boats"), ("hen", "hens")], "aeiouyw"
    return {
        f"{case} {number}": [
            (f"the {forms[number]} near the {other[1 - number]} {verb}{'s' * (1 - number)} .",
             f"the {forms[number]} near the {other[1 - number]} {verb}{'s' * number} .")
            for forms in nouns for other in nouns[:4] if forms != other for verb in verbs
        ]
        for case in ("near",) for number in (0, 1)
    }  # fmt: skip


@pytest.mark.parametrize("name", ["near.pickle", "near.tsv", "near.jsonl"])
def test_an_independent_scorer_agrees_on_each_pair(tmp_path, model_of, by_steps, name):
    cases = two_hundred()
    rows = [(case, *pair) for case, pairs in cases.items() for pair in pairs]
    content = {
        "near.pickle": pickle.dumps(cases, 2),
        "near.tsv": b"group\tgood\tbad\n" + "".join(f"{case}\t{good}\t{bad}\n" for case, good, bad in rows).encode(),
        "near.jsonl": "".join(json.dumps({"group": c, "good": g, "bad": b}) + "\n" for c, g, b in rows).encode(),
    }
    (tmp_path / name).write_bytes(content[name])
    (suite,) = open_suite(tmp_path / name, QUIET)
    model = model_of(*(sentence for _, *pair in rows for sentence in pair))
    found = answer(model, suite)
    assert len(found.right_q) == len(rows) >= 200
    for index, (_, good, bad) in enumerate(rows):
        ours, theirs = (sum(by_steps(model, words(one))) for one in (good, bad))
        assert (found.good_q[index], found.bad_q[index]) == (pytest.approx(ours), pytest.approx(theirs))
        assert found.right_q[index] == (ours > theirs)


def test_triples_are_two_pairs_and_flat_lists_pairs(tmp_path):
    (tmp_path / "npi_simple.pickle").write_bytes(
        pickle.dumps({"past": [("no dog ever", "the dog ever", "a dog ever")]}, 2)
    )
    (tmp_path / "simple.pickle").write_bytes(pickle.dumps({"x": ["it is", "it are", "we are", "we is"]}, 2))
    (suite,) = open_suite(tmp_path, QUIET)
    assert [(one.paradigm, *both(one)) for one in suite.questions] == [
        ("npi_simple 1-2", "no dog ever", "the dog ever"),
        ("npi_simple 1-3", "no dog ever", "a dog ever"),
        ("simple", "it is", "it are"),
        ("simple", "we are", "we is"),
    ]


def test_the_word_that_differs_is_the_other_reading(tmp_path, model_of, by_steps):
    cases = {"x": [("the dog barks now .", "the dog bark now ."), ("it is so", "they are so")]}
    polar = {"past": [("no dog has ever run", "the dog has ever run", "a dog has ever run")]}
    (tmp_path / "simple_agrmt.pickle").write_bytes(pickle.dumps(cases, 2))
    (tmp_path / "npi_simple.pickle").write_bytes(pickle.dumps(polar, 2))
    (suite,) = asked_so(open_suite(tmp_path, QUIET), ("word",))
    assert [(one.paradigm, one.groups["method"]) for one in suite.questions] == [
        ("npi_simple 1-2", "two beginnings"), ("npi_simple 1-3", "two beginnings"), ("simple_agrmt", "one beginning"),
    ]  # fmt: skip
    model = model_of("the dog barks bark now . no a has ever run")
    found = answer(model, suite)
    expected = [
        ("no dog has ever", "the dog has ever"),
        ("no dog has ever", "a dog has ever"),
        ("the dog barks", "the dog bark"),
    ]
    for index, pair in enumerate(expected):
        ours, theirs = (by_steps(model, text.split())[len(text.split()) - 1] for text in pair)
        assert (found.good_q[index], found.bad_q[index]) == pytest.approx((ours, theirs))


def test_published_figures_stand_beside_constructions_of_that_name():
    first = published("LM_syneval", "sentence", ["simple_agrmt", "obj_rel_no_comp_within_anim", "mine"])[0]
    assert first.groups == {("paradigm", "simple_agrmt"): 1.0, ("paradigm", "obj_rel_no_comp_within_anim"): 0.81}
    assert not published("pairs", "sentence", ["simple_agrmt"])


class Harmful:
    def __reduce__(self):
        return print, ("something ran",)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Harmful(), "it names"),
        ({"a": [Harmful()]}, "it names"),
        ([1], "holds no dict"),
        ({"a": "text"}, "case a: holds no list"),
        ({"a": [("one", "two"), ("one",)]}, "case a, item 2: is neither a pair nor a triple"),
        ({"a": [("one", 2)]}, "case a, item 1: is neither"),
        ({"a": ["one", "two", "three"]}, "case a: has 3 sentences, which are no pairs"),
    ],
)
def test_a_pickle_that_holds_anything_else_is_refused_and_runs_nothing(tmp_path, capsys, value, said):
    path = tmp_path / "x.pickle"
    path.write_bytes(pickle.dumps(value, 2))
    with pytest.raises(UserError) as refused:
        open_suite(path, QUIET)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)
    assert "something ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "x.jsonl",
            '{"sentence_good": "a", "sentence_bad": "b"}\n{"sentence_good": "a"}',
            'line 2: has no "sentence_bad"',
        ),
        ("x.jsonl", '{"sentence_good": "a", "sentence_bad": 3}', 'line 1: "sentence_bad" is no text'),
        ("x.jsonl", '{"good": "a", "bad": " "}', 'line 1: "bad" is blank'),
        ("x.jsonl", '{"good": "a", "bad": "b"}\n{"good": ', "line 2: not JSON"),
        ("x.jsonl", '{"good": "a", "bad": "b"}\n[1]', "line 2: is no JSON object"),
        ("x.tsv", "a b\tc d\na b\n", "line 2: has 1 columns, the lines above 2"),
        ("x.tsv", "case\ta b\tc d\ncase\ta b\n", "line 2: has not 3 columns"),
        ("x.tsv", "a b\tc d\n\t\n", None),
        ("x.tsv", "a b\tc d\na b\t \n", 'line 2: "bad" is blank'),
        ("x.md", "a text about suites", "is of no known format; known are BLiMP, "),
        ("x.tsv", "", "is of no known format"),
        ("x.zip", "no zip", "is no whole zip"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_text(content)
    if said is None:
        assert len(open_suite(path, QUIET)[0].questions) == 1
        return
    with pytest.raises(UserError) as refused:
        open_suite(path, QUIET)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_bytes("a b\tc d\nä\tö\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"x.tsv: line 2: is not UTF-8"):
        open_suite(path, QUIET)


def test_a_damaged_member_of_a_zip_is_named(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/pairs.tsv", "a b\tc d\n" * 50)
    data = path.read_bytes().replace(b"a b\tc d", b"a b\te d", 1)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"x.zip/a/pairs.tsv: cannot be unpacked"):
        open_suite(path, QUIET)


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(MissingFileError, match="--suite .*nothing: there is no such file"):
        open_suite(tmp_path / "nothing", QUIET)


def test_a_folder_may_hold_several_formats_and_what_is_none(tmp_path):
    (tmp_path / "README.md").write_text("what it is")
    (tmp_path / "a.tsv").write_text("a b\tc d\n")
    (tmp_path / "b.jsonl").write_text(json.dumps({"sentence_good": "a", "sentence_bad": "b"}))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("in/c.tsv", "e f\tg h\n")
    told = Told()
    suites = open_suite(tmp_path, told)
    assert [(suite.format, len(suite.questions)) for suite in suites] == [("pairs", 2), ("BLiMP", 1)]
    assert told.said == [f"note: --suite {tmp_path}: of no known format, left out: README.md"]
