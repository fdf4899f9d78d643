"""Segments: every token predicted exactly once, in an order that carries the state."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.models.language_model import IGNORE
from rnn_lm.stream import EncodedText, SegmentStream


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
