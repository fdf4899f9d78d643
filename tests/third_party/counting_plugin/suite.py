import torch

from rnn_lm.padding import IGNORE
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.sentences import Sentences
from rnn_lm.probes.tasks import Probe
from rnn_lm.seeding import generator

TOKENS = ("<unk>", "<eos>", "(", "[", ")", "]", "x", "y")


def brackets(config):
    """``[ x y y ]``: a bracket, so many letters, and what closes it."""
    distances_s = torch.tensor(config.distances).repeat_interleave(config.items)
    square_s = torch.arange(len(distances_s)) % 2  # in turn: always answering ")" is at chance
    ids_sn = sentences(distances_s, square_s, generator(0, "brackets")).ids_sn
    rows = zip(ids_sn.tolist(), distances_s.tolist(), strict=True)
    suite = Suite(
        "brackets",
        prefixes=tuple(tuple(row[: distance + 1]) for row, distance in rows),
        choices_nc=torch.stack([4 + square_s, 5 - square_s], dim=1),  # the right one first
        factors={"distance": tuple(distances_s.tolist())},
    )
    return Probe("Brackets", "Which bracket closes?", "letters in between", TOKENS, 1, draw, {"distance": suite})


def draw(distances_s, random):
    return sentences(distances_s, torch.randint(2, distances_s.shape, generator=random), random)


def sentences(distances_s, square_s, random):
    length = int(distances_s.max()) + 3
    ids_sn = torch.randint(6, 8, (len(distances_s), length), generator=random)
    ids_sn[:, 0] = 2 + square_s
    after_sn = torch.arange(length) - distances_s[:, None]
    ids_sn = torch.where(after_sn == 1, 4 + square_s[:, None], ids_sn)
    ids_sn[after_sn == 2] = 1
    ids_sn[after_sn > 2] = IGNORE
    return Sentences(ids_sn, 1)
