"""States over a sample, places with the same pattern, and probes: against slow plain versions and planted signals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from export_cases import LINES, codec, neural
from rnn_lm.explorer.patterns import find_matches, pattern_over
from rnn_lm.explorer.probing import probe
from rnn_lm.explorer.sample import Quantized, sample_of, states_of, stretches
from rnn_lm.explorer.tracked import UNLABELLED, Tracked, tracked_in
from rnn_lm.models.states import layers_over
from rnn_lm.stream import EncodedText


@pytest.mark.parametrize("kind", ["lstm", "gru", "attention", "qrnn"])
def test_states_side_by_side_are_those_of_each_text_alone(kind: str) -> None:
    stored = neural(kind)
    ids_tb = torch.randint(len(stored.vocabulary), (9, 3), generator=torch.Generator().manual_seed(1))
    found = states_of(stored.model, ids_tb)
    for column in range(3):
        for signals, layer in zip(found, layers_over(stored.model, ids_tb[:, column].tolist(), kind), strict=True):
            assert torch.allclose(signals["hidden"][:, column], layer.hidden, atol=1e-5)
            if layer.cell is not None:
                assert torch.allclose(signals["cell"][:, column], layer.cell, atol=1e-5)
    sample = sample_of(stored.model, ids_tb)
    assert sample.ids_n[: sample.stretch].tolist() == ids_tb[:, 0].tolist()
    exact = found[0]["hidden"].transpose(0, 1).flatten(0, 1).numpy()
    kept = sample.layers[0]["hidden"]
    assert (np.abs(kept.values - exact) <= kept.scale_u / 2 + 1e-6).all()


def test_stretches_begin_with_the_end_of_a_sentence_and_do_not_repeat() -> None:
    found = codec()
    text = EncodedText(torch.tensor(found.encode("\n".join(LINES * 9) + "\n")), 1, 1)
    ids_tb = stretches(text, 120, stretch=30)
    assert ids_tb.shape == (30, 4)
    assert (ids_tb[0] == 1).all()
    read = text.inputs_and_targets()[0].tolist()
    for column in ids_tb.T.tolist():
        assert any(read[at : at + 30] == column for at in range(len(read)))
    assert stretches(text, 10_000, stretch=10_000).shape == (len(read), 1)


def matched_by_hand(values: np.ndarray, stretch: int, pattern: list[int], length: int, threshold: float, edges: bool):
    """Every place, with what it shares with the pattern and what else is on over it."""
    units = values.shape[1]

    def on(token: int, column: int) -> bool:
        value = values[token, column % units]
        return bool(value >= threshold if column < units else value <= -threshold)

    places = []
    for first in range(len(values) - length + 1):
        if first // stretch != (first + length - 1) // stretch:
            continue
        columns = set()
        for column in range(2 * units):
            throughout = all(on(token, column) for token in range(first, first + length))
            before = first % stretch > 0 and on(first - 1, column)
            after = (first + length) % stretch > 0 and first + length < len(values) and on(first + length, column)
            if throughout and not (edges and (before or after)):
                columns.add(column)
        shared = len(columns & set(pattern))
        if shared:
            places.append((first, shared, len(columns) - shared))
    places.sort(key=lambda place: (-place[1], place[2], place[0]))
    chosen: list[tuple[int, int, int]] = []
    for place in places:
        if all(abs(place[0] - other[0]) >= length for other in chosen):
            chosen.append(place)
    return chosen


@pytest.mark.parametrize("edges", [False, True])
@pytest.mark.parametrize("length", [1, 3])
def test_places_are_found_as_by_hand(edges: bool, length: int) -> None:
    random = np.random.default_rng(5)
    values = random.standard_normal((60, 7)).cumsum(axis=0) % 3 - 1.5  # units that stay on for a while
    pattern = pattern_over(values, 8, 7 + length, 0.5, edges).tolist()
    assert pattern
    found = find_matches(values, 20, pattern, length, 0.5, edges, most=1000)
    expected = matched_by_hand(values, 20, pattern, length, 0.5, edges)
    assert [(each.position, each.shared, each.others) for each in found] == expected
    assert (8, len(pattern)) in [place[:2] for place in expected]


def planted(noise: float) -> tuple[np.ndarray, Tracked]:
    """A property of places that no word decides, and twelve units of which number 4 holds it."""
    random = np.random.default_rng(2)
    labels_n = random.integers(0, 2, 1600)
    values = random.standard_normal((1600, 12))
    values[:, 4] = 2.0 * labels_n - 1 + noise * values[:, 4]
    return values, Tracked("planted", ("no", "yes"), labels_n, random.integers(0, 300, 1600))


def test_a_planted_property_is_found_and_its_unit_named() -> None:
    found = probe(*planted(0.1), stretch=100)
    assert found is not None
    assert found.accuracy > 0.98
    assert found.best_unit == 4
    assert found.best_accuracy > 0.98
    assert int(np.abs(found.weights_cu[1] - found.weights_cu[0]).argmax()) == 4
    assert found.control < 0.65
    assert found.selectivity == pytest.approx(found.accuracy - found.control)


def test_units_that_hold_the_word_alone_are_not_selective() -> None:
    """One unit per word: whatever is decided by the word can be read off, the control task as well."""
    random = np.random.default_rng(3)
    types_n = random.integers(0, 20, 1600)
    found = probe(np.eye(20)[types_n], Tracked("by word", ("a", "b"), types_n % 2, types_n), stretch=100)
    assert found is not None
    assert found.accuracy > 0.98
    assert abs(found.selectivity) < 0.02


def test_what_is_not_labelled_is_not_asked() -> None:
    values, tracked = planted(0.1)
    none = Tracked("none", tracked.classes, np.full(1600, UNLABELLED), tracked.source_n)
    assert probe(values, none, stretch=100) is None


def test_properties_are_labelled_by_hand() -> None:
    lines = ["the king ( of men ) said , “ come up ”", "“ priests went", "it was the king who said it"]
    found = codec("whitespace", lines * 3, size=60)
    text = "<eos> the king ( of men ) said , “ come up ” <eos> “ priests went <eos> it was the king who said it"
    tokens = text.split()
    ids_n = np.array(found.vocabulary.encode(tokens))
    by_name = {each.name: each.labels_n.tolist() for each in tracked_in(ids_n, len(ids_n), found.vocabulary)}
    no = UNLABELLED
    assert by_name["quotation marks"] == [no] * 9 + [1, 1, 1, 0, 0] + [1] * 11
    assert by_name["brackets"] == [no] * 3 + [1, 1, 1] + [0] * 19
    assert by_name["place in the sentence"] == [0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2] + [0] * 8 + [1] * 4
    assert "number of the last noun" not in by_name  # no pair of singular and plural is in this vocabulary


def test_the_number_is_that_of_the_last_noun_of_the_sentence() -> None:
    found = codec("whitespace", ["the king and kings sat"] * 3, size=60)
    text = "<eos> the king sat and kings sat <eos> the sat kings and sat"
    tokens = text.split()
    ids_n = np.array(found.vocabulary.encode(tokens))
    (number,) = [each for each in tracked_in(ids_n, len(ids_n), found.vocabulary) if each.name.startswith("number")]
    no = UNLABELLED
    assert number.labels_n.tolist() == [no, no, no, 0, 0, no, 1, no, no, no, no, 1, 1]
    king, kings = (found.vocabulary.encode([word])[0] for word in ("king", "kings"))
    assert [number.source_n[place] for place in (3, 6, 12)] == [king, kings, kings]


def test_values_in_a_byte_keep_their_largest() -> None:
    values = np.array([[0.5, -3.0, 0.0], [-1.0, 1.5, 0.0]])
    kept = Quantized.of(values)
    assert kept.values_nu.tolist() == [[64, -127, 0], [-127, 64, 0]]
    assert np.allclose(kept.values, values, atol=0.02)
