"""Tag every word of a sentence: a bidirectional network over words and their characters, with a CRF on top.

    python examples/tagger.py path/to/conll2000.zip --out tagger-chunks.json
    python examples/tagger.py path/to/ud-english-ewt --cell gru --seed 2

The layers are those of the language models (``rnn_lm.layers``): nothing in them knows what a word is. A word enters as
a vector of its own and as what a small bidirectional network makes of its characters (Lample et al. 2016); the CRF
scores whole sequences of tags, so that no tag is chosen without its neighbors (Huang, Xu and Yu 2015).

Data: CoNLL-2000's zip (word, part of speech, chunk; the tags that the shared task hands out are read with the words,
unless --no-pos), or a folder of CoNLL-U files of Universal Dependencies (word, universal part of speech).
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from rnn_lm import layers

BATCH = 64
Sentence = list[tuple[str, str, str]]  # word, a tag that is given with it ("" if none), the tag to be found


def read(path: Path) -> dict[str, list[Sentence]]:
    """Return the sentences of train, valid and test; where there is no valid, every tenth of train is held out."""
    if path.is_dir():
        parts = {"train": "train", "valid": "dev", "test": "test"}
        return {split: _universal(path, part) for split, part in parts.items()}
    with zipfile.ZipFile(path) as archive:
        names = {split: name for split in ("train", "test") for name in archive.namelist() if f"{split}.txt" in name}
        texts = {split: archive.read(name).decode().strip() for split, name in names.items()}
    rows = {split: [block.splitlines() for block in text.split("\n\n")] for split, text in texts.items()}
    splits = {
        split: [[(w, p, t) for w, p, t in map(str.split, lines)] for lines in some] for split, some in rows.items()
    }
    rest = [sentence for i, sentence in enumerate(splits["train"]) if i % 10]
    return {"train": rest, "valid": splits["train"][::10], "test": splits["test"]}


def _universal(folder: Path, part: str) -> list[Sentence]:
    """The sentences of a CoNLL-U file; 3-4 is a contraction and 5.1 an empty node: neither is a word of the tree."""
    file = next(iter(sorted(folder.glob(f"*-{part}.conllu*"))), None)
    if file is None:
        raise SystemExit(f"{folder}: no *-{part}.conllu or *-{part}.conllu.gz in it")
    with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8") as text:
        blocks = text.read().strip().split("\n\n")
    cells = [[line.split("\t") for line in block.splitlines()] for block in blocks]
    return [[(row[1], "", row[3]) for row in block if row[0].isdigit()] for block in cells]


class CRF(nn.Module):
    """A linear chain over K tags: log P(tags) = sum of emissions and transitions - log of the same over all paths."""

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.transition_kk = nn.Parameter(torch.zeros(tags, tags))
        self.start_k, self.end_k = nn.Parameter(torch.zeros(tags)), nn.Parameter(torch.zeros(tags))

    def nll(self, emission_tbk: Tensor, tag_tb: Tensor, inside_tb: Tensor) -> Tensor:
        """Return the sum over the batch of the NLL of the right tags."""
        alpha_bk = path_bk = self.start_k + emission_tbk[0]
        path_b = path_bk.gather(1, tag_tb[:1].T).squeeze(1)
        for t in range(1, len(tag_tb)):
            on_b1 = inside_tb[t].unsqueeze(1)
            next_bk = (alpha_bk.unsqueeze(2) + self.transition_kk).logsumexp(1) + emission_tbk[t]
            alpha_bk = torch.where(on_b1, next_bk, alpha_bk)
            step_b = self.transition_kk[tag_tb[t - 1], tag_tb[t]] + emission_tbk[t].gather(
                1, tag_tb[t].unsqueeze(1)
            ).squeeze(1)
            path_b = path_b + torch.where(inside_tb[t], step_b, torch.zeros_like(step_b))
        last_b = tag_tb.gather(0, inside_tb.sum(0, keepdim=True) - 1).squeeze(0)
        return ((alpha_bk + self.end_k).logsumexp(1) - path_b - self.end_k[last_b]).sum()

    @torch.no_grad()
    def best(self, emission_tk: Tensor) -> list[int]:
        """Return the most probable tags of one sentence (Viterbi)."""
        score_k, back = self.start_k + emission_tk[0], []
        for t in range(1, len(emission_tk)):
            score_k, came_k = (score_k.unsqueeze(1) + self.transition_kk).max(0)
            score_k = score_k + emission_tk[t]
            back.append(came_k)
        path = [int((score_k + self.end_k).argmax())]
        for came_k in reversed(back):
            path.append(int(came_k[path[-1]]))
        return path[::-1]


class Tagger(nn.Module):
    """Words, characters and given tags -> bidirectional layers -> CRF."""

    def __init__(self, train: list[Sentence], cell: str, hidden: int, dropout: float) -> None:
        super().__init__()
        seen = Counter(normal(word) for sentence in train for word, _, _ in sentence)
        # A word that occurs once is as good as unknown: leaving it out teaches the model what unknown words do.
        self.words = {word: i + 1 for i, word in enumerate(word for word, n in seen.items() if n > 1)}
        self.characters = {c: i + 1 for i, c in enumerate(sorted({c for s in train for w, _, _ in s for c in w}))}
        self.given = {p: i + 1 for i, p in enumerate(sorted({p for s in train for _, p, _ in s}))}
        self.tags = sorted({t for s in train for _, _, t in s})
        make = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.RNN}[cell]
        self.word_vectors = nn.Embedding(len(self.words) + 1, 100)
        self.character_vectors = nn.Embedding(len(self.characters) + 1, 32)
        self.given_vectors = nn.Embedding(len(self.given) + 1, 20)
        self.spelling = make(32, 64, bidirectional=True)
        self.reader = make(100 + 2 * 64 + 20, hidden, bidirectional=True)
        self.emission = nn.Linear(2 * hidden, len(self.tags))
        self.dropout, self.crf = nn.Dropout(dropout), CRF(len(self.tags))

    def forward(self, batch: list[Sentence]) -> tuple[Tensor, Tensor]:
        """Return the emissions (T, B, K) and the lengths (B,) of sentences."""
        lengths_b = torch.tensor([len(sentence) for sentence in batch])
        spellings = sorted({word for sentence in batch for word, _, _ in sentence}, key=len)
        place = {word: i for i, word in enumerate(spellings)}
        letters = [torch.tensor([self.characters.get(c, 0) for c in word]) for word in spellings]
        _, state = self.spelling(
            self.dropout(self.character_vectors(pad_sequence(letters))),
            lengths_b=torch.tensor([len(w) for w in spellings]),
        )
        spelled_wd = torch.cat([state[0][0], state[0][1]], dim=1)

        def columns(ids_of) -> Tensor:
            return pad_sequence(
                [torch.tensor([ids_of(word, given) for word, given, _ in sentence]) for sentence in batch]
            )

        input_tbe = torch.cat([
            self.word_vectors(columns(lambda word, _: self.words.get(normal(word), 0))),
            spelled_wd[columns(lambda word, _: place[word])],
            self.given_vectors(columns(lambda _, given: self.given.get(given, 0))),
        ], dim=2)  # fmt: skip
        output_tbd, _ = self.reader(self.dropout(input_tbe), lengths_b=lengths_b)
        return self.emission(self.dropout(output_tbd)), lengths_b

    def loss(self, batch: list[Sentence]) -> Tensor:
        """Return the NLL of the right tags, per sentence."""
        emission_tbk, lengths_b = self(batch)
        number = {tag: i for i, tag in enumerate(self.tags)}
        tag_tb = pad_sequence([torch.tensor([number[t] for _, _, t in sentence]) for sentence in batch])
        inside_tb = torch.arange(len(tag_tb)).unsqueeze(1) < lengths_b
        return self.crf.nll(emission_tbk, tag_tb, inside_tb) / len(batch)

    @torch.no_grad()
    def tag(self, sentences: list[Sentence]) -> list[list[str]]:
        """Return the most probable tags of each sentence."""
        self.eval()
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
        found: dict[int, list[str]] = {}
        for begin in range(0, len(order), 100):
            some = order[begin : begin + 100]
            emission_tbk, lengths_b = self([sentences[i] for i in some])
            for column, (i, length) in enumerate(zip(some, lengths_b.tolist(), strict=True)):
                found[i] = [self.tags[k] for k in self.crf.best(emission_tbk[:length, column])]
        return [found[i] for i in range(len(sentences))]


def normal(word: str) -> str:
    """A word as it is looked up: small letters, every digit a 0. Its characters tell the rest."""
    return "".join("0" if c.isdigit() else c for c in word.lower())


def chunks(tags: list[str]) -> set[tuple[int, int, str]]:
    """Return (begin, end, type) of every chunk, as conlleval reads B- and I- tags."""
    found, begin = set(), 0
    for i, tag in enumerate([*tags, "O"]):
        before = tags[i - 1] if i else "O"
        if before != "O" and (not tag.startswith("I-") or tag[2:] != before[2:]):
            found.add((begin, i, before[2:]))
        if tag.startswith("B-") or (tag.startswith("I-") and (before == "O" or before[2:] != tag[2:])):
            begin = i
    return found


def of_chunks(tags: Iterable[str]) -> bool:
    """Whether tags are those of chunks: B- begins one, I- is inside."""
    return any(tag.startswith("B-") for tag in tags)


def score(sentences: list[Sentence], found: list[list[str]]) -> float:
    """Return F1 of chunks where tags are of chunks, the share of right tags otherwise; in percent."""
    right = [[tag for _, _, tag in sentence] for sentence in sentences]
    if not of_chunks(tag for tags in right for tag in tags):
        pairs = [a == b for tags, mine in zip(right, found, strict=True) for a, b in zip(tags, mine, strict=True)]
        return 100 * sum(pairs) / len(pairs)
    gold, mine = [chunks(tags) for tags in right], [chunks(tags) for tags in found]
    hits = sum(len(a & b) for a, b in zip(gold, mine, strict=True))
    return 200 * hits / max(1, sum(map(len, gold)) + sum(map(len, mine)))


def main() -> None:
    """Train a tagger, and print its score on valid after each epoch, on test at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "data", type=Path, help="CoNLL-2000's zip, or a folder with *-train.conllu, *-dev.conllu, *-test.conllu"
    )
    parser.add_argument("--cell", choices=("lstm", "gru", "rnn"), default="lstm")
    parser.add_argument("--hidden", type=int, default=200, help="units in each direction")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--dropout", type=float, default=0.4)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument(
        "--no-pos", action="store_true", help="do not read the parts of speech that CoNLL-2000 hands out"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    options = parser.parse_args()
    if not options.data.exists():
        raise SystemExit(f"{options.data}: no such file or folder")

    torch.manual_seed(options.seed)
    shuffler, began = random.Random(options.seed), time.perf_counter()
    splits = read(options.data)
    if options.no_pos:
        splits = {split: [[(w, "", t) for w, _, t in s] for s in some] for split, some in splits.items()}
    model = Tagger(splits["train"], options.cell, options.hidden, options.dropout)
    batches = len(range(0, len(splits["train"]), BATCH))
    optimizer = torch.optim.AdamW(model.parameters(), options.learning_rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.learning_rate, options.epochs * batches, pct_start=0.1
    )
    for epoch in range(1, options.epochs + 1):
        model.train()
        # Neighbors in length share a batch, so that there is little padding; which sentences these are changes.
        order = sorted(splits["train"], key=lambda s: (len(s), shuffler.random()))
        groups = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
        for batch in shuffler.sample(groups, len(groups)):
            optimizer.zero_grad()
            model.loss(batch).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
        valid = score(splits["valid"], model.tag(splits["valid"]))
        print(f"epoch {epoch:3d}  valid {valid:.2f}  {time.perf_counter() - began:.0f} s", flush=True)
    valid, test = (score(splits[split], model.tag(splits[split])) for split in ("valid", "test"))
    seconds, what = time.perf_counter() - began, "F1 of chunks" if of_chunks(model.tags) else "accuracy"
    print(f"test {test:.2f} ({what}), {seconds:.0f} s")
    if options.out:
        figures = {"cell": options.cell, "seed": options.seed, "valid": valid, "test": test, "seconds": seconds}
        options.out.write_text(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
