"""What neural language models have in common: an embedding before their layers, and a decoder behind them.

    ids_tb  --embedding-->  input_tbe  --layers-->  hidden_tbh  --projection-->  output_tbd  --decoder-->  P(next)

The layers are a subclass's: recurrent (``recurrent.py``) or attention (``attention.py``). The decoder is the transposed
embedding where weights are tied; if then H differs from E, a linear projection leads from the one to the other.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.layers.adaptive import adaptive_nll, adaptive_size, adaptive_softmax
from rnn_lm.layers.softmax import Decoder, chunks, nll
from rnn_lm.layers.state import State
from rnn_lm.models.dropout import DropoutMasks, draw_mask, drop_output, times
from rnn_lm.padding import IGNORE


class Projection(nn.Module):
    """A product without a bias, from the last layer's output to what a tied decoder compares with the embedding."""

    def __init__(self, embedding_size: int, output_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(embedding_size, output_size))

    def forward(self, output: Float[Tensor, "*N H"]) -> Float[Tensor, "*N D"]:
        return output @ self.weight.T


class DecoderParameters(nn.Module):
    """What a decoder owns: a bias for every word, and a matrix of its own where it is not tied to the embedding."""

    def __init__(self, vocabulary_size: int, size: int | None) -> None:
        super().__init__()
        self.weight = None if size is None else nn.Parameter(torch.empty(vocabulary_size, size))
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))


