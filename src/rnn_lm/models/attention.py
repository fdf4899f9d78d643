"""A small causal self-attention language model: the control without a bottleneck.

A recurrent model squeezes all that it has read into a state of fixed size. Here nothing is squeezed: the state holds
the keys and values of every past position, and each new position looks at all of them. What the probes show to be lost
over distance by a recurrent model and kept by this one was lost in the state, not in the data or in the training.

    x_t = sqrt(E) embed(token_t)                   projected where E is not the layers' width H
    x_t = x_t + attend(normalize(x)_{1..t})        per layer, pre-norm (Xiong et al. 2020)
    x_t = x_t + expand(normalize(x_t))             feed-forward, GELU
    P(token_{t+1}) = softmax(W_embed normalize(x_t) + b)   or another decoder

A control for memory must not itself fade beyond the lengths it was trained on, and most position encodings do. The
defaults are what was found to hold (``docs/probes.md`` has the comparison). All layers but the last are local: they see
the latest few positions, so that what they make of a word does not depend on how far into the text it stands. The last
layer sees everything, without positions, and its scores grow with the logarithm of the number of keys, so that one
relevant key is not drowned by ever more irrelevant ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.layers.asking import maybe
from rnn_lm.layers.state import State
from rnn_lm.limits import at_least
from rnn_lm.models.dropout import DropoutMasks, times
from rnn_lm.models.neural import NeuralLanguageModel

Positions = Literal["local-global", "none", "rotary", "alibi"]
Sharpness = Literal["log-length", "constant"]
LOCAL_WINDOW = 4
"""Positions that a local layer sees, its own included."""


@dataclass(frozen=True)
class AttentionConfig:
    """The layers of a causal self-attention language model."""

    hidden_size: int = 64
    """Width H of every layer."""
    layers: int = 2
    """Attention layers L, each followed by a feed-forward layer."""
    heads: int = 4
    """Attention heads per layer; they share the width evenly."""
    feed_forward_size: int = 128
    """Units in the middle of the feed-forward layer."""
    positions: Positions = "local-global"
    """How heads know where a key stands: none (the causal mask alone, Kazemnejad et al. 2023), rotary (Su et al.
    2021), alibi (a penalty that grows with distance, Press et al. 2022), or local-global (alibi within a few positions
    in all layers but the last, which sees all positions without an encoding)."""
    sharpness: Sharpness = "log-length"
    """What multiplies the attention scores where a layer sees everything: log-length, the logarithm of one more than
    the number of keys (Chiang and Cholak 2022), or constant, nothing."""
    window: int | None = None
    """Attend to this many of the latest positions at most. Default: to all."""

    def __post_init__(self) -> None:
        at_least(self, hidden_size=1, layers=1, heads=1, feed_forward_size=1)
        share = 2 * self.heads if self.positions == "rotary" else self.heads  # rotary turns pairs of coordinates
        if self.hidden_size % share:
            raise UserError(
                f"--hidden-size {self.hidden_size} cannot be shared evenly by --heads {self.heads}: "
                f"give a multiple of {share}"
            )
        if self.window is not None and self.window < 1:
            raise UserError("--window must be at least 1")


class LayerView(NamedTuple):
    """What one layer sees of the positions behind it.

    Attributes:
        window: how many positions, its own included; None for all.
        slopes: per head, how much attention is taken off per token of distance, in nats.
        rotary: whether queries and keys are rotated by their positions.
        sharpened: whether scores grow with the logarithm of the number of keys.
    """

    window: int | None
    slopes: tuple[float, ...]
    rotary: bool
    sharpened: bool


def _plain(attention: AttentionConfig) -> ModelConfig:
    """A tied decoder, and no dropout."""
    return ModelConfig(cell="attention", hidden_size=attention.hidden_size, layers=attention.layers)


def layer_views(config: AttentionConfig) -> list[LayerView]:
    """What each layer sees, from the first to the last.

    The slopes of ``alibi`` are those of Press et al. (2022, section 3), 2^(-8/heads) down to 2^-8; those of a local
    layer, 1, 1/2, 1/4 and so on.
    """
    none = (0.0,) * config.heads
    sharpened = config.sharpness == "log-length"
    if config.positions == "local-global" and config.layers > 1:
        near = min(LOCAL_WINDOW, config.window or LOCAL_WINDOW)
        local = LayerView(near, tuple(2.0**-head for head in range(config.heads)), False, False)
        return [local] * (config.layers - 1) + [LayerView(config.window, none, False, sharpened)]
    alibi = tuple(2.0 ** (-8 * (head + 1) / config.heads) for head in range(config.heads))
    # One layer alone would know no order at all: it takes the local layers' way of knowing it.
    slopes = alibi if config.positions in ("alibi", "local-global") else none
    return [LayerView(config.window, slopes, config.positions == "rotary", sharpened)] * config.layers


class AttentionLanguageModel(NeuralLanguageModel):
    """Causal self-attention behind the ``LanguageModel`` protocol.

    The state is one tensor (P, B, 2 H) per layer, the keys and the values of the P latest positions side by side, and
    one (P, B, 1) that is 1 where a position counts and 0 where it is forgotten, since the column has been restarted.
    They start with P = 0 and grow by one per token, up to the layer's window where it has one.

    Args:
        vocabulary_size: V.
        attention: sizes and kind of positions.
        generator: draws the initial weights.
        embedding_size: E; default: H, the width. Others are projected.
        config: decoder and dropout; default: a tied decoder and none.
    """

    def __init__(
        self,
        vocabulary_size: int,
        attention: AttentionConfig,
        generator: torch.Generator,
        embedding_size: int | None = None,
        config: ModelConfig | None = None,
    ) -> None:
        width = attention.hidden_size
        embedding_size = width if embedding_size is None else embedding_size
        super().__init__(vocabulary_size, embedding_size, width, config or _plain(attention))
        # The norm of all gradients is a sum over the parameters in their order: version 0.1 had the bias first.
        self._modules["embedding"] = self._modules.pop("embedding")
        self.attention = attention
        self.widening = nn.Linear(embedding_size, width, bias=False) if embedding_size != width else None
        self.layers = nn.ModuleList(AttentionLayer(attention, view) for view in layer_views(attention))
        self.norm = nn.LayerNorm(width)
        self.adaptive = self.make_adaptive()
        self.between_sizes = (width,) * (2 * attention.layers)
        self._initialize(generator)

    def _initialize(self, generator: torch.Generator) -> None:
        """Matrices normal with variance 1 / fan-in, those that add to the residual stream smaller by sqrt(2 L); biases
        0."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            if parameter.dim() < 2:
                continue
            scale = parameter.shape[1] ** -0.5
            if name.endswith(("merge.weight", "contract.weight")):
                scale /= math.sqrt(2 * self.attention.layers)
            nn.init.normal_(parameter, std=scale, generator=generator)

    def initial_state(self, batch: int) -> State:
        """No position seen yet: (0, B, 2 H) per layer, and (0, B, 1)."""
        like = self.embedding.weight
        memories = tuple(like.new_zeros(0, batch, 2 * self.attention.hidden_size) for _ in self.layers)
        return (*memories, like.new_zeros(0, batch, 1))

    def restarted(self, state: State, where_b: Bool[Tensor, "B"]) -> State:
        """``state``, with the columns ``where_b`` as if nothing had been read in them."""
        *memories, counts_pb1 = state
        return (*memories, counts_pb1 * (~where_b).to(counts_pb1.dtype).unsqueeze(1))

    def hidden(
        self, input_tb: Int[Tensor, "T B"], state: State, masks: DropoutMasks | None = None
    ) -> tuple[Float[Tensor, "T B H"], State]:
        """Read ``input_tb``; return the normalized output of the last layer, before dropout, and the state after it."""
        hidden_tbh = self.embed(input_tb, masks) * math.sqrt(self.embedding.embedding_dim)
        if self.widening is not None:
            hidden_tbh = self.widening(hidden_tbh)
        between = (None,) * len(self.between_sizes) if masks is None else masks.between_lbh
        *memories, counts_pb1 = state
        counts_pb1 = torch.cat([counts_pb1, counts_pb1.new_ones(*input_tb.shape, 1)])
        # Where no column was restarted, all see the same. A compiler does not know whether: it takes the long way.
        differing = counts_pb1 if torch.compiler.is_compiling() or maybe(counts_pb1 == 0) else None
        after = []
        for index, (layer, past_pbf) in enumerate(zip(self.layers, memories, strict=True)):
            dropped = between[2 * index : 2 * index + 2]
            hidden_tbh, memory_pbf = layer(hidden_tbh, past_pbf, differing, dropped)
            after.append(memory_pbf)
        longest = max(map(len, after))
        return self.norm(hidden_tbh), (*after, counts_pb1[len(counts_pb1) - longest :])


