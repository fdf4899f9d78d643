import math

import pytest
import torch

from rnn_lm.gradients.clipping import CLIPS, EXPLODING, VANISHING, small_data, summarize, train_clipped
from rnn_lm.gradients.results import TrainedRun
from rnn_lm.stream import EncodedText
from rnn_lm.training.trainer import TrainingData

STEPS = 20


def text(tokens: int, seed: int) -> EncodedText:
    """Ids that follow one another with some regularity; 0 is <unk> and 1 <eos>."""
    generator = torch.Generator().manual_seed(seed)
    jumps = torch.randint(1, 4, (tokens,), generator=generator)
    ids_n = 1 + jumps.cumsum(0) % 30
    ids_n[-1] = 1
    return EncodedText(ids_n, 1, tokens)


@pytest.fixture(scope="module")
def runs() -> list[TrainedRun]:
    train = text(6000, 1)
    data = small_data(TrainingData(train, text(600, 2), torch.bincount(train.ids_n, minlength=40)))
    return [train_clipped(setting, clip, 1, STEPS, data) for setting, clips in CLIPS.items() for clip in clips]


def test_without_clipping_the_exploding_run_ends_and_with_it_it_does_not(runs: list[TrainedRun]) -> None:
    unclipped, *clipped = [row for row in summarize(runs) if row["setting"]["name"] == EXPLODING.name]
    assert unclipped["diverged"] == unclipped["runs"] == 1
    assert unclipped["perplexity"] is None
    for row in clipped:
        assert row["diverged"] == 0
        assert row["perplexity"]["median"] < 40  # pyright: ignore
        assert row["largest_norm"] > 1
        assert not row["same_weights_as_unclipped"]


def test_a_threshold_that_is_never_reached_changes_no_bit(runs: list[TrainedRun]) -> None:
    unclipped, by_norm, by_value, reached = [run for run in runs if run["setting"] == VANISHING.name]
    assert max(unclipped["norms"]["before"]) < 100
    for run in (by_norm, by_value):
        assert run["weights"] == unclipped["weights"]
        assert run["by_lag"] == unclipped["by_lag"]
    assert reached["weights"] != unclipped["weights"]


def test_clipping_does_not_bring_back_a_vanished_gradient(runs: list[TrainedRun]) -> None:
    rows = [row for row in summarize(runs) if row["setting"]["name"] == VANISHING.name]
    assert [row["clipped_share"] for row in rows] == [0, 0, 0, 1]
    assert all(row["long_lag_share"] < 1e-6 for row in rows)  # pyright: ignore


def test_norms_after_clipping_keep_to_the_threshold(runs: list[TrainedRun]) -> None:
    for run in runs:
        clip = next(clip for clips in CLIPS.values() for clip in clips if clip.name == run["clip"])
        if clip.clip == "norm":
            assert max(run["norms"]["after"]) <= clip.threshold * (1 + 1e-6)
        assert all(
            after <= before * (1 + 1e-5)
            for before, after in zip(run["norms"]["before"], run["norms"]["after"], strict=True)
        )


def test_the_small_text_keeps_the_most_frequent_tokens_and_reads_the_rest_as_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rnn_lm.gradients.clipping.VOCABULARY_SIZE", 10)
    train = text(500, 3)
    small = small_data(TrainingData(train, text(100, 4), torch.bincount(train.ids_n, minlength=40)))
    kept_n = train.ids_n < 10
    assert small.train.ids_n[kept_n].equal(train.ids_n[kept_n])
    assert (small.train.ids_n[~kept_n] == 0).all()
    assert len(small.counts_v) == 10
    assert int(small.counts_v.sum()) == len(small.train)


def test_a_run_worse_than_guessing_counts_as_diverged(runs: list[TrainedRun]) -> None:
    for run in runs:
        worse = run["final_perplexity"] is None or run["final_perplexity"] >= 40
        assert run["diverged"] == worse
        assert run["final_perplexity"] is None or math.isfinite(run["final_perplexity"])