class NeuralLanguageModel(nn.Module):
    """Implements ``LanguageModel`` but for its layers, and is what the training loop can train.

    A subclass calls ``__init__``, makes its layers, sets ``adaptive`` to ``make_adaptive()``, draws its start
    (``initialize`` does it, if nothing else), and defines ``initial_state``, ``hidden`` and ``restarted``; of what has
    dropout inside, the sizes, too.

    Args:
        vocabulary_size: V.
        embedding_size: E, dimensions of the input vectors.
        output_size: H, of the last layer.
        config: decoder, tying and dropout.

    Attributes:
        between_sizes: of the signals inside the layers that ``dropout_between`` acts on.
        recurrent_shapes: of the matrices that ``dropout_recurrent`` acts on; None where a layer has none.
        state_sizes: of the hidden states that ``dropout_state`` acts on.
    """

    between_sizes: tuple[int, ...] = ()
    recurrent_shapes: tuple[tuple[int, int] | None, ...] = ()
    state_sizes: tuple[int, ...] = ()

    def __init__(self, vocabulary_size: int, embedding_size: int, output_size: int, config: ModelConfig) -> None:
        super().__init__()
        self.vocabulary_size, self.config, self.output_size = vocabulary_size, config, output_size
        tied, adaptive = config.tie_weights, config.decoder == "adaptive"
        projected = tied and output_size != embedding_size
        self.embedding = nn.Embedding(
            vocabulary_size, embedding_size, _weight=torch.empty(vocabulary_size, embedding_size)
        )
        self.projection = Projection(embedding_size, output_size) if projected else None
        self.decoder = None if adaptive else DecoderParameters(vocabulary_size, None if tied else output_size)
        self.adaptive: nn.AdaptiveLogSoftmaxWithLoss | None
        self.past_decoder: nn.Module | None = None  # while training has a use for one: see training/past_decode.py

    def make_adaptive(self) -> nn.AdaptiveLogSoftmaxWithLoss | None:
        """The adaptive softmax, where the decoder is one."""
        return adaptive_softmax(self.output_size, self.vocabulary_size) if self.decoder is None else None

    @torch.no_grad()
    def initialize(self, generator: torch.Generator) -> None:
        """Draw a start: the embedding as ``embedding_range`` says, matrices uniform in plus or minus 1 / sqrt of their
        columns, all else 0."""
        for parameter in self.parameters():
            if parameter is self.embedding.weight:
                parameter.uniform_(-self.config.embedding_range, self.config.embedding_range, generator=generator)
            elif parameter.dim() > 1:
                bound = parameter.shape[1] ** -0.5
                parameter.uniform_(-bound, bound, generator=generator)
            else:
                parameter.zero_()

    def decoding_matrices(self) -> list[nn.Parameter]:
        """The matrices behind the layers, the embedding not among them."""
        projection = [] if self.projection is None else [self.projection.weight]
        own = [] if self.decoder is None or self.decoder.weight is None else [self.decoder.weight]
        clusters = [] if self.adaptive is None else list(self.adaptive.parameters())
        return [*projection, *own, *clusters]

    @torch.no_grad()
    def load_embedding(self, vectors_ve: Float[Tensor, "V E"], frozen: bool) -> None:
        """Start from given word vectors, scaled as a whole to the size of a random start; keep them so if ``frozen``.

        How long word2vec's vectors are depends on its settings, and a tied decoder that starts from long ones is far
        too sure of itself; one common factor leaves every angle and ratio as it was.
        """
        self.freeze_embedding(frozen)
        rms = vectors_ve.square().mean().sqrt().clamp_min(1e-12)
        self.embedding.weight.copy_(vectors_ve * (self.embedding.weight.square().mean().sqrt() / rms))

    def freeze_embedding(self, frozen: bool) -> None:
        """Keep the input vectors as they are if ``frozen``, else train them; raises ``UserError`` where frozen ones are
        the decoder's as well."""
        if frozen and self.config.tie_weights:
            raise UserError("--freeze-embedding would freeze the tied decoder as well: add --no-tie-weights")
        self.embedding.weight.requires_grad_(not frozen)

    @property
    def device(self) -> torch.device:
        """Where the parameters are, and ids and states have to be."""
        return self.embedding.weight.device

    @property
    def decoder_weight(self) -> Float[Tensor, "V D"]:
        """The rows that hidden states are compared with: the decoder's own, or the embedding's."""
        own = None if self.decoder is None else self.decoder.weight
        return self.embedding.weight if own is None else own

    @property
    def output_product(self) -> Decoder:
        """What turns the output of ``encode`` into logits, where that is one product (``--decoder full``)."""
        if self.decoder is None:
            raise ValueError("an adaptive decoder is no single matrix")
        return Decoder(self.decoder_weight, self.decoder.bias)

    def draw_masks(self, batch: int, generator: torch.Generator, steps: int = 1) -> DropoutMasks:
        """Dropout masks for one segment of ``batch`` columns and ``steps`` rows."""
        config = self.config
        rows = (steps, batch) if config.dropout_masks == "step" else (batch,)
        return DropoutMasks(
            draw_mask((*rows, self.embedding.embedding_dim), config.dropout_input, generator),
            tuple(draw_mask((*rows, size), config.dropout_between, generator) for size in self.between_sizes),
            draw_mask((*rows, self.output_size), config.dropout_output, generator),
            tuple(draw_mask(shape or (), config.dropout_recurrent, generator) for shape in self.recurrent_shapes),
            draw_mask((self.vocabulary_size,), config.dropout_embedding, generator),
            tuple(draw_mask((*rows, size), config.dropout_state, generator) for size in self.state_sizes),
        )

    def embed(self, input_tb: Int[Tensor, "T B"], masks: DropoutMasks | None = None) -> Float[Tensor, "T B E"]:
        """The input vectors of ``input_tb``, after dropout."""
        input_tbe = self.embedding(input_tb)
        if masks is None:
            return input_tbe
        if masks.embedding_v is not None:
            input_tbe = input_tbe * masks.embedding_v[input_tb].unsqueeze(-1)
        return times(input_tbe, masks.input_be)

    def initial_state(self, batch: int) -> State:
        """See ``LanguageModel.initial_state``."""
        raise NotImplementedError

    def restarted(self, state: State, where_b: Bool[Tensor, "B"]) -> State:
        """``state``, with the columns ``where_b`` as if nothing had been read in them."""
        raise NotImplementedError

    def hidden(
        self, input_tb: Int[Tensor, "T B"], state: State, masks: DropoutMasks | None = None
    ) -> tuple[Float[Tensor, "T B H"], State]:
        """Read ``input_tb``; return the last layer's output, before dropout, and the state after it."""
        raise NotImplementedError

    def step(self, token_b: Int[Tensor, "B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """See ``LanguageModel.step``."""
        log_prob_tbv, state = self(token_b.unsqueeze(0), state)
        return log_prob_tbv[0], state

    def encode_step(self, token_b: Int[Tensor, "B"], state: State) -> tuple[Float[Tensor, "B D"], State]:
        """Read one token; return what the decoder compares with its rows, and the state: ``step`` without decoder."""
        output_tbd, state = self.encode(token_b.unsqueeze(0), state)
        return output_tbd[0], state

    def encode(
        self, input_tb: Int[Tensor, "T B"], state: State, masks: DropoutMasks | None = None
    ) -> tuple[Float[Tensor, "T B D"], State]:
        """Read ``input_tb``; return what the decoder compares with its rows, and the state after it."""
        hidden_tbh, state = self.hidden(input_tb, state, masks)
        return self.project(drop_output(hidden_tbh, masks)), state

    def project(self, output: Float[Tensor, "*N H"]) -> Float[Tensor, "*N D"]:
        """The last layer's output as the decoder reads it."""
        return output if self.projection is None else self.projection(output)

    def forward(self, input_tb: Int[Tensor, "T B"], state: State) -> tuple[Float[Tensor, "T B V"], State]:
        """Read ``input_tb``; return log P(next token) after each of its tokens, and the state after it."""
        output_tbd, state = self.encode(input_tb, state)
        return torch.log_softmax(self.logits(output_tbd.flatten(0, 1)), dim=-1).unflatten(0, input_tb.shape), state

    def logits(self, output_nd: Float[Tensor, "N D"]) -> Float[Tensor, "N V"]:
        """Log-probabilities of every next token, unnormalised unless the decoder is adaptive."""
        if self.adaptive is not None:
            return self.adaptive.log_prob(output_nd)
        product = self.output_product
        return torch.addmm(product.bias_v, output_nd, product.weight_vd.T)

    def score(
        self, input_tb: Int[Tensor, "T B"], target_tb: Int[Tensor, "T B"], state: State
    ) -> tuple[Float[Tensor, "T B"], State]:
        """See ``LanguageModel.score``."""
        output_tbd, state = self.encode(input_tb, state)
        return self.nll_of_output(output_tbd.flatten(0, 1), target_tb.flatten()).view_as(target_tb), state

    def nll_of_output(
        self, output_nd: Float[Tensor, "N D"], target_n: Int[Tensor, "N"], temperature: float = 1.0
    ) -> Float[Tensor, "N"]:
        """-log P(target) of encoded positions, in nats, 0 for padding. Logits exist for a chunk of them at a time.

        Args:
            output_nd: see ``encode``.
            target_n: ids.
            temperature: what logits are divided by before the softmax.
        """
        if self.adaptive is not None and temperature == 1:
            return adaptive_nll(self.adaptive, output_nd, target_n)
        if self.adaptive is None and not torch.is_grad_enabled():
            product = self.output_product
            if temperature != 1:
                output_nd, product = output_nd / temperature, product._replace(bias_v=product.bias_v / temperature)
            return nll(output_nd, product, target_n)
        nll_n: list[Tensor] = []
        for rows in chunks(len(target_n), self.vocabulary_size):
            logits_rv = self.logits(output_nd[rows])
            logits_rv = logits_rv if temperature == 1 else logits_rv / temperature
            nll_n.append(nn.functional.cross_entropy(logits_rv, target_n[rows], ignore_index=IGNORE, reduction="none"))
        return torch.cat(nll_n)


def count_around(vocabulary_size: int, embedding_size: int, output_size: int, config: ModelConfig) -> int:
    """Count the numbers of a model that are not its layers': embedding, projection and decoder."""
    count = vocabulary_size * embedding_size
    if config.decoder == "adaptive":
        return count + adaptive_size(output_size, vocabulary_size)
    count += vocabulary_size
    if not config.tie_weights:
        return count + vocabulary_size * output_size
    return count + (embedding_size * output_size if output_size != embedding_size else 0)
