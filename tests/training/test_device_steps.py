"""What an accelerator is spared: nothing is asked of it within a step, and what it measured is read in batches.

The CPU stands in for it: it is told to answer late, which is all that the code knows of an accelerator.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rnn_lm.checkpoint import LAST, read_checkpoint
from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.layers.cells.base import CellParameters
from rnn_lm.layers.cells.library import run_library, run_packed, run_packed_layers
from rnn_lm.layers.packing import packed, wider
from rnn_lm.models.families import family_of
from rnn_lm.models.recurrent import RecurrentLanguageModel, split_state
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.training.trainer import Trainer, TrainingData, TrainingDiverged

VOCABULARY_SIZE = 20
"""Of ``tiny_data``."""
ASKING = ("_local_scalar_dense", "nonzero", "is_nonzero", "masked_select", "equal", "item", "unique")


class Questions(TorchDispatchMode):
    """Refuses every operation whose result the program has to wait for."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__.partition(".")[0] in ASKING:
            raise AssertionError(f"{func} asks the device for a number")
        return func(*args, **(kwargs or {}))


TRAINERS: list[Trainer] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while TRAINERS:
        TRAINERS.pop().log.close()


def trainer_on(data: TrainingData, runtime: Runtime, folder: Any = None, **changed: Any) -> Trainer:
    cell = changed.pop("cell", "lstm")
    model = ModelConfig(
        cell=cell, hidden_size=16, layers=2, last_hidden_size=None if cell == "attention" else 8, heads=2,
        dropout_input=0.1, dropout_between=0.1, dropout_output=0.2, dropout_embedding=0.1,
        dropout_recurrent=0.2 if cell in ("rnn", "gru", "lstm", "mogrifier") else 0.0, mogrifier_rank=3,
    )  # fmt: skip
    settings: dict[str, Any] = {"budget": "40steps", "batch_size": 4, "bptt_length": 9, "softmax_samples": 7}
    config = TrainingConfig(**{**settings, "learning_rate": 0.01, "clip_threshold": 0.3, **changed})
    built = family_of(cell).build(VOCABULARY_SIZE, 8, model, generator(1, "initialization"))
    TRAINERS.append(Trainer(built, data, config, folder, SilentProgress(), runtime=runtime))
    return TRAINERS[-1]


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [one.detach().clone() for one in trainer.model.parameters()]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mogrifier", "qrnn", "attention"])
@pytest.mark.parametrize("softmax", ["exact", "sampled"])
def test_a_step_asks_nothing(tiny_data, late, cell, softmax):
    trainer = trainer_on(
        tiny_data, late, cell=cell, softmax=softmax, carry="always", activation_penalty=1.0, temporal_penalty=1.0
    )
    for _ in range(3):
        batch = trainer.batches(trainer.position)  # where to read is computed where the text is
        trainer.batches, batches = lambda _, batch=batch: batch, trainer.batches
        with Questions():
            trainer.take()
        trainer.batches = batches


@pytest.mark.parametrize("clip", ["norm", "value", "none"])
def test_that_the_test_above_can_fail(tiny_data, clip):
    trainer = trainer_on(tiny_data, Runtime(), clip=clip)
    batch = trainer.batches(trainer.position)
    trainer.batches = lambda _: batch
    with Questions(), pytest.raises(AssertionError, match="asks the device"):
        trainer.take()


