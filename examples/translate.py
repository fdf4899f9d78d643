"""Translate sentences: a bidirectional encoder, a decoder, and attention between them, or only the last state.

    python examples/translate.py path/to/multi30k --out with.json
    python examples/translate.py path/to/multi30k --no-attention --out without.json

Without attention all that the decoder knows of a sentence is a state of fixed size (Sutskever, Vinyals and Le 2014).
With it, the decoder looks at every state of the encoder at each step (Bahdanau, Cho and Bengio 2015; scores as dot
products, Luong, Pham and Manning 2015), and at the piece that was read there (Gehring et al. 2017). What that is worth
grows with the sentence, so BLEU is given by length, too.

Data: a folder with train, val and test_2016_flickr, each as .de.gz and .en.gz, line by line. Needs rnn-lm[subwords] for
the pieces of words, which are learned from train in both languages together, and sacrebleu for the score.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import random
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from rnn_lm import layers

PAD, BEGIN, END = 0, 1, 2
Pair = tuple[list[int], list[int]]
"""Ids of a sentence, and of its translation."""


def lines(folder: Path, split: str, language: str) -> list[str]:
    """Return the sentences of a file."""
    file = folder / f"{split}.{language}.gz"
    if not file.exists():
        raise SystemExit(f"{file}: no such file")
    with gzip.open(file, "rt", encoding="utf-8") as text:
        return [line.strip() for line in text]


def learn_pieces(sentences: list[str], size: int):
    """Return a tokenizer of pieces of words, whose first ids are PAD, BEGIN and END."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer, pieces.decoder = pre_tokenizers.ByteLevel(add_prefix_space=True), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<pad>", "<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    pieces.train_from_iterator(sentences, trainer)
    return pieces


