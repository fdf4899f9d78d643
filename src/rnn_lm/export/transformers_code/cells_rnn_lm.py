"""Recurrent layers over padded batches, each as its equations. Batch first: x is (B, T, E), a state's parts are (B, H).

A layer says in ``project`` what can be computed of all its inputs at once, and in ``step`` what is left of each step.
"""
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOperatorIssue=false

import torch
from torch import nn
from torch.nn.functional import linear, logsigmoid, pad, silu, softplus


class Layer(nn.Module):
    """A cell over time; it stands still where nothing counts."""

    state_parts = 1

    def __init__(self, input_size, hidden_size, **shapes):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.empty(shape)))

    def initial_state(self, batch, like):
        """The state before any input."""
        return (like.new_zeros(batch, self.hidden_size),) * self.state_parts

    def project(self, x):
        """What of all inputs can be computed at once."""
        return x

    def step(self, x, state):
        """The state after one more input, of which ``x`` is what ``project`` made."""
        raise NotImplementedError

    def forward(self, x, state, counts=None):
        """Return what the layer puts out at each step, and the state after the last.

        Args:
            x: (B, T, E).
            state: parts (B, H).
            counts: (B, T), False where an input is padding; None: all count.
        """
        projected, outputs = self.project(x), []
        for t in range(x.shape[1]):
            after = self.step(projected[:, t], state)
            if counts is not None:
                here = counts[:, t].unsqueeze(1)
                after = tuple(torch.where(here, new, old) for new, old in zip(after, state, strict=True))
            state = after
            outputs.append(state[0])
        return torch.stack(outputs, 1), state


class Torch(Layer):
    """Weights as torch.nn's layers have them, the blocks of the gates on top of each other."""

    gates = 1

    def __init__(self, input_size, hidden_size, **further):
        rows = self.gates * hidden_size
        own = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size), "bias_ih": rows, "bias_hh": rows}
        super().__init__(input_size, hidden_size, **own, **further)

    def project(self, x):
        return linear(x, self.weight_ih, self.bias_ih)

    def recur(self, hidden):
        """What the hidden state adds to the gates."""
        return linear(hidden, self.weight_hh, self.bias_hh)


class Elman(Torch):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)"""

    def step(self, x, state):
        return (torch.tanh(x + self.recur(state[0])),)


class ReluElman(Torch):
    """h' = max(0, W_ih x + b_ih + W_hh h + b_hh)"""

    def step(self, x, state):
        return (torch.relu(x + self.recur(state[0])),)


class GRU(Torch):
    """r, z = sigmoid(...), n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 - z) n + z h"""

    gates = 3

    def step(self, x, state):
        (input_r, input_z, input_n), (hidden_r, hidden_z, hidden_n) = x.chunk(3, 1), self.recur(state[0]).chunk(3, 1)
        reset, update = torch.sigmoid(input_r + hidden_r), torch.sigmoid(input_z + hidden_z)
        return ((1 - update) * torch.tanh(input_n + reset * hidden_n) + update * state[0],)


class LSTM(Torch):
    """i, f, o = sigmoid(...), g = tanh(...), c' = f c + i g, h' = o tanh(c'); capped, i is min(i, 1 - f)"""

    gates, state_parts = 4, 2

    def __init__(self, input_size, hidden_size, cap_input_gate=False, **further):
        super().__init__(input_size, hidden_size, **further)
        self.cap_input_gate = cap_input_gate

    def step(self, x, state):
        i, f, g, o = (x + self.recur(state[0])).chunk(4, 1)
        write, forget = torch.sigmoid(i), torch.sigmoid(f)
        if self.cap_input_gate:
            write = torch.minimum(write, 1 - forget)
        cell = forget * state[1] + write * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(cell), cell