@pytest.mark.parametrize("clip", ["norm", "value", "none"])
@pytest.mark.parametrize("softmax", ["exact", "sampled"])
def test_what_is_learned_is_what_the_cpu_learns(tiny_data, late, clip, softmax):
    plain, other = (
        trainer_on(tiny_data, runtime, clip=clip, softmax=softmax, clip_threshold=0.3 if clip == "norm" else 0.02)
        for runtime in (Runtime(), late)
    )
    expected, found = plain.run("plain"), other.run("late")
    assert [one.step for one in found.log.steps] == list(range(1, 41))
    assert [one.step for one in found.log.validations] == [one.step for one in expected.log.validations]
    for one, two in zip(found.log.steps, expected.log.steps, strict=True):
        assert one.loss == pytest.approx(two.loss, abs=1e-4)
        assert one.norm_after == pytest.approx(two.norm_after, rel=1e-2)
        assert one.parts.keys() == two.parts.keys()
    for one, two in zip(found.log.validations, expected.log.validations, strict=True):
        assert one.valid_nll == pytest.approx(two.valid_nll, abs=1e-3)
        assert (one.train_nll is None) == (two.train_nll is None)


def test_figures_are_read_together_and_before_each_validation(tiny_data, late):
    trainer = trainer_on(tiny_data, late, validations=4)
    read, sizes = trainer.read, []

    def counted():
        sizes.append(len(trainer.unread))
        return read()

    trainer.read = counted
    trainer.run("late")
    assert sum(sizes) == 40
    assert set(sizes) <= set(range(1, 9))
    assert max(sizes) > 1
    ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    assert {10, 20, 30, 40} <= set(ends)


def test_divergence_is_answered_and_the_last_checkpoint_is_good(tiny_data, late, tmp_path):
    trainer = trainer_on(tiny_data, late, tmp_path, checkpoint_seconds=1e-9, validations=1, softmax="exact")
    take = trainer.take

    def poisoned():
        if trainer.position.step == 12:
            with torch.no_grad():
                trainer.model.output_product.bias_v[3] = math.nan
        return take()

    trainer.take = poisoned
    with pytest.raises(TrainingDiverged, match=r"became nan at step 13; .*last good checkpoint; try --clip norm"):
        trainer.run("late")
    tensors, facts = read_checkpoint(tmp_path / LAST)
    assert 0 < facts["position"]["step"] <= 12
    assert all(torch.isfinite(value).all() for name, value in tensors.items() if name.startswith("model."))


def test_a_resumed_run_ends_with_the_same_bits(tiny_data, late, tmp_path):
    whole = trainer_on(tiny_data, late)
    first = trainer_on(tiny_data, late, tmp_path)
    for _ in range(17):
        first.unread.append(first.take())
    for record in first.read():
        first.log.add(record)
    first.checkpoint.write(first.log)
    first.log.close()
    resumed = trainer_on(tiny_data, late, tmp_path)
    assert resumed.position.step == 17
    while not resumed.done:
        resumed.unread.append(resumed.take())
    resumed.read()
    while not whole.done:
        whole.unread.append(whole.take())
    assert all(map(torch.equal, weights(resumed), weights(whole)))