class AttentionLayer(nn.Module):
    """Multi-head causal attention and a feed-forward layer, each added to what it reads."""

    def __init__(self, config: AttentionConfig, view: LayerView) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads = config.heads
        self.view = view
        self.attention_norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.merge = nn.Linear(width, width, bias=False)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, config.feed_forward_size)
        self.contract = nn.Linear(config.feed_forward_size, width)
        self.slopes_a: Tensor
        self.register_buffer("slopes_a", torch.tensor(view.slopes), persistent=False)

    def forward(
        self,
        hidden_tbe: Float[Tensor, "T B E"],
        past_pbf: Float[Tensor, "P B F"],
        counts_qb1: Float[Tensor, "Q B 1"] | None,
        dropped: tuple[Tensor | None, ...] = (None, None),
    ) -> tuple[Float[Tensor, "T B E"], Float[Tensor, "R B F"]]:
        """The layer's output for T new positions, and the memory of past and new ones (the latest in the window).

        Args:
            hidden_tbe: what is read.
            past_pbf: keys and values of the past, side by side.
            counts_qb1: 1 where a position counts, of P + T or more, the latest last; None: all of them do.
            dropped: dropout masks of what attention and the feed-forward layer add.
        """
        width = hidden_tbe.shape[-1]
        query_tbe, new_tbf = self.project(self.attention_norm(hidden_tbe)).split([width, 2 * width], dim=-1)
        memory_pbf = torch.cat([past_pbf, new_tbf])
        counts_pb1 = None if counts_qb1 is None else counts_qb1[len(counts_qb1) - len(memory_pbf) :]
        attended_tbe = self._attend(query_tbe, memory_pbf, counts_pb1)
        hidden_tbe = hidden_tbe + times(self.merge(attended_tbe), dropped[0])
        middle = functional.gelu(self.expand(self.feed_forward_norm(hidden_tbe)))
        kept = memory_pbf if self.view.window is None else memory_pbf[-self.view.window :]
        return hidden_tbe + times(self.contract(middle), dropped[1]), kept

    def _attend(self, query_tbe: Tensor, memory_pbf: Tensor, counts_pb1: Tensor | None) -> Tensor:
        """softmax(c q k / sqrt(d) - slope * distance) v per head, over the n positions up to the query's own.

        Of these, those that do not count are left out. c is log(1 + n) or 1.
        """
        key_pbe, value_pbe = memory_pbf.chunk(2, dim=-1)
        query, key, value = (self._per_head(part) for part in (query_tbe, key_pbe, value_pbe))
        key_positions = torch.arange(key.shape[2], device=key.device)
        query_positions = key_positions[-query.shape[2] :]
        if self.view.rotary:
            query, key = rotate(query, query_positions), rotate(key, key_positions)
        distance_tp = query_positions[:, None] - key_positions[None, :]
        visible_tp = distance_tp >= 0
        if self.view.window is not None:
            visible_tp = visible_tp & (distance_tp < self.view.window)
        visible = visible_tp
        if counts_pb1 is not None:
            visible = visible_tp & (counts_pb1.squeeze(2).T > 0)[:, None, None, :]
        if self.view.sharpened:
            query = query * visible.sum(-1).to(query.dtype).log1p()[..., None]
        bias_atp = -self.slopes_a.view(-1, 1, 1) * distance_tp
        bias = torch.where(visible, bias_atp.unsqueeze(0), -math.inf)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return mixed.permute(2, 0, 1, 3).flatten(2)

    def _per_head(self, hidden_tbe: Tensor) -> Tensor:
        """(T, B, E) -> (B, heads, T, E / heads)."""
        return hidden_tbe.unflatten(-1, (self.heads, -1)).permute(1, 2, 0, 3)


def rotate(
    vectors: Float[Tensor, "B A T D"], positions_t: Int[Tensor, "T"], base: float = 10_000.0
) -> Float[Tensor, "B A T D"]:
    """Turn each pair of coordinates by an angle proportional to the position (Su et al. 2021, equation 34).

    The dot product of two rotated vectors then depends on their distance alone, not on where they stand.
    """
    half = vectors.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, device=vectors.device, dtype=vectors.dtype) / half)
    angle_td = positions_t.to(vectors.dtype)[:, None] * frequencies
    first, second = vectors.chunk(2, dim=-1)
    cosine, sine = angle_td.cos(), angle_td.sin()
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


def attention_size(config: AttentionConfig, embedding_size: int) -> int:
    """Count the numbers of the layers, with the projection to their width and the norm behind them."""
    width, middle = config.hidden_size, config.feed_forward_size
    layer = 4 * width * width + 2 * width * middle + middle + width + 4 * width
    return config.layers * layer + 2 * width + (embedding_size * width if embedding_size != width else 0)
