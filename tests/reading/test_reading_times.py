"""Reading times: read, aligned, and predicted on stories left out; the gain of what truly slows readers is found."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from reading.test_word_surprisal import stored_with
from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress
from rnn_lm.reading.regression import least_squares, log_likelihoods, over_stories, with_spill_over
from rnn_lm.reading.study import run_study
from rnn_lm.reading.surprisal import Reader, of_lines
from rnn_lm.reading.times import read_times
from rnn_lm.report.reading import power_figure, study_lines
from rnn_lm.report.style import chart_spec

NATURAL_STORIES = Path(__file__).parents[3] / "shared" / "data" / "naturalstories"
WORDS = ["the", "king", "said", "go", "people", "went", "to", "see", "horses", "and", "all", "of", "them"]


def write_table(path, rows):
    path.write_text("story\tword\ttime\n" + "".join(f"{s}\t{w}\t{t}\n" for s, w, t in rows))
    return path


def simulated(stored, path, slope, stories=6, seed=1):
    """Stories of random words, with times that grow by ``slope`` log units per bit of surprisal."""
    random = np.random.default_rng(seed)
    rows = []
    for story in range(stories):
        sentences = [" ".join(random.choice(WORDS, 8)) + " ." for _ in range(20)]
        for _, found in Reader(stored, "stream").rows(of_lines(sentences)):
            for row in found:
                time = 300 * math.exp(slope * row.surprisal_bits + 0.05 * random.normal())
                rows.append((f"s{story}", row.word, f"{time:.3f}"))
    return write_table(path, rows)


@pytest.fixture
def stored():
    return stored_with(" ".join([*WORDS, "."]))


def test_a_gain_is_found_where_times_follow_surprisal_and_none_where_not(tmp_path, stored):
    found = run_study([stored], simulated(stored, tmp_path / "a.tsv", 0.05), SilentProgress()).models[0]
    assert found.gain.low is not None
    assert found.gain.low > 0.05
    assert found.milliseconds_per_bit[0] == pytest.approx(0.05 * 350, rel=0.3)
    nothing = run_study([stored], simulated(stored, tmp_path / "b.tsv", 0.0), SilentProgress()).models[0]
    assert abs(nothing.gain.effect) < 0.02
    assert nothing.gain.low is not None
    assert nothing.gain.low < 0


def test_least_squares_and_held_out_likelihoods_by_hand():
    random = np.random.default_rng(0)
    x_nk = np.hstack([np.ones((30, 1)), random.normal(size=(30, 2))])
    y_n = x_nk @ [1.0, 2.0, -1.0] + random.normal(size=30)
    story_n = np.repeat([0, 1, 2], 10)
    coefficients_k, variance = least_squares(x_nk, y_n)
    np.testing.assert_allclose(coefficients_k, np.linalg.solve(x_nk.T @ x_nk, x_nk.T @ y_n))
    assert variance == pytest.approx(np.mean((y_n - x_nk @ coefficients_k) ** 2))
    b_k, v = least_squares(x_nk[10:], y_n[10:])
    expected = [-0.5 * math.log(2 * math.pi * v) - (y - x @ b_k) ** 2 / (2 * v) for x, y in zip(x_nk[:10], y_n[:10])]  # noqa: B905
    np.testing.assert_allclose(log_likelihoods(x_nk, y_n, story_n)[:10], expected)


def test_numpy_and_statsmodels_agree(monkeypatch):
    pytest.importorskip("statsmodels")
    random = np.random.default_rng(3)
    x_nk, y_n = random.normal(size=(40, 3)), random.normal(size=40)
    by_statsmodels = least_squares(x_nk, y_n)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    by_numpy = least_squares(x_nk, y_n)
    np.testing.assert_allclose(by_numpy[0], by_statsmodels[0])
    assert by_numpy[1] == pytest.approx(by_statsmodels[1])


def test_the_interval_is_over_stories():
    value_n, story_n = np.repeat([1.0, 2.0, 3.0, 6.0], 5), np.repeat(range(4), 5)
    found = over_stories(value_n, story_n)
    error = np.std([1, 2, 3, 6], ddof=1) / 2  # equally long stories: the jackknife is the usual standard error
    assert found.effect == pytest.approx(3.0)
    assert found.high == pytest.approx(3.0 + 3.1824463 * error)
    assert over_stories(value_n[:10], story_n[:10]).low is None


def test_spill_over_is_what_was_before():
    found = with_spill_over([np.array([1.0, 2.0, 3.0])])
    np.testing.assert_array_equal(found[2], [3, 2, 1])
    assert np.isnan(found[0, 1:]).all()


def test_what_is_left_out_is_counted(tmp_path, stored):
    found = run_study([stored], simulated(stored, tmp_path / "a.tsv", 0.05), SilentProgress())
    words = 6 * 20 * 9
    assert found.words + sum(found.left_out.values()) == words
    assert found.left_out["first or last of a sentence"] == 6 * 20 * 2
    rows = (tmp_path / "a.tsv").read_text().replace("\tking\t", "\tzebra\t")
    (tmp_path / "c.tsv").write_text(rows)
    unknown = run_study([stored], tmp_path / "c.tsv", SilentProgress())
    assert unknown.left_out["<unk>, or after one"] > 100


def test_it_is_shown(tmp_path, stored):
    other = stored_with(" ".join([*WORDS, "."]))
    object.__setattr__(other, "name", "lstm-seed1")
    found = run_study([stored, other], simulated(stored, tmp_path / "a.tsv", 0.05), SilentProgress())
    text = "\n".join(study_lines(found))
    assert "lstm-seed1" in text
    assert found.models[1].beside_first is not None
    assert found.models[1].beside_first.effect == pytest.approx(0)
    assert "Psychometric power" in str(chart_spec(power_figure(found)))
    with pytest.raises(UserError, match="two models are called table"):
        run_study([stored, stored], tmp_path / "a.tsv", SilentProgress())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "x", "0")], r"line 2: '0' is no time"),
        ([("a", "x", "fast")], r"line 2: 'fast' is no time"),
        ([("a", "x y", "3")], "is not one word"),
        ([("a", "x", "3")], "has 1 story"),
        ([("a", "x", "3"), ("b", "x", "3"), ("a", "x", "3")], "do not stand together"),
    ],
)
def test_bad_times_are_named_by_their_line(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        read_times(write_table(tmp_path / "x.tsv", rows))


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match="--reading-times .*nowhere: there is no such"):
        read_times(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no processed_wordinfo.tsv"):
        read_times(tmp_path)
    (tmp_path / "x.tsv").write_text("story\tword\nx\ty\n")
    with pytest.raises(UserError, match="has no column 'time'"):
        read_times(tmp_path / "x.tsv")


def test_sentences_end_after_marks_unless_a_small_letter_goes_on(tmp_path):
    words = ["Go,", "Mr.", "Fox.", "'Why?'", "he", "said.", "The", "end."]
    table = write_table(tmp_path / "x.tsv", [(s, w, 300) for s in "ab" for w in words])
    assert read_times(table)[0].lines == ["Go, Mr. Fox.", "'Why?' he said.", "The end."]


@pytest.mark.skipif(not NATURAL_STORIES.is_dir(), reason="shared/data/naturalstories is missing")
def test_natural_stories_are_read_word_by_word():
    stories = read_times(NATURAL_STORIES)
    assert [len([w for one in story.sentences for w in one]) for story in stories] == [
        1073, 990, 1040, 1085, 1013, 1099, 999, 980, 1038, 939,
    ]  # fmt: skip
    assert stories[0].lines[0].startswith("If you were to journey to the North of England, you")
    with (NATURAL_STORIES / "processed_wordinfo.tsv").open(newline="") as file:
        times = {
            (row["item"], int(row["zone"])): float(row["gmeanItemRT"])
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        }
    words = [word for one in stories[3].sentences for word in one]
    assert [math.exp(word.log_time) for word in words[:50]] == pytest.approx([times["4", at] for at in range(1, 51)])


@pytest.mark.skipif(not NATURAL_STORIES.is_dir(), reason="shared/data/naturalstories is missing")
def test_natural_stories_are_the_release_whose_times_lie_on_their_words():
    """In every story, times go with the length of the word itself, more than with that of its neighbors."""
    for story in read_times(NATURAL_STORIES):
        words = [word for one in story.sentences for word in one]
        length_n = np.array([float(len(word.word)) for word in words])
        time_n = np.array([word.log_time for word in words])
        own, before, after = (
            np.corrcoef(length_n[1 - back : len(words) - 1 - back], time_n[1:-1])[0, 1] for back in (0, 1, -1)
        )
        assert own > max(before, after)
