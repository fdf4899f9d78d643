"""Every setting of the laboratory: frozen dataclasses whose field docstrings become ``--help``.

Each function elsewhere takes the one sub-config that concerns it; only ``cli.py`` and ``experiments/`` see several.
Values are checked when a config is made, so a wrong flag is refused before any work is done.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

from rnn_lm.charsets import require_encoding
from rnn_lm.conditions import (
    above,
    below,
    corpus_of_files,
    corpus_undivided,
    either,
    given,
    holding,
    least,
    only,
    other_than,
    reads,
)
from rnn_lm.errors import UserError, require, unknown_name
from rnn_lm.limits import at_least, at_most, check_numbers, cores_and_most_processes, flag
from rnn_lm.schema import first_problem

MOST_LAYERS = 1000
"""Beyond this, steps one inside the other take longer to set up than to train."""
MOST_WINDOW = 10**6
"""Positions that attention may look back: the keys and values of all of them are kept."""
MOST_AT_ONCE = 2**31 - 1
"""Of what is kept side by side in memory, or drawn for it."""

C = TypeVar("C")
TOKENS = ("words", "whitespace", "characters", "bytes", "bpe", "unigram")
"""The tokenizations that are always there; ``text.TOKENIZERS`` knows more."""
Normalize: TypeAlias = Literal["nfc", "none"]
Precision: TypeAlias = Literal["auto", "fastest", "32-true", "bf16-mixed"]


@dataclass(frozen=True)
class CorpusConfig:
    """Which text, how it is cut into tokens and splits, and which tokens the vocabulary keeps."""

    corpus: tuple[str, ...] = ("web-bible",)
    """A named corpus (web-bible, ptb, wikitext-2, wikitext-103, text8, enwik8, tiny-shakespeare); or a Hugging Face
    data set, hf:OWNER/NAME[/CONFIG][:COLUMN]; or a folder with train, valid and test as .txt or .txt.gz; or one or more
    text files, of which those named train, valid and test are these splits."""
    data_dir: str | None = None
    """Folder with the files of the named corpus, where a copy is there already. Default: download once, and keep."""
    tokens: str | None = None
    """What a token is: words (punctuation split off), whitespace (text tokenized already), single characters, the
    bytes of the text in UTF-8, pieces of words learned from train (bpe, unigram), or what other packages offer.
    Default: as the named corpus is usually read; words for any other text."""
    subwords: int | None = None
    """Most pieces that --tokens bpe or unigram learns, the 256 bytes among them. Default: 8000."""
    lowercase: bool | None = None
    """Lower-case the text: True or False. Default: as the named corpus is usually read; True for any other text."""
    encoding: str | None = field(default=None, metadata=only(corpus=corpus_of_files))
    """What text files are written in, e.g. cp1252. Default: UTF-8, or what a byte order mark says."""
    normalize: Normalize | None = field(default=None, metadata={"before": "none"})
    """Form of Unicode: nfc (composed: é is one character however it was typed) or none (as it stands). Default: nfc,
    but none for named corpora of which every character or token is counted."""
    split: tuple[float, float, float] = field(default=(0.9, 0.05, 0.05), metadata=only(corpus=corpus_undivided))
    """Proportions of train, valid and test, in order, where the corpus brings no split of its own."""
    min_count: int | None = None
    """Keep tokens seen this often in train. Default: 2, or 1 where the text holds a literal <unk> (closed already), a
    named corpus is read by its usual characters or bytes, or tokens are pieces of words."""
    max_vocabulary: int | None = None
    """Keep at most this many of the most frequent tokens (<unk> and <eos> not counted)."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if self.encoding is not None:
            require_encoding(self.encoding)
        require(not any("\0" in name for name in self.corpus), "--corpus: a name cannot hold NUL")
        require(len(self.corpus) > 0, "--corpus needs a name, a folder or at least one file")
        require(all(part > 0 for part in self.split), "--split needs three proportions above 0, e.g. 0.9 0.05 0.05")
        require(abs(sum(self.split) - 1) < 1e-6, f"--split must add up to 1, not {sum(self.split):g}")
        _check_tokens(self.tokens, self.subwords)
        require(self.min_count is None or self.min_count >= 1, "--min-count must be at least 1")
        require(self.max_vocabulary is None or self.max_vocabulary >= 1, "--max-vocabulary must be at least 1")


