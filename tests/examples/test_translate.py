"""Translation: with attention, lists are reversed exactly; padding changes nothing; each sentence is in one bin."""

import random

import pytest
import torch

from by_path import module_at

translate = module_at("examples/translate.py")


def reversals(count, seed):
    draw = random.Random(seed)
    sources = [[draw.randrange(3, 13) for _ in range(draw.randint(2, 8))] for _ in range(count)]
    return [(source, source[::-1]) for source in sources]


@pytest.mark.slow
def test_attention_learns_to_reverse_exactly():
    torch.manual_seed(0)
    model = translate.Translator(13, 64, attention=True, dropout=0.0)
    translate.train(model, reversals(4000, 1), 12, 5e-3, 1, lambda *_: None)
    unseen = reversals(200, 2)
    assert model.translate([source for source, _ in unseen]) == [target for _, target in unseen]


def test_training_lowers_the_loss():
    torch.manual_seed(0)
    losses = []
    model = translate.Translator(13, 16, attention=True, dropout=0.0)
    translate.train(model, reversals(300, 1), 8, 1e-2, 1, lambda _, loss: losses.append(loss))
    assert losses[-1] < losses[0] - 0.4


@pytest.mark.parametrize("attention", [True, False])
def test_a_longer_neighbor_changes_nothing(attention):
    torch.manual_seed(0)
    model = translate.Translator(13, 16, attention=attention, dropout=0.0)
    short, long = [5, 6, 7], [3, 4, 5, 6, 7, 8, 9]
    alone, beside = model.translate([short], longest=9), model.translate([short, long], longest=9)
    assert alone[0] == beside[0]


def test_bleu_by_length_covers_each_sentence_once():
    pytest.importorskip("sacrebleu")
    sources = ["a b c", "a b c d e f g h i j", "x " * 14, "x " * 30]
    scores = translate.bleu_by_length(sources, sources, sources)
    assert list(scores) == ["all", "up to 8 words", "9 to 12", "13 to 16", "17 or more"]
    assert scores["17 or more"] == pytest.approx(100)