class Translator(nn.Module):
    """Encoder, decoder, and what is between them.

    Args:
        vocabulary: pieces of both languages together.
        size: dimensions of a vector, and units of the decoder; the encoder has half of them in each direction.
        attention: whether the decoder looks at all states of the encoder.
    """

    def __init__(self, vocabulary: int, size: int, attention: bool, dropout: float) -> None:
        super().__init__()
        self.attention = attention
        self.vectors = nn.Embedding(vocabulary, size, padding_idx=PAD)
        nn.init.normal_(self.vectors.weight, std=size**-0.5)
        self.encoder = layers.LSTM(size, size // 2, bidirectional=True)
        self.decoder = layers.LSTM(size, size)
        self.query = nn.Linear(size, size, bias=False)
        self.mixed = nn.Linear(2 * size, size)
        self.bias_v = nn.Parameter(torch.zeros(vocabulary))
        self.dropout = nn.Dropout(dropout)

    def encode(self, source_tb: Tensor, lengths_b: Tensor) -> tuple[Tensor, Tensor, layers.State]:
        """Return the encoder's states (B, S, H), where they are padding, and the state that the decoder starts from."""
        read_sbe = self.dropout(self.vectors(source_tb))
        memory_sbh, state = self.encoder(read_sbe, lengths_b=lengths_b)
        # The piece itself is looked at, too (Gehring et al. 2017, section 3.3): states are much alike as long as the
        # encoder has learned little, and attention finds nothing in them.
        memory_sbh = memory_sbh + read_sbe
        outside_bs = (torch.arange(len(source_tb)).unsqueeze(1) >= lengths_b).T
        start = tuple(torch.cat([part[0], part[1]], dim=1).unsqueeze(0) for part in state)
        return memory_sbh.transpose(0, 1), outside_bs, start

    def decode(self, target_tb: Tensor, memory, state: layers.State) -> tuple[Tensor, layers.State]:
        """Return the logits of each next piece (T, B, V) after ``target_tb``, and the decoder's state."""
        memory_bsh, outside_bs = memory
        hidden_tbh, state = self.decoder(self.dropout(self.vectors(target_tb)), state)
        if self.attention:
            hidden_bth = hidden_tbh.transpose(0, 1)
            score_bts = self.query(hidden_bth) @ memory_bsh.transpose(1, 2)
            weight_bts = score_bts.masked_fill(outside_bs.unsqueeze(1), -math.inf).softmax(2)
            context_tbh = (weight_bts @ memory_bsh).transpose(0, 1)
            hidden_tbh = torch.tanh(self.mixed(torch.cat([hidden_tbh, context_tbh], dim=2)))
        return functional.linear(self.dropout(hidden_tbh), self.vectors.weight, self.bias_v), state

    def loss(self, batch: list[Pair]) -> Tensor:
        """Return the mean NLL of the right pieces, a tenth of it smoothed over all pieces."""
        source_tb, lengths_b = columns([source for source, _ in batch])
        target_tb, _ = columns([[BEGIN, *target, END] for _, target in batch])
        memory_bsh, outside_bs, state = self.encode(source_tb, lengths_b)
        logit_tbv, _ = self.decode(target_tb[:-1], (memory_bsh, outside_bs), state)
        return functional.cross_entropy(
            logit_tbv.flatten(0, 1), target_tb[1:].flatten(), ignore_index=PAD, label_smoothing=0.1
        )

    @torch.no_grad()
    def translate(self, sources: list[list[int]], longest: int = 80) -> list[list[int]]:
        """Return the most probable next piece again and again (greedy), for a few sentences at once."""
        self.eval()
        source_tb, lengths_b = columns(sources)
        memory_bsh, outside_bs, state = self.encode(source_tb, lengths_b)
        next_b, found = torch.full((len(sources),), BEGIN), []
        ended_b = torch.zeros(len(sources), dtype=torch.bool)
        while not ended_b.all() and len(found) < longest:
            logit_1bv, state = self.decode(next_b.unsqueeze(0), (memory_bsh, outside_bs), state)
            next_b = logit_1bv[0].argmax(1)
            ended_b |= next_b == END
            found.append(next_b.masked_fill(ended_b, PAD))
        return [[piece for piece in column if piece != PAD] for column in torch.stack(found, dim=1).tolist()]


def columns(sequences: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Return sequences as columns (T, B), padded, and their lengths (B,)."""
    return pad_sequence([torch.tensor(ids) for ids in sequences]), torch.tensor([len(ids) for ids in sequences])


def train(
    model: Translator, pairs: list[Pair], epochs: int, rate: float, seed: int, after_epoch, bf16: bool = False
) -> None:
    """Train a model on pairs; ``after_epoch`` is told the number of each epoch and its mean loss.

    ``bf16`` multiplies in bfloat16, which takes half the time on a processor that has instructions for it.
    """
    shuffler = random.Random(seed)
    order = sorted(pairs, key=lambda pair: (len(pair[1]), len(pair[0])))
    groups = [order[begin : begin + 64] for begin in range(0, len(order), 64)]
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, epochs * len(groups), pct_start=0.1)
    for epoch in range(1, epochs + 1):
        model.train()
        total = 0.0
        for batch in shuffler.sample(groups, len(groups)):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = model.loss(batch)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        after_epoch(epoch, total / len(groups))


def bleu_by_length(sources: list[str], found: list[str], right: list[str]) -> dict[str, float]:
    """Return BLEU of all sentences, and by the number of words in the source."""
    import sacrebleu

    bins = {"all": (0, 999), "up to 8 words": (0, 8), "9 to 12": (9, 12), "13 to 16": (13, 16), "17 or more": (17, 999)}
    scores = {}
    for name, (low, high) in bins.items():
        some = [i for i, source in enumerate(sources) if low <= len(source.split()) <= high]
        if some:
            scores[name] = sacrebleu.corpus_bleu([found[i] for i in some], [[right[i] for i in some]]).score
    return scores


def main() -> None:
    """Train a translator, and print BLEU on valid as it learns, on test at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--no-attention", action="store_true", help="the decoder knows the encoder's last state only")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--pieces", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--bf16", action="store_true", help="multiply in bfloat16 while training")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    began = time.perf_counter()
    texts = {name: (lines(options.data, name, "de"), lines(options.data, name, "en"))
             for name in ("train", "val", "test_2016_flickr")}  # fmt: skip
    pieces = learn_pieces([*texts["train"][0], *texts["train"][1]], options.pieces)
    encoded = [[code.ids for code in pieces.encode_batch(side)] for side in texts["train"]]
    model = Translator(pieces.get_vocab_size(), options.size, not options.no_attention, options.dropout)

    def translated(sentences: list[str]) -> list[str]:
        ids = [code.ids for code in pieces.encode_batch(sentences)]
        found = [out for begin in range(0, len(ids), 100) for out in model.translate(ids[begin : begin + 100])]
        return [text.strip() for text in pieces.decode_batch(found)]

    def told(epoch: int, loss: float) -> None:
        german, english = (side[:200] for side in texts["val"])
        bleu = bleu_by_length(german, translated(german), english)["all"]
        print(
            f"epoch {epoch:2d}  loss {loss:.3f}  valid BLEU {bleu:.1f}  {time.perf_counter() - began:.0f} s", flush=True
        )

    pairs = list(zip(*encoded, strict=True))
    train(model, pairs, options.epochs, options.learning_rate, options.seed, told, options.bf16)
    german, english = texts["test_2016_flickr"]
    scores = bleu_by_length(german, translated(german), english)
    print("test BLEU", "  ".join(f"{name}: {score:.1f}" for name, score in scores.items()))
    if options.out:
        figures = {"attention": model.attention, "seed": options.seed, "test": scores}
        options.out.write_text(json.dumps(figures | {"seconds": time.perf_counter() - began}) + "\n")


if __name__ == "__main__":
    main()
