"""A language model that rnn-lm trained, for Hugging Face transformers: embedding, layers, decoder.

The model was trained on sentences each of which begins after an ``<eos>``. Where a text does not begin with one, the
model reads it first by itself, so that log-probabilities are those of rnn-lm whether or not a caller sets it.

Padding, on whichever side, is what ``attention_mask`` has a 0 for: states stand still there. Nothing is kept in the
module between calls: what was read is in ``ReadSoFar``, which is given back and taken as ``cache``.
"""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIncompatibleMethodOverride=false, reportAttributeAccessIssue=false, reportPrivateImportUsage=false

import inspect
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from transformers import GenerationMixin, PreTrainedModel
from transformers.utils import ModelOutput

from .attention_rnn_lm import AttentionLayer
from .cells_rnn_lm import CELLS
from .configuration_rnn_lm import RnnLmConfig

_NEW = "cache" in inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters
"""Whether transformers calls it ``cache``; until 5.23 it was ``past_key_values``."""


class ReadSoFar:
    """What a model remembers of the texts of a batch.

    Attributes:
        states: per layer, a tuple of tensors whose first dimension is the batch.
        counts: (B, P), whether each position read was a token; None where the states alone are the memory.
        begun: (B,), whether a text has begun.
        length: positions read, padding included.
    """

    is_compileable = is_croppable = False

    def __init__(self, states, counts, begun, length=0):
        self.states, self.counts, self.begun, self.length = states, counts, begun, length

    def get_seq_length(self, layer_idx=0):  # noqa: ARG002 (as transformers calls it)
        return self.length

    def get_max_length(self, layer_idx=0):  # noqa: ARG002
        return -1

    def _each(self, change):
        self.states = [tuple(change(part) for part in state) for state in self.states]
        self.begun = change(self.begun)
        self.counts = None if self.counts is None else change(self.counts)

    def reorder_cache(self, beam_idx):
        """The texts at ``beam_idx``, in that order: what beams ask for."""
        self._each(lambda part: part.index_select(0, beam_idx.to(part.device)))

    def batch_select_indices(self, indices):
        self._each(lambda part: part[indices])

    def batch_repeat_interleave(self, repeats):
        self._each(lambda part: part.repeat_interleave(repeats, 0))


@dataclass
class RnnLmOutput(ModelOutput):
    """What ``RnnLmForCausalLM`` returns; what was read is ``cache`` to 5.24, and answers to its older names there."""

    loss: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None
    cache: ReadSoFar | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None


@dataclass
class RnnLmOutputBefore(ModelOutput):
    """The same until 5.23."""

    loss: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None
    past_key_values: ReadSoFar | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None


class Decoder(nn.Module):
    """A bias for every word, and a matrix where that is not the embedding."""

    def __init__(self, vocab_size, size):
        super().__init__()
        self.weight = None if size is None else nn.Parameter(torch.empty(vocab_size, size))
        self.bias = nn.Parameter(torch.empty(vocab_size))


