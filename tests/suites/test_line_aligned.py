"""Line-aligned agreement sets: right against wrong form at the target, each sentence from the initial state."""

from __future__ import annotations

import pytest

from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress
from rnn_lm.suites import open_suite
from rnn_lm.suites.evaluate import evaluate_suites
from rnn_lm.suites.opening import asked_so
from rnn_lm.suites.scoring import answer

QUIET = SilentProgress()


@pytest.fixture(params=[10, pytest.param(200, marks=pytest.mark.slow)])
def folder(request, shared, tmp_path):
    """The first lines of Linzen's set."""
    for suffix in ("text", "gold", "eval"):
        source = shared(f"linzen/subj_agr_filtered.{suffix}")
        lines = source.read_text(encoding="utf-8").split("\n")[: request.param]
        (tmp_path / f"part.{suffix}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_an_independent_scorer_agrees(folder, model_of, by_steps):
    texts = [line.split()[:-1] for line in (folder / "part.text").read_text().splitlines()]
    golds = [line.split("\t") for line in (folder / "part.gold").read_text().splitlines()]
    model = model_of(*map(" ".join, texts), " ".join(w for g in golds for w in g[1:3]), tokens="whitespace")
    (suite,) = open_suite(folder, QUIET)
    found = answer(model, suite)
    assert found.covered_q.all()
    for index, (text, (place, right, wrong, _)) in enumerate(zip(texts, golds, strict=True)):
        before = text[: int(place)]
        ours, theirs = (by_steps(model, [*before, form])[len(before)] for form in (right, wrong))
        assert (found.good_q[index], found.bad_q[index]) == (pytest.approx(ours), pytest.approx(theirs))
        assert found.right_q[index] == (ours > theirs)


def test_the_whole_set_is_read_and_counted_by_attractors(shared):
    (suite,) = open_suite(shared("linzen/subj_agr_filtered.gold"), QUIET)
    counts = [sum(one.groups["attractors"] == str(number) for one in suite.questions) for number in range(5)]
    assert counts == [1972, 1957, 1943, 1287, 330]


def write(folder, text, gold, evals=None):
    (folder / "x.text").write_text(text)
    (folder / "x.gold").write_text(gold)
    if evals is not None:
        (folder / "x.eval").write_text(evals)
    return folder / "x.text"


TEXT = "the dog barks <eos>\nthe dogs near the cat bark <eos>\n"
GOLD = "2\tbarks\tbark\t0\n5\tbark\tbarks\t1\n"


def test_the_state_can_be_carried_over_the_file(tmp_path, model_of, by_steps):
    text = "the dog barks <eos>\nthe dogs near the cat bark <eos>\nthe cat barks near <eos>\n"
    path = write(tmp_path, text, GOLD + "2\tbarks\tbark\t0\n")
    model = model_of("the dog barks near the dogs bark cat", tokens="whitespace")
    alone, carried = asked_so(open_suite(path, QUIET), policies=("sentence", "stream"))
    assert (alone.name, carried.name, carried.policy) == ("x", "x, carried over", "stream")
    found, usual = answer(model, carried), answer(model, alone)
    read, forms = [], [("barks", "bark"), ("bark", "barks"), ("barks", "bark")]
    for index, line in enumerate(text.splitlines()):
        words, place = line.split(), (2, 5, 2)[index]
        ours, theirs = (by_steps(model, [*read, *words[:place], form])[len(read) + place] for form in forms[index])
        assert (found.good_q[index], found.bad_q[index]) == (pytest.approx(ours), pytest.approx(theirs))
        assert (found.right_q[index] == 1) == (ours > theirs)
        read += words
    assert usual.good_q[0] == pytest.approx(found.good_q[0])
    assert abs(usual.good_q[2] - found.good_q[2]) > 1e-3


def test_a_suite_whose_sentences_stand_alone_has_nothing_to_carry(tmp_path):
    (tmp_path / "x.tsv").write_text("It is.\tIt are.\n")
    with pytest.raises(UserError, match=r"x.tsv: its sentences stand alone"):
        asked_so(open_suite(tmp_path / "x.tsv", QUIET), policies=("stream",))


def test_attractors_are_groups(tmp_path, model_of):
    model = model_of("the dog barks near the dogs bark cat")
    figures = evaluate_suites([model], open_suite(write(tmp_path, TEXT, GOLD), QUIET), QUIET)["x"]["small"]
    assert [(group.level, group.name) for group in figures.groups] == [
        ("paradigm", "x"), ("attractors", "0"), ("attractors", "1"),
    ]  # fmt: skip


def test_the_wide_table_tells_original_from_nonce(tmp_path):
    wide = "A__B\tNOUN_VERB\t{}\t2\tVERB\tplur\tbarks\tbark\tbark\t0\tNOUN\tx\n"
    path = write(tmp_path, "the dog barks <eos>\n" * 2, wide.format(0) + wide.format(3), "2\n2\n")
    (suite,) = open_suite(path, QUIET)
    assert [one.groups["words"] for one in suite.questions] == ["original", "nonce"]


@pytest.mark.parametrize(
    ("gold", "evals", "said"),
    [
        ("2\tbarks\tbark\t0\n", None, "x.gold: has 1 lines, x.text 2"),
        (GOLD.replace("\t0", ""), None, "x.gold: line 1: has 3 columns"),
        (GOLD.replace("2\t", "7\t", 1), None, "x.gold: line 1: the target is word 7"),
        (GOLD.replace("2\t", "1\t", 1), None, "x.gold: line 1: word 1 of the sentence is 'dog', neither 'barks' nor"),
        (GOLD.replace("2\t", "two\t", 1), None, "x.gold: line 1: 'two' is no index"),
        (GOLD, "2\n4\n", "x.eval: line 2: the target is word 4, in x.gold word 5"),
        (GOLD, "2\n", "x.eval: has 1 lines"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(tmp_path, gold, evals, said):
    with pytest.raises(UserError) as refused:
        open_suite(write(tmp_path, TEXT, gold, evals), QUIET)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_text_without_its_gold_is_refused(tmp_path):
    (tmp_path / "x.text").write_text(TEXT)
    with pytest.raises(UserError, match=r"x.text: there is no x.gold beside it"):
        open_suite(tmp_path, QUIET)