def _check_tokens(tokens: str | None, subwords: int | None) -> None:
    """Refuse a tokenization that nobody offers, and a number of pieces for one that learns none or needs more."""
    if tokens in (None, *TOKENS) and subwords is None:
        return  # as most are, and --help always is: the registry imports torch
    from rnn_lm.text import TOKENIZERS as known

    if tokens is not None and tokens not in known:
        raise unknown_name("--tokens", tokens, known)
    if subwords is not None:
        if tokens is None or not known[tokens].is_learned:
            raise UserError("--subwords is for tokens that are learned from train: --tokens bpe or unigram")
        least = known[tokens].least_size
        require(subwords >= least, f"--subwords must be at least {least} for --tokens {tokens}")


@dataclass(frozen=True)
class ResolvedCorpusConfig(CorpusConfig):
    """A ``CorpusConfig`` in which what the corpus decides by default has been decided (``corpora.resolve``)."""

    tokens: str = "words"
    lowercase: bool = True
    normalize: Normalize = field(default="nfc", metadata={"before": "none"})


@dataclass(frozen=True)
class NgramConfig:
    """The n-gram baseline: interpolated modified Kneser-Ney."""

    order: int = field(default=5, metadata=only(models=holding("ngram")))
    """Length of the longest n-gram, 1 to 6: the model sees order - 1 tokens of context."""
    boundary: Literal["sentence", "stream"] = "sentence"
    """Whether n-grams end at <eos> (sentence: each sentence starts afresh) or run across it (stream)."""

    def __post_init__(self) -> None:
        check_numbers(self)
        require(1 <= self.order <= 6, f"--order must be 1 to 6, not {self.order}")


@dataclass(frozen=True)
class EmbeddingConfig:
    """The vectors that words enter the network as."""

    embedding: str = field(default="word2vec", metadata=only(start_from=None))
    """word2vec (trained on the train split alone), random, or a file of vectors (word2vec text or binary, GloVe text,
    gensim KeyedVectors)."""
    embedding_size: int = 300
    """Dimensions E of the input vectors, 1 to 100,000."""
    algorithm: Literal["skip-gram", "cbow"] = field(
        default="skip-gram", metadata=only(embedding="word2vec", start_from=None)
    )
    """word2vec's training objective."""
    window: int = field(default=5, metadata=only(embedding="word2vec", start_from=None))
    """word2vec: words to each side that count as context, 1 to 10,000."""
    negatives: int = field(default=5, metadata=only(embedding="word2vec", start_from=None))
    """word2vec: noise words drawn per true pair, 1 to 1,000."""
    embedding_epochs: int = field(default=5, metadata=only(embedding="word2vec", start_from=None))
    """word2vec: passes over the train split, 1 to 10,000."""
    freeze_embedding: bool = field(
        default=False, metadata=either(only(embedding=other_than("random")), only(start_from=given))
    )
    """Keep the input vectors as they are, instead of fine-tuning them."""

    def __post_init__(self) -> None:
        check_numbers(self)
        at_least(self, embedding_size=1, window=1, negatives=1, embedding_epochs=1)
        # Beyond these no text gains anything, word2vec's loops take for ever, or its 32-bit numbers overflow.
        at_most(self, embedding_size=100_000, window=10_000, negatives=1_000, embedding_epochs=10_000)