class RnnLmForCausalLM(PreTrainedModel, GenerationMixin):
    """P(next token | tokens so far)."""

    config_class = RnnLmConfig
    main_input_name = "input_ids"
    _is_stateful = True  # what was read cannot be taken back, as assisted decoding would

    def __init__(self, config):
        config.require_whole()
        super().__init__(config)
        sizes, width = config.layer_sizes, config.layer_sizes[-1]
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size)
        if config.cell == "attention":
            options = dict(config.cell_options)
            views = options.pop("views")
            self.layers = nn.ModuleList(AttentionLayer(width, **options, **view) for view in views)
            self.norm = nn.LayerNorm(width)
            if config.embedding_size != width:
                self.widening = nn.Linear(config.embedding_size, width, bias=False)
        else:
            if config.cell not in CELLS:
                raise ValueError(f"config.json: {config.cell!r} is no cell: known are attention, {', '.join(CELLS)}")
            pairs = zip([config.embedding_size, *sizes[:-1]], sizes, strict=True)
            self.layers = nn.ModuleList(CELLS[config.cell](*pair, **config.cell_options) for pair in pairs)
        if config.tied and width != config.embedding_size:
            self.projection = nn.Module()
            self.projection.weight = nn.Parameter(torch.empty(config.embedding_size, width))
        if config.softmax == "adaptive":
            self.adaptive = nn.AdaptiveLogSoftmaxWithLoss(width, config.vocab_size, config.cutoffs, div_value=4.0)
        else:
            self.decoder = Decoder(config.vocab_size, None if config.tied else width)
        self.post_init()

    def _init_weights(self, module):
        """A start for training: matrices uniform, norms 1, all else 0."""
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() > 1:
                nn.init.uniform_(parameter, -(parameter.shape[-1] ** -0.5), parameter.shape[-1] ** -0.5)
            else:
                nn.init.constant_(parameter, float(isinstance(module, nn.LayerNorm) and name == "weight"))

    def get_input_embeddings(self):
        return self.embedding

    def get_output_embeddings(self):
        return None

    def forward(
        self,
        input_ids,
        attention_mask=None,
        cache=None,
        past_key_values=None,
        cache_params=None,
        labels=None,
        use_cache=None,
        output_hidden_states=None,
        return_dict=None,
        logits_to_keep=0,
        **_,
    ):
        """Read ``input_ids`` (B, T); return the logits of the next token after each.

        Args:
            attention_mask: (B, T), or of all positions read so far and these; 0 is padding. Default: all count.
            cache: what was read before, as it was returned; left as it is. (``past_key_values`` and ``cache_params``
                are other versions' names for it.)
            labels: (B, T), ids of which ``loss`` is the mean NLL, each predicted from those before it; -100 is skipped.
            use_cache: False: do not return what was read.
            output_hidden_states: return what each layer puts out as well.
            return_dict: False: return a tuple.
            logits_to_keep: how many of the last positions to decode; 0: all.
        """
        read = next((one for one in (cache, past_key_values, cache_params) if one is not None), None)
        steps = input_ids.shape[1]
        counts = None if attention_mask is None else attention_mask[:, -steps:].bool()
        hidden, each, read = self._read(input_ids, counts, read)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self._decode(hidden[:, kept])
        loss = None
        if labels is not None:
            loss = functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        output = (RnnLmOutput if _NEW else RnnLmOutputBefore)(
            loss, logits, None if use_cache is False else read, each if output_hidden_states else None
        )
        return output.to_tuple() if return_dict is False else output

    def _read(self, ids, counts, read):
        """What the last layer puts out (B, T, H), what each did, and what is remembered now."""
        batch, steps = ids.shape
        if read is None:
            read = self._nothing(batch)
        # The first token of a text: where it is no <eos>, one is read before it.
        first = ids[:, 0] if counts is None else ids.gather(1, counts.int().argmax(1, keepdim=True)).squeeze(1)
        begins = ~read.begun if counts is None else ~read.begun & counts.any(1)
        bare = begins & (first != self.config.bos_token_id)
        ids_read, counts_read = ids, counts
        if bool(bare.any()):
            ids_read = functional.pad(ids, (1, 0), value=self.config.bos_token_id)
            rest = torch.ones_like(ids, dtype=torch.bool) if counts is None else counts
            counts_read = torch.cat([bare.unsqueeze(1), rest], 1)
            if bool(counts_read.all()):
                counts_read = None
        if self.config.cell == "attention":
            hidden, states, all_counts = self._attend(ids_read, counts_read, read)
        else:
            hidden, states = self._recur(ids_read, counts_read, read)
            all_counts = None
        each = tuple(one[:, -steps:] for one in hidden)
        last = torch.stack(each).sum(0) if self.config.skip_connections else each[-1]
        return last, each, ReadSoFar(states, all_counts, read.begun | begins, read.length + steps)

    def _nothing(self, batch):
        like = self.embedding.weight
        begun = torch.zeros(batch, dtype=torch.bool, device=like.device)
        if self.config.cell != "attention":
            return ReadSoFar([layer.initial_state(batch, like) for layer in self.layers], None, begun)
        memory = like.new_zeros(batch, 0, 2 * self.config.layer_sizes[-1])
        return ReadSoFar([(memory,) for _ in self.layers], begun.new_zeros(batch, 0), begun)

    def _recur(self, ids, counts, read):
        signal, outputs, states = self.embedding(ids), [], []
        for layer, state in zip(self.layers, read.states, strict=True):
            signal, state = layer(signal, state, counts)
            outputs.append(signal)
            states.append(state)
        return outputs, states

    def _attend(self, ids, counts, read):
        new = torch.ones_like(ids, dtype=torch.bool) if counts is None else counts
        counts = torch.cat([read.counts, new], 1)
        position = counts.long().cumsum(1)
        signal = self.embedding(ids) * math.sqrt(self.config.embedding_size)
        if hasattr(self, "widening"):
            signal = self.widening(signal)
        outputs, states = [], []
        for layer, (past,) in zip(self.layers, read.states, strict=True):
            signal, memory = layer(signal, past, position, counts)
            outputs.append(signal)
            states.append((memory,))
        outputs[-1] = self.norm(outputs[-1])
        return outputs, states, counts

    def _decode(self, hidden):
        if self.config.softmax == "adaptive":
            return self.adaptive.log_prob(hidden.flatten(0, 1)).unflatten(0, hidden.shape[:2])
        if hasattr(self, "projection"):
            hidden = functional.linear(hidden, self.projection.weight)
        weight = self.embedding.weight if self.decoder.weight is None else self.decoder.weight
        return functional.linear(hidden, weight, self.decoder.bias)

    @classmethod
    def _supports_default_dynamic_cache(cls):
        return False  # the first call makes what is remembered

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **kwargs):
        """The tokens that have not been read, what has been, and the mask of all of them."""
        read = next((one for name in ("cache", "past_key_values") if (one := kwargs.get(name)) is not None), None)
        if read is not None:
            input_ids = input_ids[:, read.length :]
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, "use_cache": kwargs.get("use_cache")}
        return {**inputs, "cache" if _NEW else "past_key_values": read}
