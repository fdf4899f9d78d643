"""The n-gram model: against a worked example, a slow reference in plain Python, and published figures."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from dataclasses import astuple
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.checkpoint import write_checkpoint
from rnn_lm.config import NgramConfig
from rnn_lm.errors import UserError
from rnn_lm.files import write_tensors
from rnn_lm.layers.state import select
from rnn_lm.models.kneser_ney import FALLBACK, Discounts, estimate_discounts
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.padding import IGNORE
from rnn_lm.stream import EncodedText

EOS = 1
BOUNDARIES = ("sentence", "stream")
sentences_of_ids = st.lists(st.lists(st.sampled_from([0, 2, 3, 4]), max_size=6), min_size=1, max_size=8)
boundaries = st.sampled_from(BOUNDARIES)


def encode(sentences: list[list[int]]) -> EncodedText:
    return EncodedText(torch.tensor([i for sentence in sentences for i in [*sentence, EOS]]), EOS, characters=1)


def train(sentences: list[list[int]], order: int, boundary: str = "sentence", size: int = 6) -> NgramLanguageModel:
    return NgramLanguageModel.train(encode(sentences), size, NgramConfig(order, boundary))  # pyright: ignore[reportArgumentType]


class Reference:
    """Kneser-Ney from its definition, one dictionary entry per n-gram; the begin symbol is "<s>", not ``<eos>``."""

    def __init__(self, sentences: list[list[int]], size: int, order: int, boundary: str) -> None:
        self.size, self.order, self.boundary = size, order, boundary
        if boundary == "sentence":
            sequences = [["<s>", *sentence, EOS] for sentence in sentences]
        else:
            sequences = [[EOS, *(i for sentence in sentences for i in [*sentence, EOS])]]
        self.levels = [self._adjusted(sequences, length) for length in range(1, order + 1)]
        self.discounts = [self._discounts(level) for level in self.levels]

    def _adjusted(self, sequences: list[list], length: int) -> dict[tuple, int]:
        plain, before = Counter(), defaultdict(set)
        for sequence in sequences:
            for end in range(max(length, 2), len(sequence) + 1):
                ngram = tuple(sequence[end - length : end])
                plain[ngram] += 1
                before[ngram].add(sequence[end - length - 1] if end > length else "nothing")
        if length == self.order:
            return plain
        return {ngram: n if ngram[0] == "<s>" else len(before[ngram]) for ngram, n in plain.items()}

    @staticmethod
    def _discounts(level: dict[tuple, int]) -> list[float]:
        n = Counter(level.values())
        if not (n[1] and n[2] and n[3]):
            return [0, 0.5, 1.0, 1.5]
        y = n[1] / (n[1] + 2 * n[2])
        found = [0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
        return found if min(found[1:]) > 0 else [0, 0.5, 1.0, 1.5]

    def prob(self, word: int, context: tuple) -> float:
        level, discounts = self.levels[len(context)], self.discounts[len(context)]
        shorter = self.prob(word, context[1:]) if context else 1 / self.size
        after = {ngram: count for ngram, count in level.items() if ngram[:-1] == context}
        if not after:
            return shorter
        discounted = {ngram: discounts[min(count, 3)] for ngram, count in after.items()}
        total, ngram = sum(after.values()), (*context, word)
        own = after[ngram] - discounted[ngram] if ngram in after else 0
        return own / total + sum(discounted.values()) / total * shorter

    def context(self, read: list[int]) -> tuple:
        """What the model sees of the tokens read so far, ``<eos>`` being the first of them."""
        if self.boundary == "sentence":
            start = len(read) - 1 - read[::-1].index(EOS)
            read = ["<s>", *read[start + 1 :]]  # pyright: ignore[reportAssignmentType]
        return tuple(read[max(0, len(read) - self.order + 1) :])


def test_worked_example() -> None:
    # Sentences "a b", "a b", "a c"; V = 5 with <unk> = 0, </s> = 1, a = 2, b = 3, c = 4.
    # Bigram counts: <s> a 3, a b 2, a c 1, b </s> 2, c </s> 1: n_1 = 2, n_2 = 2, n_3 = 1, n_4 = 0, Y = 2/6 = 1/3,
    #   D(1) = 1 - 2/3 * 2/2 = 1/3, D(2) = 2 - 3/3 * 1/2 = 3/2, D(3) = 3 - 4/3 * 0 = 3.
    # Adjusted unigram counts (different tokens before): a 1, b 1, c 1, </s> 2 (b and c), of 5; n_3 = 0, so the
    #   discounts are 0.5 and 1: gamma = (3 * 0.5 + 1) / 5 = 1/2, of which the uniform distribution gives each 1/10.
    model = train([[2, 3], [2, 3], [2, 4]], order=2, size=5)
    unigrams = {0: 0.1, 2: 0.5 / 5 + 0.1, 3: 0.5 / 5 + 0.1, 4: 0.5 / 5 + 0.1, 1: 1 / 5 + 0.1}
    assert model.table.levels[0].log_prob_g == pytest.approx([math.log(unigrams[i]) for i in range(5)])
    # After a (3 times): gamma = (D(2) + D(1)) / 3 = 11/18. After <s>: gamma = D(3) / 3 = 1.
    after_begin, state = model.step(torch.tensor([1]), model.initial_state(1))
    assert after_begin[0].exp().tolist() == pytest.approx([unigrams[i] for i in range(5)])
    after_a, state = model.step(torch.tensor([2]), state)
    backed_off = {i: 11 / 18 * p for i, p in unigrams.items()}
    expected = [
        backed_off[0],
        backed_off[1],
        backed_off[2],
        (2 - 3 / 2) / 3 + backed_off[3],
        (1 - 1 / 3) / 3 + backed_off[4],
    ]
    assert after_a[0].exp().tolist() == pytest.approx(expected)
    after_b, _ = model.step(torch.tensor([3]), state)
    assert after_b[0, 1].exp().item() == pytest.approx((2 - 3 / 2) / 2 + (3 / 2) / 2 * 0.3)
    assert model.discounts[0] == FALLBACK
    assert model.ngram_counts == (5, 5)
    assert model.parameters_count == 5 + 5 + 4  # probabilities; back-off weights of <s>, a, b, c


@settings(max_examples=60, deadline=None)
@given(sentences_of_ids, sentences_of_ids, st.integers(1, 4), boundaries)
def test_agrees_with_the_definition(
    sentences: list[list[int]], probe: list[list[int]], order: int, boundary: str
) -> None:
    model, reference = train(sentences, order, boundary), Reference(sentences, 6, order, boundary)
    ids = encode(probe).ids_n.tolist()
    expected = [-math.log(reference.prob(word, reference.context([EOS, *ids[:i]]))) for i, word in enumerate(ids)]
    assert model.nll(torch.tensor(ids)).tolist() == pytest.approx(expected, rel=1e-10)


@settings(max_examples=30, deadline=None)
@given(sentences_of_ids, sentences_of_ids, st.integers(1, 6), boundaries)
def test_every_context_sums_to_one(
    sentences: list[list[int]], probe: list[list[int]], order: int, boundary: str
) -> None:
    model = train(sentences, order, boundary)
    ids_n = torch.cat([encode(probe).ids_n, torch.tensor([5, 5, 2, EOS])])  # 5 is in the vocabulary, never in train
    state, nll = model.initial_state(1), []
    for read, word in zip([EOS, *ids_n.tolist()], [*ids_n.tolist(), EOS], strict=True):
        log_prob_bv, state = model.step(torch.tensor([read]), state)
        assert abs(log_prob_bv.exp().sum().item() - 1) < 1e-10
        nll.append(-log_prob_bv[0, word].item())
    assert model.nll(ids_n).tolist() == pytest.approx(nll[:-1], rel=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    "sentences", [[[]], [[2]], [[2, 2, 2, 2, 2, 2, 2, 2]], [[2, 3]] * 9, [[2], [], [3, 4]]], ids=str
)
def test_degenerate_texts(sentences: list[list[int]], boundary: str) -> None:
    model = train(sentences, 6, boundary)
    log_prob_bv, _ = model.step(torch.tensor([EOS, 2, 5]), model.initial_state(3))
    assert log_prob_bv.exp().sum(1).tolist() == pytest.approx([1, 1, 1], abs=1e-10)
    assert log_prob_bv.isfinite().all()


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([1, 1, 2, 2, 3], Discounts(1 / 3, 3 / 2, 3.0)),  # Y = 2/6; no count of 4, so D(3) = 3
        ([1, 1, 1, 2, 3, 3, 4, 5, 9, 0], FALLBACK),  # Y = 3/5: D(2) = 2 - 9/5 * 2/1 is below 0
        ([1, 2, 3, 3], FALLBACK),  # Y = 1/3: D(2) = 2 - 2/1 is 0, and would leave nothing for unseen tokens
        ([1, 1, 2], FALLBACK),  # no count of 3
        ([], FALLBACK),
    ],
)
def test_discounts_from_counts_of_counts(counts: list[int], expected: Discounts) -> None:
    assert astuple(estimate_discounts(np.array(counts, dtype=np.int64))) == pytest.approx(astuple(expected))


def test_text_without_counts_of_one_uses_the_fallback_discounts() -> None:
    model = train([[2, 3]] * 9, order=3)
    assert model.discounts == (FALLBACK,) * 3
    # (count 9, discounted by 1.5) + 1.5/9 of P(3 | <s> without its first token...), all the way down.
    unigram = (1 - 0.5) / 3 + (3 * 0.5 / 3) / 6
    bigram = (1 - 0.5) / 1 + 0.5 * unigram
    assert model.nll(torch.tensor([2, 3]))[1].exp().reciprocal().item() == pytest.approx(
        (9 - 1.5) / 9 + 1.5 / 9 * bigram
    )


def test_state_is_the_last_tokens_and_sentences_forget_what_came_before() -> None:
    text = [[2, 3, 4], [3, 2]]
    read_tb = torch.tensor([EOS, 2, 3, EOS, 4])[:, None]
    (sentence_nb,) = train(text, 4).score(read_tb, read_tb, train(text, 4).initial_state(1))[1]
    (stream_nb,) = train(text, 4, "stream").score(read_tb, read_tb, train(text, 4).initial_state(1))[1]
    assert sentence_nb[:, 0].tolist() == [-1, EOS, 4]
    assert stream_nb[:, 0].tolist() == [3, EOS, 4]
    assert train(text, 1).initial_state(7)[0].shape == (0, 7)


@settings(max_examples=30, deadline=None)
@given(sentences_of_ids, sentences_of_ids, st.integers(1, 6))
def test_sentence_boundary_makes_both_context_policies_agree(
    sentences: list[list[int]], probe: list[list[int]], order: int
) -> None:
    model = train(sentences, order)
    apart = torch.cat([model.nll(encode([sentence]).ids_n) for sentence in probe])
    assert torch.equal(model.nll(encode(probe).ids_n), apart)


def test_stream_boundary_sees_across_sentences() -> None:
    # After "2 <eos>" always 2, after "3 <eos>" always 3: only a model that sees across <eos> can tell.
    text = [[2]] * 20 + [[3]] * 20
    probe = torch.tensor([2, EOS, 2, EOS])
    assert train(text, 3, "stream").nll(probe)[2] < 0.3 < train(text, 3).nll(probe)[2]


@settings(max_examples=30, deadline=None)
@given(sentences_of_ids, st.integers(1, 5), boundaries, st.integers(1, 5), st.integers(0, 10**6))
def test_score_does_not_depend_on_segments_or_batch(
    sentences: list[list[int]], order: int, boundary: str, cut: int, seed: int
) -> None:
    model, rng = train(sentences, order, boundary), random.Random(seed)
    rows, columns = 9, 3
    input_tb = torch.tensor([[rng.randrange(6) for _ in range(columns)] for _ in range(rows)])
    target_tb = torch.tensor([[rng.randrange(-1, 6) for _ in range(columns)] for _ in range(rows)])
    whole_tb, end = model.score(input_tb, target_tb, model.initial_state(columns))
    first_tb, state = model.score(input_tb[:cut], target_tb[:cut], model.initial_state(columns))
    rest_tb, state = model.score(input_tb[cut:], target_tb[cut:], state)
    assert torch.equal(torch.cat([first_tb, rest_tb]), whole_tb)
    assert torch.equal(state[0], end[0])
    assert (whole_tb[target_tb == IGNORE] == 0).all()
    alone_tb, _ = model.score(input_tb[:, 1:2], target_tb[:, 1:2], select(model.initial_state(3), torch.tensor([1])))
    assert torch.equal(alone_tb[:, 0], whole_tb[:, 1])


def test_context_match_counts_tokens_seen_before_something() -> None:
    text = [[2, 3, 4], [3, 2]]
    probe = torch.tensor([2, 3, 4, 2, 0, 3, EOS, 3, 2, EOS])
    # Contexts:    <s>|<s> 2|<s> 2 3|2 3 4|3 4 2|4 2 0|2 0 3|<s>|<s> 3|<s> 3 2
    assert train(text, 4).context_match(probe).tolist() == [0, 1, 2, 3, 1, 0, 1, 0, 1, 2]
    # "2 <eos>" ends the text, so nothing was seen after it; the <eos> before the first sentence is a token as well.
    assert train(text, 4, "stream").context_match(probe).tolist() == [1, 2, 3, 3, 1, 0, 1, 1, 2, 3]


@settings(max_examples=40, deadline=None)
@given(sentences_of_ids, sentences_of_ids, st.integers(1, 5), boundaries)
def test_context_match_agrees_with_the_definition(
    sentences: list[list[int]], probe: list[list[int]], order: int, boundary: str
) -> None:
    reference = Reference(sentences, 6, order, boundary)
    contexts = {ngram[:-1] for level in reference.levels for ngram in level}
    ids = encode(probe).ids_n.tolist()
    expected = []
    for i in range(len(ids)):
        context = reference.context([EOS, *ids[:i]])
        longest = next(context[start:] for start in range(len(context) + 1) if context[start:] in contexts)
        expected.append(len([token for token in longest if token != "<s>"]))
    assert train(sentences, order, boundary).context_match(torch.tensor(ids)).tolist() == expected


def test_is_a_language_model_and_deterministic() -> None:
    first, second = train([[2, 3, 4], [3]], 3), train([[2, 3, 4], [3]], 3)
    assert isinstance(first, LanguageModel)
    assert torch.equal(first.nll(torch.tensor([4, 3, EOS])), second.nll(torch.tensor([4, 3, EOS])))


def test_refuses_what_it_cannot_count() -> None:
    with pytest.raises(UserError, match="training text is empty"):
        NgramLanguageModel.train(EncodedText(torch.tensor([], dtype=torch.int64), EOS, 0), 3, NgramConfig(2))
    with pytest.raises(ValueError, match="id 9 is outside a vocabulary of 6"):
        train([[9]], 2)
    with pytest.raises(ValueError, match="id 6 is outside"):
        train([[2]], 2).nll(torch.tensor([6]))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("order", [1, 3, 6])
def test_save_and_load(tmp_path: Path, order: int, boundary: str) -> None:
    model, path = train([[2, 3, 4], [3, 3], []], order, boundary), tmp_path / "ngram.safetensors"
    model.save(path)
    loaded = NgramLanguageModel.load(path)
    probe = torch.tensor([2, 3, 4, EOS, 3, 5, EOS])
    assert torch.equal(loaded.nll(probe), model.nll(probe))
    assert torch.equal(loaded.context_match(probe), model.context_match(probe))
    assert (loaded.config, loaded.discounts, loaded.eos_id) == (model.config, model.discounts, model.eos_id)


FACTS = {"config": {"order": 1, "boundary": "sentence"}, "eos_id": 1, "discounts": [[0.5, 0.5, 0.5]]}


def test_load_refuses_what_is_not_a_whole_ngram_model(tmp_path: Path) -> None:
    path = tmp_path / "ngram.safetensors"
    with pytest.raises(UserError, match="no such file"):
        NgramLanguageModel.load(path)
    train([[2, 3, 4], [3, 3]], 3).save(path)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="checksum"):
        NgramLanguageModel.load(path)
    path.write_bytes(content[:100])
    with pytest.raises(UserError, match="damaged"):
        NgramLanguageModel.load(path)
    write_checkpoint(path, {"model.weight": torch.ones(1)}, {"kind": "recurrent"})
    with pytest.raises(UserError, match="holds no n-gram model"):
        NgramLanguageModel.load(path)
    write_checkpoint(path, {"1.keys": torch.arange(3)}, {"kind": "ngram", "ngrams": [3], **FACTS})
    with pytest.raises(UserError, match="log_prob of the 1-grams is not as the header announces"):
        NgramLanguageModel.load(path)
    write_tensors(path, {"1.keys": torch.arange(3)}, {})
    with pytest.raises(UserError, match="not a checkpoint"):
        NgramLanguageModel.load(path)


# Perplexity of KenLM's lmplz models on Penn Treebank, (valid, test) by order; see docs/ngram.md.
KENLM_PERPLEXITY = {2: (199.02, 185.70), 3: (157.77, 148.28), 4: (149.90, 142.72), 5: (148.01, 141.19)}


@pytest.fixture(scope="module")
def penn_treebank(ptb_folder: Path) -> dict[str, EncodedText]:
    splits = {
        name: [[*line.split(), "<eos>"] for line in (ptb_folder / f"{name}.txt").read_text().splitlines()]
        for name in ("train", "valid", "test")
    }
    ids = {token: index for index, token in enumerate(dict.fromkeys(chain.from_iterable(splits["train"])))}
    encoded = {name: [ids[token] for token in chain.from_iterable(lines)] for name, lines in splits.items()}
    return {name: EncodedText(torch.tensor(split), ids["<eos>"], 1) for name, split in encoded.items()}


@pytest.mark.parametrize("order", [2, 3, *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 5))])
def test_penn_treebank_reference_table(penn_treebank: dict[str, EncodedText], order: int) -> None:
    assert len(penn_treebank["train"]) == 929_589
    model = NgramLanguageModel.train(penn_treebank["train"], 10_000, NgramConfig(order))
    found = tuple(model.nll(penn_treebank[name].ids_n).mean().exp().item() for name in ("valid", "test"))
    assert found == pytest.approx(KENLM_PERPLEXITY[order], abs=0.02)