@dataclass(frozen=True)
class ModelConfig:
    """A language model: embedding, layers (recurrent, or attention), decoder."""

    cell: str = "lstm"
    """rnn (Elman, tanh), rnn-relu, gru, lstm or mogrifier (Melis et al. 2020); mingru, minlstm, qrnn, hgrn, rg-lru,
    slstm, mlstm or deltanet (docs/recurrences.md); or attention, the control that carries no state of fixed size."""
    engine: Literal["auto", "library", "fused", "hand"] = field(default="auto", metadata=only(cell=reads("engine")))
    """Which code runs the cell: torch's own kernels (library), large products with the backward pass written out
    (fused), the equations as they stand in layers/cells/ (hand), or the faster of the first two for this cell and
    device (auto). Same parameters, same numbers."""
    hidden_size: int = 300
    """Units H per layer."""
    layers: int = 1
    """Layers L."""
    last_hidden_size: int | None = field(default=None, metadata=only(cell=other_than("attention")))
    """Units of the last layer, where they are to be others (of two layers or more): as many as the embedding has
    dimensions, and weights are tied without a projection. Default: --hidden-size."""
    skip_connections: bool = field(default=False, metadata=only(layers=least(2), cell=other_than("attention")))
    """Decode from the sum of all layers' outputs instead of the last one's (Melis et al. 2018)."""
    cap_input_gate: bool = field(default=False, metadata=only(cell=reads("cap_input_gate")))
    """Hold an LSTM's input gate at most at one minus its forget gate, so that the cell state stays bounded (Melis et
    al. 2018)."""
    read_norm: bool = field(default=True, metadata={**only(cell=reads("read_norm")), "before": False})
    """DeltaNet: divide what is read from the memory, which nothing else bounds, by its root mean square (Yang et al.
    2024)."""
    mogrifier_rounds: int = field(default=5, metadata=only(cell=reads("mogrifier_rounds")))
    """The mogrifier cell: how often input and hidden state gate each other before a step; 0 is an LSTM."""
    mogrifier_rank: int = field(default=90, metadata=only(cell=reads("mogrifier_rank"), mogrifier_rounds=least(1)))
    """The mogrifier cell: rank of its gating matrices, each the product of two."""
    heads: int = field(default=4, metadata=only(cell="attention"))
    """Attention: heads per layer, which share the hidden size evenly."""
    feed_forward_size: int | None = field(default=None, metadata=only(cell="attention"))
    """Attention: units in the middle of each feed-forward layer. Default: twice the hidden size."""
    positions: Literal["local-global", "none", "rotary", "alibi"] = field(
        default="local-global", metadata=only(cell="attention")
    )
    """Attention: how heads know where a key stands: none (the causal mask alone), rotary (Su et al. 2021), alibi (a
    penalty that grows with distance, Press et al. 2022), or local-global (alibi within a few positions in all layers
    but the last, which sees all positions without an encoding; a single layer: alibi)."""
    sharpness: Literal["log-length", "constant"] = field(default="log-length", metadata=only(cell="attention"))
    """Attention: what multiplies the scores where a layer sees everything: log-length, the logarithm of one more than
    the number of keys (Chiang and Cholak 2022), or constant, nothing."""
    attention_window: int = field(default=256, metadata=only(cell="attention"))
    """Attention: how many positions, its own included, the last layer sees: all that is carried from segment to
    segment."""
    tie_weights: bool = True
    """Decode with the transposed input embedding (Press and Wolf 2017); a projection joins unequal sizes."""
    decoder: Literal["full", "adaptive"] = "full"
    """full: one product over the vocabulary. adaptive: rare words in clusters of fewer dimensions (Grave et al. 2017),
    for vocabularies of 50,000 and more; goes with --no-tie-weights and --softmax adaptive."""
    dropout_embedding: float = 0.0
    """Dropout of word types: each segment reads some words as zeros wherever they stand (Gal and Ghahramani 2016)."""
    dropout_input: float = 0.0
    """Dropout on the embedded input."""
    dropout_between: float = field(default=0.0, metadata=either(only(layers=least(2)), only(cell="attention")))
    """Dropout between recurrent layers; of attention, on what each layer adds."""
    dropout_output: float = 0.0
    """Dropout on the last layer's output."""
    dropout_masks: Literal["segment", "step"] = field(
        default="segment",
        metadata=either(
            only(dropout_input=above(0)),
            only(dropout_between=above(0)),
            only(dropout_output=above(0)),
            only(dropout_state=above(0)),
        ),
    )
    """Whether dropout on input, between layers, on output and on the state keeps one mask for a segment's time steps
    (Gal and Ghahramani 2016) or draws one at each step (Zaremba et al. 2014)."""
    dropout_recurrent: float = 0.0
    """DropConnect on the hidden-to-hidden matrices, one mask per segment (Merity et al. 2018)."""
    dropout_state: float = field(default=0.0, metadata=only(cell=reads("dropout_state")))
    """Dropout on the hidden state where it enters the next step's products (Gal and Ghahramani 2016); what is carried
    and decoded is whole. Run by the equations, which is slower than torch's kernels."""
    forget_bias: float = field(default=1.0, metadata=only(cell=reads("forget_bias"), start_from=None))
    """The LSTM's forget-gate bias at the start (Jozefowicz et al. 2015)."""
    embedding_range: float = field(
        default=0.4, metadata=only(cell=other_than("attention"), init_range=None, start_from=None)
    )
    """Random input vectors start uniform in plus or minus this."""
    init_range: float | None = field(default=None, metadata=only(cell=other_than("attention"), start_from=None))
    """Start all weights and biases uniform in plus or minus this (Zaremba et al. 2014), whatever --embedding-range and
    --recurrent-init say; --forget-bias is added. Default: as those say."""
    recurrent_init: Literal["orthogonal", "uniform"] = field(
        default="orthogonal", metadata=only(cell=reads("recurrent_init"), init_range=None, start_from=None)
    )
    """How hidden-to-hidden matrices start: orthogonal times --recurrent-gain, or uniform in +-1/sqrt(H)."""
    recurrent_gain: float = field(
        default=0.9,
        metadata=only(cell=reads("recurrent_gain"), recurrent_init="orthogonal", init_range=None, start_from=None),
    )
    """Scale of the orthogonal start: the spectral radius of the recurrent matrix."""

    def __post_init__(self) -> None:
        check_numbers(self)
        at_most(self, layers=MOST_LAYERS, mogrifier_rounds=MOST_LAYERS)
        at_least(self, hidden_size=1, layers=1)
        for where in ("embedding", "input", "between", "output", "recurrent", "state"):
            value = getattr(self, f"dropout_{where}")
            require(0 <= value < 1, f"--dropout-{where} must be in [0, 1), not {value:g}")
        require(self.recurrent_gain > 0, "--recurrent-gain must be above 0")
        require(self.embedding_range > 0, "--embedding-range must be above 0")
        require(self.init_range is None or self.init_range > 0, "--init-range must be above 0")
        require(self.mogrifier_rounds >= 0, "--mogrifier-rounds must not be negative")
        require(self.mogrifier_rank >= 1, "--mogrifier-rank must be at least 1")
        at_least(self, heads=1, attention_window=1)
        at_most(self, attention_window=MOST_WINDOW)
        require(self.feed_forward_size is None or self.feed_forward_size >= 1, "--feed-forward-size must be at least 1")
        if self.last_hidden_size is not None:
            require(self.last_hidden_size >= 1, "--last-hidden-size must be at least 1")
            require(self.layers > 1, "--last-hidden-size needs --layers 2 or more; with one, use --hidden-size")
            require(
                not self.skip_connections or self.last_hidden_size == self.hidden_size,
                "--skip-connections adds layers of one size: leave out --last-hidden-size",
            )
        require(
            not (self.decoder == "adaptive" and self.tie_weights),
            "--decoder adaptive has no matrix to tie: add --no-tie-weights",
        )

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Units of each layer, from input to output."""
        return (self.hidden_size,) * (self.layers - 1) + (self.last_hidden_size or self.hidden_size,)


@dataclass(frozen=True)
class Budget:
    """How long to train, in one unit: "5 epochs", "2000 steps" or "10m" of wall-clock time."""

    amount: float
    unit: Literal["epochs", "steps", "seconds"]

    _PATTERN: ClassVar = re.compile(
        r"\s*(\d+(?:\.\d+)?)\s*(epochs?|e|steps?|hours?|h|minutes?|min|m|seconds?|s)\s*", re.ASCII
    )
    _UNITS: ClassVar = {
        "e": ("epochs", 1),
        "st": ("steps", 1),
        "h": ("seconds", 3600),
        "m": ("seconds", 60),
        "s": ("seconds", 1),
    }

    _MOST: ClassVar = {"epochs": 100_000, "steps": 10**12, "seconds": 10**9}

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``text``; raises ``UserError`` naming the flag and the accepted forms."""
        match = cls._PATTERN.fullmatch(text.lower())
        amount = float(match[1]) if match else 0.0
        if match is None or amount <= 0:
            shown = text if len(text) <= 40 else f"{text[:40]}..."
            raise UserError(f"--budget {shown!r} is not a length of training: write 5epochs, 2000steps, 90s, 10m or 2h")
        word = match[2]
        unit, factor = cls._UNITS["st" if word.startswith("st") else word[0]]
        most = cls._MOST[unit]
        require(amount * factor <= most, f"--budget: {amount:g}{word} is beyond sense; give {most:,} {unit} or fewer")
        return cls(amount * factor, unit)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class TrainingConfig:
    """The training loop: truncated BPTT, clipping, optimizer and schedule."""

    budget: str = "2epochs"
    """How long to train: 5epochs, 2000steps, 90s, 10m, 2h. A time becomes a number of steps by what steps have cost so
    far, again and again, so that the schedule follows the clock; only epochs and steps repeat a run to the bit."""
    batch_size: int = 32
    """B: texts read side by side."""
    bptt_length: int = 35
    """T: steps that the gradient flows back; the state itself is carried further."""
    bptt_spread: float = 0.0
    """Draw each segment's length around T with this standard deviation, around T / 2 for one in twenty, 5 at least, and
    scale the learning rate by length / T (Merity et al. 2018). 0: T always."""
    carry: Literal["mixed", "always"] = "mixed"
    """Whether the state is carried from segment to segment always, or (mixed) starts afresh in the columns whose
    segment happens to begin with a sentence, so that the model learns to start from nothing as well."""
    rotate_columns: bool = False
    """Begin each column of the text at another place in every epoch, its start read after its end (the partial shuffle
    of Press 2019), so that segments fall elsewhere; the state is carried over the seam."""
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    """AdamW (Loshchilov and Hutter 2019), Adam (Kingma and Ba 2015) or plain stochastic gradient descent."""
    learning_rate: float = 6e-3
    """The peak learning rate."""
    weight_decay: float = 0.0
    """Weight decay on matrices (biases are left alone): decoupled in AdamW, an L2 penalty in Adam and SGD."""
    averaging: Literal["none", "non-monotone", "tail"] = "none"
    """Validate and keep the mean of the weights of all steps since some time. non-monotone: since the validation that
    is worse than the best of those --averaging-window or more before it (NT-ASGD, Merity et al. 2018). tail: over the
    last --averaging-share of the budget."""
    averaging_window: int = field(default=5, metadata=only(averaging="non-monotone"))
    """The n of NT-ASGD, in validations."""
    averaging_share: float = field(default=0.3, metadata=only(averaging="tail"))
    """Share of the budget, at its end, over which --averaging tail takes the mean."""
    activation_penalty: float = 0.0
    """Activation regularization: this times the mean square of the last layer's output after dropout is added to the
    loss (alpha of Merity et al. 2018)."""
    temporal_penalty: float = 0.0
    """Temporal activation regularization: this times the mean square of the change of the last layer's output from step
    to step, before dropout, is added to the loss (beta of Merity et al. 2018)."""
    past_decode_penalty: float = field(default=0.0, metadata=only(softmax="exact"))
    """Past decode regularization: this times the NLL of the token just read, as decoded from the predicted distribution
    of the next one, is added to the loss (Brahma 2018, who takes 0.001)."""
    adam_beta1: float = field(default=0.9, metadata=only(optimizer=("adamw", "adam")))
    """Adam's decay of the mean gradient from step to step; 0 takes each gradient by itself."""
    adam_beta2: float = field(default=0.999, metadata=only(optimizer=("adamw", "adam")))
    """Adam's decay of the mean squared gradient."""
    momentum: float = field(default=0.0, metadata=only(optimizer="sgd"))
    """Momentum of --optimizer sgd."""
    schedule: Literal["cosine", "linear", "constant", "plateau", "decay"] = "cosine"
    """How the learning rate falls over the budget; plateau divides it by 4 when valid perplexity does not improve;
    decay keeps it for --decay-after epochs, then divides it by --decay-factor for each epoch."""
    decay_after: int = field(default=4, metadata=only(schedule="decay"))
    """Epochs at the full rate under --schedule decay."""
    decay_factor: float = field(default=2.0, metadata=only(schedule="decay"))
    """What each later epoch divides the rate by under --schedule decay."""
    warmup: float = 0.02
    """Share of the budget over which the learning rate rises linearly."""
    clip: Literal["norm", "value", "none"] = "norm"
    """Clip the gradient by its global norm, by element, or not at all (Pascanu et al. 2013)."""
    clip_threshold: float = field(default=1.0, metadata=only(clip=("norm", "value")))
    """The largest norm (or absolute element) that passes unclipped."""
    softmax: Literal["exact", "sampled", "adaptive"] = "sampled"
    """The training loss over the vocabulary. sampled: shared noise words with a log-Q correction, then exact for the
    last --exact-share of the budget. adaptive: that of --decoder adaptive. Perplexity is always computed exactly."""
    softmax_samples: int = field(default=800, metadata=only(softmax="sampled", exact_share=below(1)))
    """Noise words per segment of the sampled softmax."""
    exact_share: float = field(default=0.1, metadata=only(softmax="sampled"))
    """Share of the budget, at its end, that trains with the exact softmax."""
    validations: int = 10
    """How many times, evenly spread over the budget, valid perplexity is measured and a checkpoint considered best."""
    valid_tokens: int = 20_000
    """Score about this many tokens, spread evenly over valid, at each validation in training (final figures score
    all of it)."""
    patience: int | None = None
    """Stop after this many validations without a better one. Default: never."""
    checkpoint_seconds: float = 30.0
    """Write a resumable checkpoint about this often, besides at each validation."""
    seed: int = 1
    """Seeds the start, the dropout masks and the noise words. The same seed gives the same bits."""

    def __post_init__(self) -> None:
        check_numbers(self)
        at_most(self, validations=100_000, softmax_samples=MOST_AT_ONCE, batch_size=MOST_AT_ONCE)
        Budget.parse(self.budget)
        at_least(
            self, batch_size=1, bptt_length=1, softmax_samples=1, validations=1, valid_tokens=1, averaging_window=1
        )
        require(0 < self.learning_rate <= 1e4, "--learning-rate must be above 0, and at most 10,000")
        require(self.checkpoint_seconds >= 0, "--checkpoint-seconds must not be negative")
        require(self.clip_threshold > 0, "--clip-threshold must be above 0; --clip none turns clipping off")
        require(0 <= self.exact_share <= 1, "--exact-share must be in [0, 1]")
        require(0 < self.averaging_share <= 1, "--averaging-share must be in (0, 1]")
        require(0 <= self.warmup < 1, "--warmup must be in [0, 1)")
        require(self.weight_decay >= 0, "--weight-decay must not be negative")
        for name in ("momentum", "adam_beta1", "adam_beta2"):
            require(0 <= getattr(self, name) < 1, f"{flag(name)} must be in [0, 1)")
        for name in ("bptt_spread", "activation_penalty", "temporal_penalty", "past_decode_penalty", "decay_after"):
            require(getattr(self, name) >= 0, f"{flag(name)} must not be negative")
        require(self.decay_factor >= 1, "--decay-factor must be 1 or more: it divides the learning rate")
        require(self.patience is None or self.patience >= 1, "--patience must be at least 1")
        require(self.seed >= 0, "--seed must not be negative")


