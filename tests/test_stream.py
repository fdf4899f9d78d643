"""Segments: every token predicted exactly once, in an order that carries the state."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.padding import IGNORE
from rnn_lm.stream import EncodedText, SegmentStream
from stored_text import stored


def text_of(length: int) -> EncodedText:
    """Ids that tell their own position, so that order can be checked; the last is <eos>."""
    return EncodedText(torch.cat([torch.arange(2, length + 1), torch.tensor([1])]), 1, 5 * length)


@settings(deadline=None, max_examples=60)
@given(length=st.integers(1, 200), batch=st.integers(1, 12), bptt=st.integers(1, 40))
def test_every_token_is_predicted_exactly_once(length, batch, bptt):
    text = text_of(length)
    stream = SegmentStream(text, batch, bptt)
    targets = torch.cat([segment.target_tb.flatten() for segment in stream])
    assert sorted(targets[targets != IGNORE].tolist()) == sorted(text.ids_n.tolist())
    assert sum(segment.token_count for segment in stream) == length
    assert len(list(stream)) == len(stream)


@settings(deadline=None, max_examples=60)
@given(length=st.integers(2, 200), batch=st.integers(1, 12), bptt=st.integers(1, 40))
def test_each_target_is_read_next_and_columns_start_where_the_text_does(length, batch, bptt):
    text = text_of(length)
    before = dict(zip(text.ids_n.tolist(), [text.eos_id, *text.ids_n.tolist()[:-1]], strict=True))
    segments = list(SegmentStream(text, batch, bptt))
    for segment in segments:
        pairs = zip(segment.input_tb.flatten().tolist(), segment.target_tb.flatten().tolist(), strict=True)
        assert all(predicted == IGNORE or read == before[predicted] for read, predicted in pairs)
    target_rb = torch.cat([segment.target_tb for segment in segments])
    assert [value for value in target_rb.t().flatten().tolist() if value != IGNORE] == text.ids_n.tolist()


def test_the_first_input_is_the_end_of_sentence():
    inputs_n, targets_n = text_of(5).inputs_and_targets()
    assert inputs_n.tolist() == [1, 2, 3, 4, 5]
    assert targets_n.tolist() == [2, 3, 4, 5, 1]


def test_sentence_ends_are_just_past_each_eos():
    assert EncodedText(torch.tensor([5, 1, 6, 7, 1]), 1, 9).sentence_ends.tolist() == [2, 5]


@settings(deadline=None, max_examples=40)
@given(length=st.integers(1, 60), batch=st.integers(1, 7), bptt=st.integers(1, 9))
def test_a_stored_text_gives_the_same_segments(length, batch, bptt):
    text = EncodedText(torch.tensor([*(2 + index * 7 % 5 for index in range(length - 1)), 1]), 1, 3)
    with TemporaryDirectory() as folder:
        kept = stored(text, Path(folder))
        pairs = zip(SegmentStream(text, batch, bptt), SegmentStream(kept, batch, bptt), strict=True)
        for one, other in pairs:
            assert one.input_tb.equal(other.input_tb)
            assert one.target_tb.equal(other.target_tb)
            assert one.token_count == other.token_count
        assert len(kept) == length
        assert kept.ids_n.equal(text.ids_n)
        assert kept.sentence_ends.equal(text.sentence_ends)


def test_what_stands_before_the_first_token_is_eos():
    text = text_of(5)
    assert text.before(torch.tensor([[0, 1], [4, 0]])).tolist() == [[1, 2], [5, 1]]
    assert text.at(torch.tensor([[0, 1], [4, 0]])).tolist() == [[2, 3], [1, 2]]