class Mogrifier(LSTM):
    """The LSTM, once x and h have gated each other in turn: x = 2 sigmoid(Q h) x, h = 2 sigmoid(R x) h."""

    def __init__(self, input_size, hidden_size, rounds, rank, cap_input_gate=False):
        to_input, to_hidden = rounds - rounds // 2, rounds // 2
        q = {"q_left": (to_input, input_size, rank), "q_right": (to_input, rank, hidden_size)}
        r = {"r_left": (to_hidden, hidden_size, rank), "r_right": (to_hidden, rank, input_size)}
        self.rounds = rounds
        super().__init__(input_size, hidden_size, cap_input_gate, **({**q, **r} if rounds else {}))

    def project(self, x):
        return x

    def step(self, x, state):
        hidden, cell = state
        for index in range(self.rounds):
            if index % 2 == 0:
                x = 2 * torch.sigmoid(hidden @ self.q_right[index // 2].T @ self.q_left[index // 2].T) * x
            else:
                hidden = 2 * torch.sigmoid(x @ self.r_right[index // 2].T @ self.r_left[index // 2].T) * hidden
        return super().step(linear(x, self.weight_ih, self.bias_ih), (hidden, cell))


class Linear(Layer):
    """Gates that read the input alone."""

    gates = 1

    def __init__(self, input_size, hidden_size, **further):
        rows = self.gates * hidden_size
        super().__init__(input_size, hidden_size, weight=(rows, input_size), bias=rows, **further)

    def project(self, x):
        return linear(x, self.weight, self.bias)


class MinGRU(Linear):
    """z = sigmoid(W_z x + b_z), n = W_n x + b_n, h' = (1 - z) h + z n"""

    gates = 2

    def step(self, x, state):
        update, candidate = x.chunk(2, 1)
        update = torch.sigmoid(update)
        return ((1 - update) * state[0] + update * candidate,)


class MinLSTM(Linear):
    """i, f = sigmoid(...), g = W_g x + b_g, h' = f / (f + i) h + i / (f + i) g"""

    gates = 3

    def step(self, x, state):
        i, f, candidate = x.chunk(3, 1)
        odds = logsigmoid(f) - logsigmoid(i)
        return (torch.sigmoid(odds) * state[0] + torch.sigmoid(-odds) * candidate,)


class QRNN(Linear):
    """z = tanh(V_z x- + W_z x + b_z), f and o alike with sigmoid, c' = f c + (1 - f) z, h' = o c'; x- is the last x."""

    gates, state_parts = 3, 5

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, weight_before=(self.gates * hidden_size, input_size))

    def project(self, x):
        return torch.cat([super().project(x), linear(x, self.weight_before)], -1)

    def step(self, x, state):
        now, ahead = x.chunk(2, 1)
        z, f, o = (now + torch.cat(state[2:], 1)).chunk(3, 1)
        f = torch.sigmoid(f)
        cell = f * state[1] + (1 - f) * torch.tanh(z)
        return torch.sigmoid(o) * cell, cell, *ahead.chunk(3, 1)


class HGRN(Linear):
    """c = silu(...), f = y + (1 - y) sigmoid(...) with y = sigmoid(b), s' = f s + (1 - f) c, h' = sigmoid(...) s'"""

    gates, state_parts = 3, 2

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, lower_bound=hidden_size)

    def step(self, x, state):
        candidate, forget, output = x.chunk(3, 1)
        least = torch.sigmoid(self.lower_bound)
        forget = least + (1 - least) * torch.sigmoid(forget)
        cell = forget * state[1] + (1 - forget) * silu(candidate)
        return torch.sigmoid(output) * cell, cell


class RGLRU(Linear):
    """u = W x + b, r and i = sigmoid(W u + b), a = sigmoid(L)^(8 r), h' = a h + sqrt(1 - a^2) i u"""

    def __init__(self, input_size, hidden_size):
        further = {"gate_weight": (2 * hidden_size, hidden_size), "gate_bias": 2 * hidden_size, "decay": hidden_size}
        super().__init__(input_size, hidden_size, **further)

    def project(self, x):
        projected = super().project(x)
        recurrence, gate = torch.sigmoid(linear(projected, self.gate_weight, self.gate_bias)).chunk(2, -1)
        log_decay = -8.0 * softplus(-self.decay) * recurrence
        room = -torch.expm1(2 * log_decay)
        entering = room.clamp_min(torch.finfo(room.dtype).tiny).sqrt() * (gate * projected)
        return torch.cat([log_decay.exp(), entering], -1)

    def step(self, x, state):
        decay, entering = x.chunk(2, 1)
        return (decay * state[0] + entering,)


class ScalarLSTM(Layer):
    """m' = max(log sigmoid(f) + m, i), I = exp(i - m'), F = exp(log sigmoid(f) + m - m'), c' = F c + I tanh(z),
    n' = F n + I, h' = sigmoid(o) c' / n'"""

    state_parts = 4

    def __init__(self, input_size, hidden_size):
        rows = 4 * hidden_size
        super().__init__(
            input_size, hidden_size, weight_ih=(rows, input_size), weight_hh=(rows, hidden_size), bias=rows
        )

    def initial_state(self, batch, like):
        *zeros, stabilizer = super().initial_state(batch, like)
        return (*zeros, torch.full_like(stabilizer, -1e4))

    def project(self, x):
        return linear(x, self.weight_ih, self.bias)

    def step(self, x, state):
        hidden, cell, normalizer, stabilizer = state
        i, f, z, o = (x + linear(hidden, self.weight_hh)).chunk(4, 1)
        kept = logsigmoid(f) + stabilizer
        stabilizer = torch.maximum(kept, i)
        write, keep = torch.exp(i - stabilizer), torch.exp(kept - stabilizer)
        cell, normalizer = keep * cell + write * torch.tanh(z), keep * normalizer + write
        return torch.sigmoid(o) * cell / normalizer, cell, normalizer, stabilizer


class MatrixLSTM(Layer):
    """Per head of d = 16 units: m' = max(log sigmoid(f) + m, i), I = exp(i - m'), F = exp(log sigmoid(f) + m - m'),
    C' = F C + I v k^T, n' = F n + I k, h' = sigmoid(o) C' q / max(|n' q|, exp(-m')); k is divided by sqrt(d)"""

    state_parts = 19

    def __init__(self, input_size, hidden_size):
        self.size = min(16, hidden_size)
        self.heads = -(-hidden_size // self.size)
        rows, gates = 4 * hidden_size, 2 * self.heads
        gate = {"gate_weight": (gates, input_size), "gate_bias": gates}
        super().__init__(input_size, hidden_size, weight=(rows, input_size), bias=rows, **gate)

    def initial_state(self, batch, like):
        *zeros, stabilizer = super().initial_state(batch, like)
        return (*zeros, torch.full_like(stabilizer, -1e4))

    def project(self, x):
        return torch.cat([linear(x, self.weight, self.bias), linear(x, self.gate_weight, self.gate_bias)], -1)

    def by_head(self, values):
        """Units by heads, the last of them filled up with zeros."""
        return pad(values, (0, self.heads * self.size - self.hidden_size)).unflatten(-1, (self.heads, self.size))

    def by_unit(self, values):
        """What ``by_head`` has arranged, as it was."""
        return values.flatten(1)[:, : self.hidden_size]

    def step(self, x, state):
        _, *columns, normalizer, stabilizer = state
        q, k, v, o, i, f = x.split([self.hidden_size] * 4 + [self.heads] * 2, 1)
        query, key, value = self.by_head(q), self.by_head(k) / self.size**0.5, self.by_head(v)
        kept = logsigmoid(f) + stabilizer[:, :: self.size]
        stabilizer = torch.maximum(kept, i)
        write, keep = torch.exp(i - stabilizer).unsqueeze(-1), torch.exp(kept - stabilizer).unsqueeze(-1)
        memory = torch.stack([self.by_head(column) for column in columns[: self.size]], -1)
        memory = keep.unsqueeze(-1) * memory + (write * value).unsqueeze(-1) * key.unsqueeze(-2)
        normalizer = keep * self.by_head(normalizer) + write * key
        floor = torch.exp(-stabilizer.clamp_min(-80)).unsqueeze(-1)
        below = torch.maximum((normalizer * query).sum(-1, keepdim=True).abs(), floor)
        hidden = torch.sigmoid(o) * self.by_unit((memory @ query.unsqueeze(-1)).squeeze(-1) / below)
        stabilizer = stabilizer.repeat_interleave(self.size, dim=1)[:, : self.hidden_size]
        after = [self.by_unit(column) for column in memory.unbind(-1)]
        return hidden, *after, *columns[self.size :], self.by_unit(normalizer), stabilizer


class DeltaNet(Layer):
    """k, q = silu(W x) at length 1, v = W_v x, b = sigmoid(...), S' = S + b (v - S k) k^T, h' = S' q (normed)"""

    state_parts = 17
    keys = 16

    def __init__(self, input_size, hidden_size, read_norm=False):
        self.read_norm = read_norm
        key = {"key_weight": (self.keys, input_size), "query_weight": (self.keys, input_size)}
        rate = {"gate_weight": (1, input_size), "gate_bias": 1}
        super().__init__(input_size, hidden_size, value_weight=(hidden_size, input_size), **key, **rate)

    def project(self, x):
        key, query = (silu(linear(x, weight)) for weight in (self.key_weight, self.query_weight))
        key, query = (part * torch.rsqrt(part.square().sum(-1, keepdim=True) + 1e-6) for part in (key, query))
        rate = torch.sigmoid(linear(x, self.gate_weight, self.gate_bias))
        return torch.cat([key, query, rate, linear(x, self.value_weight)], -1)

    def step(self, x, state):
        key, query, rate, value = x.split([self.keys, self.keys, 1, self.hidden_size], 1)
        memory = torch.stack(state[1:], -1)
        read = (memory @ key.unsqueeze(-1)).squeeze(-1)
        memory = memory + (rate * (value - read)).unsqueeze(-1) * key.unsqueeze(1)
        hidden = (memory @ query.unsqueeze(-1)).squeeze(-1)
        if self.read_norm:
            hidden = hidden * torch.rsqrt(hidden.square().mean(-1, keepdim=True) + 1e-6)
        return hidden, *memory.unbind(-1)


CELLS = {
    "rnn": Elman,
    "rnn-relu": ReluElman,
    "gru": GRU,
    "lstm": LSTM,
    "mogrifier": Mogrifier,
    "mingru": MinGRU,
    "minlstm": MinLSTM,
    "qrnn": QRNN,
    "hgrn": HGRN,
    "rg-lru": RGLRU,
    "slstm": ScalarLSTM,
    "mlstm": MatrixLSTM,
    "deltanet": DeltaNet,
}