@dataclass(frozen=True)
class DeviceConfig:
    """Where a trained model computes."""

    device: str = "auto"
    """cpu, cuda, cuda:N or mps. auto: a CUDA device where there is one, else the CPU."""

    def __post_init__(self) -> None:
        check_numbers(self)
        require(
            re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device) is not None,
            f"--device {self.device}: write auto, cpu, cuda, cuda:N or mps",
        )


@dataclass(frozen=True)
class RuntimeConfig(DeviceConfig):
    """Where a run computes. None of it is part of a run's settings: a run may be resumed elsewhere."""

    precision: Precision = "auto"
    """32-true: float32 throughout. bf16-mixed: products in bfloat16, parameters, sums and losses in float32. auto: the
    latter where the budget is a time and a short timing on the CPU finds it quicker, else the former. fastest: whatever
    the budget, the quicker one by that timing, and bf16-mixed on a GPU."""
    graphs: bool = True
    """On a CUDA device, record each kind of training step as a CUDA graph, and play it: the same numbers, sooner."""
    processes: int = 1
    """Processes on this machine that share the columns of every segment; 1 under torchrun, which starts them itself."""

    def __post_init__(self) -> None:
        super().__post_init__()
        cores, most = cores_and_most_processes()
        require(self.processes >= 1, "--processes must be at least 1")
        require(self.processes <= most, f"--processes {self.processes}: at most {most} make sense on {cores} cores")


