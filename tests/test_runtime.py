"""Devices, precision and the sharing of columns."""

from pathlib import Path

import pytest
import torch

from rnn_lm.cli import main
from rnn_lm.config import CorpusConfig, DeviceConfig, ModelConfig, RuntimeConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.failures import BAD_INPUT, failure
from rnn_lm.layers.softmax import Decoder
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import Runtime, open_device, start_runtime
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText
from rnn_lm.text import TOKENIZERS
from rnn_lm.training.losses import NoiseDistribution, exact_loss, sampled_loss
from rnn_lm.training.trainer import Trainer, TrainingData
from rnn_lm.vocabulary import Vocabulary

V = 30


class Rank(Runtime):
    """One of several, with nobody to talk to."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size


@pytest.mark.parametrize(("batch", "size"), [(8, 2), (5, 2), (7, 3), (3, 3)])
def test_every_column_belongs_to_one_process_and_none_to_none(batch: int, size: int) -> None:
    blocks = [Rank(rank, size).columns(batch) for rank in range(size)]
    assert [column for block in blocks for column in range(batch)[block]] == list(range(batch))
    lengths = [block.stop - block.start for block in blocks]
    assert max(lengths) - min(lengths) <= 1


def test_more_processes_than_columns_are_refused() -> None:
    with pytest.raises(UserError, match="--batch-size 2: fewer columns than the 3 processes"):
        Rank(0, 3).columns(2)


@pytest.mark.parametrize("flag", ["--device=tpu", "--processes=0", "--precision=fp8"])
def test_flags_are_refused_in_one_line(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", flag]) == 2
    said = capsys.readouterr().err
    assert flag.split("=")[0] in said
    assert said.count("\n") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(UserError, match="--device cuda: torch finds no CUDA device here"):
        start_runtime(RuntimeConfig(device="cuda"))


def test_the_plain_case_needs_no_fabric() -> None:
    assert type(start_runtime(RuntimeConfig(device="cpu"))) is Runtime


def gradients(loss_of, output_nd: torch.Tensor, decoder: Decoder) -> list[torch.Tensor]:
    leaves = [tensor.detach().requires_grad_() for tensor in (output_nd, *decoder)]
    loss = loss_of(leaves[0], Decoder(leaves[1], leaves[2]))
    return [loss.detach(), *torch.autograd.grad(loss, leaves)]


@pytest.mark.parametrize("softmax", ["exact", "sampled"])
def test_losses_under_autocast_are_those_in_float32_but_for_the_digits_of_bfloat16(softmax: str) -> None:
    source = torch.Generator().manual_seed(3)
    output_nd = torch.randn(50, 16, generator=source)
    decoder = Decoder(torch.randn(V, 16, generator=source), torch.randn(V, generator=source))
    target_n = torch.randint(V, (50,), generator=source)
    noise = NoiseDistribution(torch.arange(1, V + 1))
    noise_s = noise.draw(20, source)

    def loss_of(output: torch.Tensor, parts: Decoder) -> torch.Tensor:
        if softmax == "exact":
            return exact_loss(output, parts, target_n, 0.02)
        return sampled_loss(output, parts, target_n, noise_s, noise, 0.02)

    expected = gradients(loss_of, output_nd, decoder)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gradients(loss_of, output_nd, decoder)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        error = float((one - other).norm() / other.norm())
        # Factors are rounded to 8 binary digits: errors of 2^-9 each, amplified by logits of size 4 to 10.
        assert 0 < error < 0.03


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_training_with_bfloat16_products_stays_near_float32(cell: str) -> None:
    ids_n = torch.arange(1, V).repeat(40)
    ids_n[-1] = 0
    text = EncodedText(ids_n, 0, len(ids_n))

    def loss_after(precision: str) -> list[float]:
        model = RecurrentLanguageModel(V, 12, ModelConfig(cell=cell, hidden_size=16), generator(1, "initialization"))
        config = TrainingConfig(
            budget="60steps", batch_size=4, bptt_length=10, softmax="exact", learning_rate=0.03, exact_share=1
        )
        data = TrainingData(text, text, torch.bincount(ids_n, minlength=V))
        runtime = start_runtime(RuntimeConfig(device="cpu", precision=precision))  # pyright: ignore[reportArgumentType]
        trainer = Trainer(model, data, config, None, SilentProgress(), runtime=runtime)
        losses = [trainer.step().loss for _ in range(60)]
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
        return losses

    exact, rounded = loss_after("32-true"), loss_after("bf16-mixed")
    assert exact != rounded
    assert rounded[-1] < 0.5 * rounded[0]
    assert rounded[-1] == pytest.approx(exact[-1], abs=0.15)


def test_every_process_has_the_gradients_that_any_has() -> None:
    class OneOfTwo(Runtime):
        """The other process has used the first two of three parameters."""

        def totals(self, *values: float) -> list[float]:
            return [value + other for value, other in zip(values, (1.0, 1.0, 0.0), strict=True)]

    parameters = [torch.zeros(2, requires_grad=True) for _ in range(3)]
    parameters[0].grad = torch.ones(2)
    gradients = OneOfTwo().sum_gradients(parameters)
    assert [gradient.tolist() for gradient in gradients] == [[1, 1], [0, 0]]
    assert parameters[1].grad is gradients[1]
    assert parameters[2].grad is None


def test_a_device_without_memory_is_one_line_that_names_what_helps(tmp_path: Path) -> None:
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has ...")
    line, code = failure(error, tmp_path)
    assert code == BAD_INPUT
    assert "\n" not in line
    for flag in ("--batch-size", "--softmax sampled", "--max-vocabulary", "--resume"):
        assert flag in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
@pytest.mark.parametrize("command", ["evaluate", "generate"])
def test_commands_on_trained_models_take_a_device(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(tmp_path), "--device", "cuda:3"]) == BAD_INPUT
    assert "--device cuda: torch finds no CUDA device here" in capsys.readouterr().err
    assert main([command, str(tmp_path), "--device", "tpu"]) == BAD_INPUT
    assert "--device tpu: write auto, cpu" in capsys.readouterr().err


def test_auto_is_a_device_that_is_here() -> None:
    assert open_device(DeviceConfig()).type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert open_device(DeviceConfig(device="cpu")) == torch.device("cpu")


def test_a_model_is_moved_where_it_is_one_that_can_be() -> None:
    model = RecurrentLanguageModel(V, 4, ModelConfig(hidden_size=4), generator(1, "initialization"))
    stored = StoredModel(model, Vocabulary(["<unk>", "<eos>"], [1, 1]), CorpusConfig(), TOKENIZERS["words"], "x")
    assert stored.to(torch.device("meta")).model.device.type == "meta"