def test_random_numbers_of_another_device_are_said_and_drawn_anew(tiny_data, tmp_path, monkeypatch):
    monkeypatch.setattr("rnn_lm.training.checkpoints._kinds", lambda _: "cuda")
    first = trainer_on(tiny_data, Runtime(), tmp_path)
    for _ in range(5):
        first.log.add(first.step())
    first.checkpoint.write(first.log)
    first.log.close()
    monkeypatch.undo()

    class Told(SilentProgress):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def say(self, message: str) -> None:
            self.lines.append(message)

    draws = []
    for _ in range(2):
        told = Told()
        resumed = Trainer(first.model, tiny_data, first.config, tmp_path, told, runtime=Runtime())
        TRAINERS.append(resumed)
        assert "random numbers of the cuda, goes on with those of the cpu" in told.lines[0]
        draws.append(torch.rand(4, generator=resumed.random["dropout"]))
    assert torch.equal(*draws)
    assert not torch.equal(draws[0], torch.rand(4, generator=generator(1, "dropout")))


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_packed_weights_run_as_loose_ones_do_and_get_the_same_gradients(cell):
    config = ModelConfig(cell=cell, hidden_size=6, layers=2, last_hidden_size=4)
    model = RecurrentLanguageModel(VOCABULARY_SIZE, 5, config, generator(1, "initialization"))
    layer = model.torch_cells[1]
    input_tbe = torch.randn(7, 3, 6, generator=generator(1, "input"))
    state = split_state(model.initial_state(3), config.layer_sizes)[1]
    mask = torch.rand(layer.weight_hh.shape, generator=generator(1, "mask"))
    found = []
    for run in (run_library, run_packed):
        model.zero_grad()
        masked = layer.cell_parameters()._replace(weight_hh=layer.weight_hh * mask)
        output_tbh, after = run(layer, input_tbe, state, masked)
        (output_tbh.square().sum() + after[-1].sum()).backward()
        found.append([output_tbh, *after, *(one.grad for one in layer.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_packed_weights_lie_in_one_piece_in_the_digits_asked_for():
    parameters = CellParameters(
        torch.randn(8, 3).t().contiguous().t(), torch.randn(8, 2), torch.zeros(8), torch.ones(8)
    )
    weights = packed(parameters, torch.bfloat16)
    place = weights[0].data_ptr()
    for view, one in zip(weights, parameters, strict=True):
        assert view.is_contiguous()
        assert view.data_ptr() == place
        assert view.dtype == torch.bfloat16
        assert torch.equal(view, one.bfloat16())
        place += 2 * one.numel()
    assert weights[0].untyped_storage().nbytes() == 2 * sum(one.numel() for one in parameters)


def test_under_autocast_the_kernel_is_given_bfloat16_and_the_outside_sees_float32():
    model = RecurrentLanguageModel(VOCABULARY_SIZE, 5, ModelConfig(hidden_size=6), generator(1, "initialization"))
    layer, seen = model.torch_cells[0], []
    kernel = torch.lstm

    def watched(input_tbe, *rest):
        seen.append((input_tbe.dtype, rest[1][0].dtype, torch.is_autocast_enabled("cpu")))
        return kernel(input_tbe, *rest)

    input_tbe, state = torch.randn(7, 3, 5), layer.initial_state(3)
    with pytest.MonkeyPatch.context() as patch, torch.autocast("cpu", dtype=torch.bfloat16):
        patch.setattr(torch, "lstm", watched)
        output_tbh, after = run_packed(layer, input_tbe, state, layer.cell_parameters())
    assert seen == [(torch.bfloat16, torch.bfloat16, False)]
    assert {output_tbh.dtype, *(part.dtype for part in after)} == {torch.float32}
    expected_tbh, _ = run_library(layer, input_tbe, state, layer.cell_parameters())
    torch.testing.assert_close(output_tbh, expected_tbh, atol=0.02, rtol=0.05)


@pytest.mark.parametrize("cell", ["rnn", "rnn-relu", "gru", "lstm"])
def test_a_layer_of_an_awkward_size_computes_the_same_in_a_wider_one(cell, monkeypatch):
    """In float64 told to be 16 bits wide, so that nothing but the zeros around it can make a difference."""
    torch.manual_seed(1)
    sizes = ModelConfig(cell=cell, hidden_size=6, dropout_recurrent=0.5)
    model = RecurrentLanguageModel(VOCABULARY_SIZE, 5, sizes, generator(1, "initialization")).double()
    layer = model.torch_cells[0]
    input_tbe = torch.randn(7, 3, 5, dtype=torch.float64)
    state = tuple(torch.randn(3, 6, dtype=torch.float64) for _ in layer.initial_state(3))
    found = []
    for wide in (False, True):
        if wide:
            monkeypatch.setattr("rnn_lm.layers.cells.library.wider", lambda size, _: -(-size // 8) * 8)
        model.zero_grad()
        output_tbh, after = run_packed(layer, input_tbe, state, layer.cell_parameters())
        (output_tbh.square().sum() + after[-1].sum()).backward()
        found.append([output_tbh, *after, *(one.grad for one in layer.parameters())])
    assert found[0][0].shape == (7, 3, 6)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_sizes_are_rounded_up_where_numbers_have_16_bits():
    assert [wider(size, torch.bfloat16) for size in (1, 64, 400, 1150)] == [8, 64, 400, 1152]
    assert wider(1150, torch.float32) == 1150


def test_states_of_unequal_layers_are_handed_over_in_one_piece():
    state = (torch.randn(3, 4, 10), torch.randn(3, 4, 10))
    for layer, size in zip(split_state(state, (10, 10, 4)), (10, 10, 4), strict=True):
        assert all(part.is_contiguous() and part.shape == (4, size) for part in layer)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.usefixtures("late")
def test_equal_layers_are_run_by_one_call_and_compute_the_same(cell, wide, monkeypatch):
    config = ModelConfig(cell=cell, hidden_size=6, layers=3, dropout_recurrent=0.5, engine="library")
    model = RecurrentLanguageModel(VOCABULARY_SIZE, 5, config, generator(1, "initialization")).double()
    masks = model.draw_masks(3, generator(1, "dropout"))
    masks = masks._replace(recurrent_l=tuple(mask.double() for mask in masks.recurrent_l if mask is not None))
    input_tb = torch.arange(21).view(7, 3) % VOCABULARY_SIZE
    state = tuple(torch.randn(part.shape, dtype=part.dtype) for part in model.initial_state(3))
    kernel, layers, found = getattr(torch, model.torch_cells[0].kernel), [], []
    monkeypatch.setattr(torch, model.torch_cells[0].kernel, lambda *given: layers.append(given[4]) or kernel(*given))
    if wide:
        monkeypatch.setattr("rnn_lm.layers.cells.library.wider", lambda size, _: -(-size // 8) * 8)
    for together in (True, False):
        if not together:
            model.layers[1].register_forward_hook(lambda *_: None)  # whoever looks at a layer gets to see it
        model.zero_grad()
        output_tbh, after = model.hidden(input_tb, state, masks)
        (output_tbh.square().sum() + after[-1].square().sum()).backward()
        found.append([output_tbh, *after, *(one.grad for one in model.layers.parameters())])
    assert layers == [3, 1, 1, 1]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    "changed",
    [{"dropout_between": 0.5}, {"last_hidden_size": 4}, {"skip_connections": True}, {"engine": "hand"}],
    ids=str,
)
@pytest.mark.usefixtures("late")
def test_what_one_call_cannot_do_is_done_layer_by_layer(changed):
    model = RecurrentLanguageModel(
        VOCABULARY_SIZE, 5, ModelConfig(hidden_size=6, layers=2, **changed), generator(1, "initialization")
    )
    masks, state = model.draw_masks(3, generator(1, "dropout")), model.initial_state(3)
    input_tb = torch.zeros(7, 3, dtype=torch.long)
    inside = (masks.between_lbh, masks.recurrent_l, masks.state_lbh)
    assert model.layers.at_once(model.embed(input_tb, masks), state, *inside) is None


def test_all_matrices_lie_before_all_biases(monkeypatch):
    """As cuDNN has them; what lies otherwise it copies, with a warning."""
    config = ModelConfig(hidden_size=6, layers=2)
    model = RecurrentLanguageModel(VOCABULARY_SIZE, 5, config, generator(1, "initialization"))
    given = []
    kernel = torch.lstm
    monkeypatch.setattr(torch, "lstm", lambda *arguments: given.append(arguments[2]) or kernel(*arguments))
    cells = model.torch_cells
    run_packed_layers(cells, torch.randn(7, 3, 5), model.initial_state(3), [one.cell_parameters() for one in cells])
    (weights,) = given
    for one, expected in zip(weights, (part for cell in cells for part in cell.cell_parameters()), strict=True):
        assert torch.equal(one, expected)
    placed = [weights[index] for index in (0, 1, 4, 5, 2, 3, 6, 7)]
    place = placed[0].data_ptr()
    for one in placed:
        assert one.data_ptr() == place
        place += one.numel() * one.element_size()