@dataclass(frozen=True)
class GenerationConfig:
    """How text is sampled from a model."""

    prompt: str = ""
    """Text to go on from."""
    length: int = 60
    """Tokens to produce at most."""
    sentences: int | None = None
    """Stop after this many sentences."""
    temperature: float = 1.0
    """Divide log-probabilities by this before sampling; 0 takes the most probable token each time (greedy)."""
    top_k: int | None = field(default=None, metadata=only(temperature=above(0)))
    """Sample among the k most probable tokens."""
    top_p: float | None = field(default=None, metadata=only(temperature=above(0)))
    """Sample among the most probable tokens that together hold this much probability."""
    allow_unk: bool = False
    """Let the model produce <unk>."""
    sample_seed: int = field(default=1, metadata=only(temperature=above(0)))
    """Seeds the sampling."""
    decoder_precision: Literal["float32", "int8"] = field(
        default="float32", metadata=either(only(top_k=given), only(top_p=None))
    )
    """Precision in which the decoder's matrix is read. int8: words come faster, and are refused and drawn again where
    that is needed for them to be distributed as with float32; which ones a seed gives differs."""
    layer_precision: Literal["float32", "int8"] = field(default="float32", metadata=only(decoder_precision="int8"))
    """Precision in which an LSTM's matrices are read, besides the decoder's. int8: words come faster still,
    from a distribution that is not quite float32's; docs/performance.md says how far it is from that."""

    def __post_init__(self) -> None:
        check_numbers(self)
        at_most(self, length=MOST_AT_ONCE)
        require(self.length >= 1, "--length must be at least 1")
        require(self.temperature >= 0, "--temperature must not be negative")
        require(self.sample_seed >= 0, "--sample-seed must not be negative")
        require(self.top_k is None or self.top_k >= 1, "--top-k must be at least 1")
        require(self.top_p is None or 0 < self.top_p <= 1, "--top-p must be in (0, 1]")
        require(self.sentences is None or self.sentences >= 1, "--sentences must be at least 1")


