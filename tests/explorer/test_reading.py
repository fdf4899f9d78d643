"""What is said of each token, against the definitions, one token at a time."""

from __future__ import annotations

import math

import pytest
import torch

from explorer.conftest import TEXT
from export_cases import LINES, baseline, neural
from rnn_lm.errors import UserError
from rnn_lm.explorer.ablation import log_probabilities_without
from rnn_lm.explorer.answers import next_log_probabilities
from rnn_lm.explorer.reading import difference, log_probabilities, read
from rnn_lm.explorer.seen import TrainingText, seen_before
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.storage import StoredModel


def stepped(stored: StoredModel, ids: list[int]) -> torch.Tensor:
    """log P(next) after ``<eos>`` and each of ``ids``, by the model's own steps."""
    state, rows = stored.model.initial_state(1), []
    with torch.no_grad():
        for index in [1, *ids]:
            log_probs_bv, state = stored.model.step(torch.tensor([index]), state)
            rows.append(log_probs_bv[0].double())
    return torch.stack(rows)


@pytest.mark.parametrize("kind", ["lstm", "attention", "ngram", "qrnn"])
def test_each_token_is_measured_by_definition(kind: str) -> None:
    stored = baseline() if kind == "ngram" else neural(kind)
    found, ids = read(stored, TEXT), stored.codec.encode(TEXT)
    expected = stepped(stored, ids)
    assert found.cut.ids == tuple(ids)
    for place, index in enumerate(ids):
        probabilities = expected[place].exp().tolist()
        assert found.surprisal_t[place].item() == pytest.approx(-math.log2(probabilities[index]), abs=1e-4)
        entropy = -sum(share * math.log2(share) for share in probabilities if share > 0)
        assert found.entropy_t[place].item() == pytest.approx(entropy, abs=1e-4)
        assert found.rank_t[place].item() == 1 + sum(share > probabilities[index] for share in probabilities)
        best = sorted(range(len(probabilities)), key=lambda each: -probabilities[each])
        assert found.top_probabilities_tk[place, 0].item() == pytest.approx(probabilities[best[0]], abs=1e-5)
    assert len(found.top_ids_tk) == len(ids) + 1
    assert torch.allclose(next_log_probabilities(stored, ids[:7]).double(), expected[7], atol=1e-5)
    assert torch.allclose(next_log_probabilities(stored, []).double(), expected[0], atol=1e-5)


def test_two_models_are_compared_where_both_know_the_word() -> None:
    one, other = read(neural("lstm"), "the cat xyzzy fish ."), read(baseline(), "The cat xyzzy fish .")
    found = difference(one, other)
    assert found[2] is None
    assert found[1] == pytest.approx(float(one.surprisal_t[1] - other.surprisal_t[1]))
    with pytest.raises(UserError, match="different tokens"):
        difference(one, read(baseline(), "the cat ."))


@pytest.mark.parametrize(("text", "said"), [("", "no word"), (" \n\n", "no word"), ("the " * 2001, "2,001 tokens")])
def test_a_text_that_cannot_be_read_is_said_in_a_line(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        read(neural("gru"), text)
    assert "\n" not in str(error.value)


def test_what_an_ngram_had_seen_is_counted_by_hand() -> None:
    stored = baseline(order=3)
    model, codec = stored.model, stored.codec
    assert isinstance(model, NgramLanguageModel)
    train = codec.encode("\n".join(LINES) + "\n")
    ids = codec.encode("the old man loves the king .\nit sees the cat")
    places = seen_before(model, ids, TrainingText(torch.tensor(train).numpy(), 1))
    assert len(places) == len(ids) + 1
    sequence, text = [1, *train], [1, *ids]
    checked = 0
    for place, contexts in enumerate(places):
        lengths = [len(one.ids) for one in contexts]
        assert lengths == sorted(lengths, reverse=True)
        for one in contexts:
            length = len(one.ids)
            assert one.ids == tuple(text[place + 1 - length : place + 1])
            after = [
                sequence[at + length]
                for at in range(len(sequence) - length)
                if tuple(sequence[at : at + length]) == one.ids
            ]
            assert one.count == len(after) > 0
            assert one.followers == len(set(after))
            assert all(each.count == after.count(each.id) for each in one.top)
            if place < len(ids):
                assert (one.came is not None) == (ids[place] in after)
            checked += 1
    assert checked > len(ids)


def test_the_longest_context_is_that_of_context_match() -> None:
    stored = baseline(order=4, boundary="stream")
    model = stored.model
    assert isinstance(model, NgramLanguageModel)
    ids = stored.codec.encode("the old man loves the sea .\nit sees fish , the king .")
    longest = [len(contexts[0].ids) if contexts else 0 for contexts in seen_before(model, ids)[:-1]]
    assert longest == model.context_match(torch.tensor(ids)).tolist()
    assert seen_before(model, ids)[3][0].count is None


def test_a_unit_that_is_off_is_off_for_all_that_read_it() -> None:
    """By hand, with a copy whose columns that read the unit are 0: the same as a unit that puts out 0."""
    stored, ids = neural("lstm"), [1, 4, 7, 9, 3]
    model = stored.model
    assert isinstance(model, RecurrentLanguageModel)
    for layer in (0, 1):
        found = log_probabilities_without(stored, ids, layer, [2, 5])
        other = neural("lstm")
        assert isinstance(other.model, RecurrentLanguageModel)
        with torch.no_grad():
            other.model.torch_cells[layer].weight_hh[:, [2, 5]] = 0
            if layer == 0:
                other.model.torch_cells[1].weight_ih[:, [2, 5]] = 0
            else:
                assert other.model.projection is not None
                other.model.projection.weight[:, [2, 5]] = 0
        expected = log_probabilities(other.model, ids)
        assert torch.allclose(found, expected, atol=1e-5)
        assert not torch.allclose(found, log_probabilities(model, ids), atol=1e-3)


def test_with_no_unit_off_nothing_changes_and_units_that_are_not_there_are_refused() -> None:
    for kind in ("gru", "attention"):
        stored = neural(kind)
        same = log_probabilities_without(stored, [1, 4, 7], 0, [])
        assert torch.allclose(same, log_probabilities(stored.model, [1, 4, 7]), atol=1e-6)
        assert not torch.allclose(same, log_probabilities_without(stored, [1, 4, 7], 0, [1]), atol=1e-3)
        with pytest.raises(UserError, match="units 0 to 7"):
            log_probabilities_without(stored, [1], 0, [8])
    with pytest.raises(UserError, match="no layer 1"):
        log_probabilities_without(baseline(), [1], 0, [0])
