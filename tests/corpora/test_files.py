"""Any text files: how they are cut into sentences, and split in order."""

from __future__ import annotations

import gzip
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.corpora.files import SentencesOfText, read_files, sentences_of, shares_of
from rnn_lm.corpora.lines import InOrder, Totals
from rnn_lm.errors import UserError

PARTS = (0.9, 0.05, 0.05)

PROSE = """\
Mr. Bennet was among the earliest
of those who waited. He "said
so!" Then J. Smith came... at last.

"What?" he asked. Nobody, e.g. we, knew.
The end.
"""


def parts(sentences: list[str], split: tuple[float, float, float]) -> list[list[str]]:
    return [list(part) for part in InOrder(sentences, shares_of(split)).parts.values()]


def cut_at_the_nearest_ends(sentences: list[str], split: tuple[float, float, float]) -> list[list[str]]:
    """The definition: each cut is at the sentence end nearest to its share, as far as no part becomes empty."""
    ends = list(accumulate(len(sentence) + 1 for sentence in sentences))
    cuts = [0]
    for number, share in enumerate((split[0], split[0] + split[1])):
        target = share * ends[-1]
        nearest = min(range(1, len(ends) + 1), key=lambda count: (abs(ends[count - 1] - target), -count))
        cuts.append(min(max(nearest, cuts[-1] + 1), len(sentences) - 2 + number))
    return [sentences[start:end] for start, end in pairwise([*cuts, len(sentences)])]


@given(
    st.lists(st.text(alphabet="ab", min_size=1, max_size=9), min_size=3, max_size=40),
    st.sampled_from([(0.9, 0.05, 0.05), (0.5, 0.25, 0.25), (0.01, 0.01, 0.98), (0.98, 0.01, 0.01), (0.25, 0.5, 0.25)]),
)
@settings(deadline=None, max_examples=150)
def test_cuts_are_at_the_nearest_sentence_ends(sentences: list[str], split: tuple[float, float, float]) -> None:
    assert parts(sentences, split) == cut_at_the_nearest_ends(sentences, split)


@given(
    st.lists(st.text(alphabet="abc ", min_size=1, max_size=30), min_size=3, max_size=60),
    st.tuples(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.01, 1)),
)
@settings(deadline=None, max_examples=150)
def test_parts_are_the_text_in_order_and_none_is_empty(sentences: list[str], weights: tuple[float, ...]) -> None:
    train, valid, test = parts(sentences, tuple(weight / sum(weights) for weight in weights))  # pyright: ignore[reportArgumentType]
    assert train + valid + test == sentences
    assert train
    assert valid
    assert test


@given(st.lists(st.integers(1, 20), min_size=40, max_size=200))
@settings(deadline=None, max_examples=50)
def test_shares_are_met_to_within_a_sentence(lengths: list[int]) -> None:
    sentences = ["x" * length for length in lengths]
    shares = (0.5, 0.25, 0.25)
    total = sum(length + 1 for length in lengths)
    for part, share in zip(parts(sentences, shares), shares, strict=True):
        assert abs(sum(map(len, part)) + len(part) - share * total) <= max(lengths) + 1


def test_a_line_is_a_sentence() -> None:
    assert sentences_of(" one.  two.\n three\t3 \n\n") == ["one. two.", "three 3"]


def test_a_stray_blank_line_makes_no_paragraphs() -> None:
    lines = [f"line {index}. more" for index in range(100)]
    assert sentences_of("\n".join([*lines[:50], "", *lines[50:]])) == lines


def test_paragraphs_are_joined_and_cut_into_sentences() -> None:
    assert sentences_of(PROSE) == [
        "Mr. Bennet was among the earliest of those who waited.",
        'He "said so!"',
        "Then J. Smith came... at last.",
        '"What?" he asked.',
        "Nobody, e.g. we, knew.",
        "The end.",
    ]


def test_text_without_capitals_is_cut_all_the_same() -> None:
    assert sentences_of("one. two! three\n\nfour") == ["one.", "two!", "three", "four"]


def test_a_single_line_is_a_paragraph() -> None:
    assert sentences_of("One. Two. Three") == ["One.", "Two.", "Three"]


def test_files_follow_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"a{index}\n" for index in range(50)))
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress("".join(f"b{index}\n" for index in range(50)).encode()))
    raw = read_files([tmp_path / "a.txt", tmp_path / "b.txt.gz"], (0.5, 0.25, 0.25))
    assert list(raw.train)[:2] == ["a0", "a1"]
    assert list(raw.test)[-1] == "b49"
    assert list(raw.train) == list(raw.train)
    assert [*raw.train, *raw.valid, *raw.test] == [f"{name}{index}" for name in "ab" for index in range(50)]
    assert raw.name == "a.txt and 1 more"
    assert "50/25/25%" in raw.split_description


@pytest.mark.parametrize(
    ("content", "found"),
    [("hello", "only 1 sentence, too small"), ("a\nb\n", "only 2 sentences, too small"), (" \n", "no sentence")],
)
def test_too_small_a_text_is_refused(tmp_path: Path, content: str, found: str) -> None:
    (tmp_path / "tiny.txt").write_text(content)
    with pytest.raises(UserError, match=f"tiny.txt: {found}"):
        list(read_files([tmp_path / "tiny.txt"], PARTS).train)


@given(st.lists(st.sampled_from(["A b. C d", "e", "", " ", "f! G", "Mr. H"]), max_size=12), st.integers(1, 4))
@settings(deadline=None, max_examples=100)
def test_blocks_do_not_matter(lines: list[str], size: int) -> None:
    whole = "\n".join(lines)
    blocks = ["\n".join([*lines[first : first + size], ""]) for first in range(0, len(lines), size)]
    text = SentencesOfText(lambda: iter(blocks))
    assert list(text) == sentences_of(whole)
    assert text.totals() == Totals.of(sentences_of(whole))