def to_json(config: Any) -> dict[str, Any]:
    """A config as plain JSON values; ``from_json`` gives back an equal one."""
    return dataclasses.asdict(config)


def from_json(kind: type[C], values: Any, source: str) -> C:
    """Read a config written by ``to_json``, perhaps by an earlier version.

    A setting that is missing was not there yet when the file was written: it becomes what its field's metadata has as
    "before", which is how runs behaved then, or else its default. A dataclass whose fields had other names has a method
    ``upgraded`` that gives what was written then the names of now.

    Args:
        kind: the dataclass; fields may be such dataclasses themselves.
        values: what was read.
        source: the file it was read from, named in the error.

    Raises:
        UserError: a field is unknown (a newer version wrote it), or a value has the wrong type or is refused.
    """
    if not isinstance(values, dict):
        raise UserError(f"{source}: holds no settings where {kind.__name__} is expected; the file is damaged")
    if hasattr(kind, "upgraded"):
        values = kind.upgraded(values)  # pyright: ignore[reportAttributeAccessIssue]
    fields = {field.name: field for field in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    for name in values:
        if name not in fields:
            raise UserError(f"{source}: {unknown_name(f'{kind.__name__} setting', name, fields)}")
    before = {name: field.metadata["before"] for name, field in fields.items() if "before" in field.metadata}
    values = {**before, **values}
    problem = first_problem(values, kind)
    if problem is not None:
        raise UserError(f"{source}: {problem}; the file is damaged, or of another version")
    hints = typing.get_type_hints(kind)
    read = {name: _read_value(hints[name], value, source) for name, value in values.items()}
    try:
        return kind(**read)
    except UserError as error:
        raise UserError(f"{source}: {error}") from error


def _read_value(kind: Any, value: Any, source: str) -> Any:
    """A field's value as the config has it: configs for objects, tuples for lists."""
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return from_json(kind, value, source)  # pyright: ignore[reportArgumentType]
    return tuple(value) if isinstance(value, list) else value
