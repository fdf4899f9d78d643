"""The objective of language modelling: the next token of a text in columns, through truncated BPTT."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from rnn_lm.config import TrainingConfig
from rnn_lm.layers.state import State
from rnn_lm.models.dropout import drop_output
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.runtime import Runtime
from rnn_lm.stream import Segment, SegmentStream
from rnn_lm.training.loop import Batch, Loss, Random
from rnn_lm.training.losses import NoiseDistribution, Scratch, adaptive_loss, exact_loss, sampled_loss
from rnn_lm.training.past_decode import past_decode_loss
from rnn_lm.training.plan import softmax_at
from rnn_lm.training.position import Position
from rnn_lm.training.regularization import activation_penalty, penalizes
from rnn_lm.training.segments import EqualSegments


@dataclass(frozen=True, kw_only=True)
class TextBatch(Batch):
    """One segment of the text, of all columns.

    Attributes:
        segment: what is read.
        number: of the segment within its epoch, from 0.
        softmax: the training loss of this step.
    """

    segment: Segment
    number: int
    softmax: str


class TextBatches:
    """The segments of a text, in order; where to read is known from the position alone, which exact resume needs."""

    def __init__(self, segments: EqualSegments, config: TrainingConfig) -> None:
        self.segments, self.config = segments, config

    def __call__(self, position: Position) -> TextBatch:
        """What the step after ``position`` reads."""
        epoch, number, segment = self.segments.at(position.step)
        return TextBatch(
            token_count=segment.token_count,
            epoch=epoch,
            epochs_done=self.segments.epochs(position.step + 1),
            rate_factor=self.segments.rate_factor(segment),
            segment=segment,
            number=number,
            softmax=softmax_at(self.config, position.step, position.total_steps or 2**62),
        )


class NextToken:
    """The mean NLL of a segment's targets, the state carried over from the segment before.

    Args:
        config: softmax, carrying, penalties.
        stream: the text in columns.
        counts_v: of each token in train, by which noise words are drawn.
        eos_id: where a sentence begins.
        runtime: of its columns, this process reads its own.
    """

    def __init__(
        self, config: TrainingConfig, stream: SegmentStream, counts_v: Int[Tensor, "V"], eos_id: int, runtime: Runtime
    ) -> None:
        self.config, self.eos_id, self.device = config, eos_id, runtime.device
        self.batch_size, self.columns = stream.batch_size, runtime.columns(stream.batch_size)
        self._noise, self._scratch = NoiseDistribution(counts_v, runtime.device), Scratch()

    def initial_state(self, model: NeuralLanguageModel) -> State:
        """The state of this process's columns before anything is read."""
        return model.initial_state(self.columns.stop - self.columns.start)

    def loss(self, model: NeuralLanguageModel, batch: TextBatch, state: State, random: Random) -> Loss:
        """See ``Objective.loss``."""
        segment = batch.segment.part(self.columns, self.device)
        state = self._starting_state(model, segment, batch.number, state)
        masks = model.draw_masks(self.batch_size, random["dropout"], len(segment.input_tb))
        masks = masks.part(self.columns, self.device)
        hidden_tbh, state = model.hidden(segment.input_tb, state, masks)
        dropped_tbh = drop_output(hidden_tbh, masks)
        output_tbd = model.project(dropped_tbh)
        nll = self.nll(model, batch.softmax, output_tbd, segment, random)
        total = nll + self._penalty(hidden_tbh, dropped_tbh) if penalizes(self.config) else nll
        if model.past_decoder is not None:
            total = total + self._past_decode(model, output_tbd, segment)
        return Loss(total, nll, state, batch.softmax)

    def nll(
        self, model: NeuralLanguageModel, softmax: str, output_tbd: Tensor, segment: Segment, random: Random
    ) -> Tensor:
        """Mean over the segment's tokens, given what the decoder reads."""
        output_nd, target_n = output_tbd.flatten(0, 1), segment.target_tb.flatten()
        scale = 1 / segment.token_count
        if model.adaptive is not None:
            return adaptive_loss(output_nd, model.adaptive, target_n, scale)
        if softmax == "exact":
            padded = segment.token_count < len(segment.target_tb) * self.batch_size
            return exact_loss(output_nd, model.output_product, target_n, scale, self._scratch, padded)
        noise_s = self._noise.draw(self.config.softmax_samples, random["noise words"])
        return sampled_loss(output_nd, model.output_product, target_n, noise_s, self._noise, scale, self._scratch)

    def _past_decode(self, model: NeuralLanguageModel, output_tbd: Tensor, segment: Segment) -> Tensor:
        """This process's share of the penalty on what the predicted distributions have lost of the token before."""
        scale = self.config.past_decode_penalty / segment.token_count
        read_n, target_n = segment.input_tb.flatten(), segment.target_tb.flatten()
        return past_decode_loss(model, output_tbd.flatten(0, 1), read_n, target_n, scale, self._scratch)

    def _starting_state(self, model: NeuralLanguageModel, segment: Segment, number: int, state: State) -> State:
        """The state that a segment is read from: carried over but not differentiated through, or afresh."""
        if number == 0:
            return self.initial_state(model)
        # Carried in the parameters' precision, in which the state of a checkpoint is, too.
        carried = tuple(part.detach().to(model.embedding.weight.dtype) for part in state)
        if self.config.carry == "always":
            return carried
        return model.restarted(carried, segment.input_tb[0] == self.eos_id)

    def _penalty(self, hidden_tbh: Tensor, dropped_tbh: Tensor) -> Tensor:
        """This process's share of the penalty on activations, which is a mean over all columns."""
        share = hidden_tbh.shape[1] / self.batch_size
        return activation_penalty(hidden_tbh, dropped_tbh, self.config) * share
