"""Causal self-attention over padded batches. Batch first; a layer's state is the keys and values of what it has read.

    x = x + merge(attend(norm(x)))          attend: softmax(c q k / sqrt(d) - slope * distance) v over what is seen
    x = x + contract(gelu(expand(norm(x))))

Distances are counted in tokens that count, so that padding on either side changes nothing.
"""

import math

import torch
from torch import nn
from torch.nn import functional


class AttentionLayer(nn.Module):
    """Attention and a feed-forward layer.

    Args:
        width: of the layer.
        heads: that share it.
        feed_forward_size: units in the middle of the feed-forward layer.
        window: how many positions are seen, one's own included; None: all.
        slopes: per head, nats taken off per token of distance.
        rotary: whether queries and keys are turned by their positions (Su et al. 2021).
        sharpened: whether scores grow with the logarithm of how many keys there are (Chiang and Cholak 2022).
    """

    def __init__(self, width, heads, feed_forward_size, window, slopes, rotary, sharpened):
        super().__init__()
        self.heads, self.window, self.slopes = heads, window, slopes
        self.rotary, self.sharpened = rotary, sharpened
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.merge = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.expand, self.contract = nn.Linear(width, feed_forward_size), nn.Linear(feed_forward_size, width)

    def forward(self, x, past, position, counts):
        """Return the layer's output, and the keys and values of past and new positions.

        Args:
            x: (B, T, width).
            past: (B, P, 2 width).
            position: (B, P + T), the number of each token among those that count.
            counts: (B, P + T), False for padding.
        """
        query, new = self.project(self.attention_norm(x)).split([x.shape[2], 2 * x.shape[2]], -1)
        memory = torch.cat([past, new], 1)
        x = x + self.merge(self.attend(query, memory, position, counts))
        return x + self.contract(functional.gelu(self.expand(self.feed_forward_norm(x)))), memory

    def attend(self, query, memory, position, counts):
        steps = query.shape[1]
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (query, *memory.chunk(2, -1))
        )
        own = position[:, -steps:]
        if self.rotary:
            query, key = rotate(query, own), rotate(key, position)
        index = torch.arange(memory.shape[1], device=memory.device)
        distance = own.unsqueeze(2) - position.unsqueeze(1)
        seen = (index <= index[-steps:].unsqueeze(1)) & counts.unsqueeze(1)
        if self.window is not None:
            seen = seen & (distance < self.window)
        # What is padding itself sees itself, or a softmax over nothing would be no number.
        seen = seen | ((index == index[-steps:].unsqueeze(1)) & ~counts[:, -steps:].unsqueeze(2))
        if self.sharpened:
            query = query * seen.sum(2).to(query.dtype).log1p()[:, None, :, None]
        slopes = torch.tensor(self.slopes, dtype=query.dtype, device=query.device).view(-1, 1, 1)
        bias = torch.where(seen.unsqueeze(1), -slopes * distance.unsqueeze(1), -math.inf).to(query.dtype)
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=bias).transpose(1, 2).flatten(2)


def rotate(vectors, position, base=10_000.0):
    """Turn each pair of coordinates of (B, heads, T, D) by an angle that grows with the position."""
    half = vectors.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, device=vectors.device, dtype=vectors.dtype) / half)
    angle = (position.to(vectors.dtype).unsqueeze(-1) * frequencies).unsqueeze(1)
    first, second = vectors.chunk(2, -1)
    return torch.cat([first * angle.cos() - second * angle.sin(), first * angle.sin() + second * angle.cos()], -1)
