"""The contract of a suite: questions that its own training text can answer, and that no count of words can.

Whoever always takes the more frequent word, or the less frequent one, must be at chance: else a suite measures how
often words occur, and not what stands before them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from rnn_lm.padding import IGNORE
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.tasks import PROBES, Probe
from rnn_lm.testing.claims import claim
from rnn_lm.vocabulary import EOS

SMALL = ProbeConfig(sentences=3000, trained_distance=12, distances=(0, 2, 4, 16), items=40)
_ERRORS = 4.0
"""Standard errors that accuracy may be away from chance."""


def check_suite(suite: Callable[[ProbeConfig], Probe] | str, config: ProbeConfig = SMALL) -> None:
    """Check that a suite is one.

    Args:
        suite: an entry, or its name in the registry of suites.
        config: how large; with ``items`` few, less can be told.

    Raises:
        AssertionError: says what does not hold.
    """
    factory = PROBES[suite] if isinstance(suite, str) else suite
    probe, again = factory(config), factory(config)
    for name in ("label", "question", "distance_unit"):
        claim(bool(getattr(probe, name)), f"{name} is empty: the report has nothing to call it")
    claim(len(set(probe.tokens)) == len(probe.tokens), "a token stands twice in tokens")
    claim(probe.tokens[probe.eos_id] == EOS, f"eos_id is {probe.eos_id}, which is not the place of {EOS} in tokens")
    claim("distance" in probe.suites, 'no suite is called "distance", which gives the curve')
    counts_v = _check_train_text(probe, config)
    for name, questions in probe.suites.items():
        _check_questions(name, questions, again.suites[name], probe)
        _check_frequency(name, questions, counts_v)
    groups = {key: len(items) for (key,), items in probe.suites["distance"].groups("distance").items()}
    wanted = dict.fromkeys(config.distances, config.items)
    claim(groups == wanted, f"distance: items by distance are {groups}, {wanted} were asked for")


def _check_train_text(probe: Probe, config: ProbeConfig) -> Tensor:
    """Returns how often each token stands in it."""
    text, again = probe.train_text(config, 1), probe.train_text(config, 1)
    claim(torch.equal(text.ids_sn, again.ids_sn), "the same seed draws another training text")
    claim(not torch.equal(text.ids_sn, probe.train_text(config, 2).ids_sn), "another seed draws the same training text")
    claim(len(text) == config.sentences, f"{len(text)} sentences were drawn where {config.sentences} were asked for")
    ids_n = text.ids_sn[text.ids_sn != IGNORE]
    known = int(ids_n.min()) >= 0 and int(ids_n.max()) < len(probe.tokens)
    claim(known, "the training text holds an id that is no token's")
    last_s = text.ids_sn.gather(1, text.lengths_s[:, None] - 1)
    claims_eos = bool((last_s == probe.eos_id).all()) and int((ids_n == probe.eos_id).sum()) == len(text)
    claim(claims_eos, "a sentence of the training text does not end with <eos>, or has more than one")
    return torch.bincount(ids_n, minlength=len(probe.tokens))


def _check_questions(name: str, suite: Suite, again: Suite, probe: Probe) -> None:
    same = suite.prefixes == again.prefixes and torch.equal(suite.choices_nc, again.choices_nc)
    claim(same, f"{name}: the questions are others when they are made again")
    count, choices = suite.choices_nc.shape
    claim(count == len(suite.prefixes) > 0, f"{name}: {count} rows of choices for {len(suite.prefixes)} prefixes")
    claim(choices >= 2, f"{name}: a question with one answer asks nothing")
    sorted_nc = suite.choices_nc.sort(1).values
    claim(bool((sorted_nc[:, 1:] != sorted_nc[:, :-1]).all()), f"{name}: a question has the same answer twice")
    used = {index for prefix in suite.prefixes for index in prefix} | set(suite.choices_nc.flatten().tolist())
    claim(used <= set(range(len(probe.tokens))), f"{name}: an id is no token's")
    over = any(probe.eos_id in prefix for prefix in suite.prefixes)
    claim(not over, f"{name}: a prefix runs over the end of a sentence")
    questions = set(zip(suite.prefixes, map(frozenset, suite.choices_nc.tolist()), strict=True))
    answers = set(zip(suite.prefixes, suite.choices_nc[:, 0].tolist(), strict=True))
    claim(len(answers) <= len(questions), f"{name}: the same question has another right answer elsewhere")


def _check_frequency(name: str, suite: Suite, counts_v: Tensor) -> None:
    counts_nc = counts_v[suite.choices_nc].double()
    claim(bool((counts_nc[:, 0] > 0).all()), f"{name}: a right answer never occurs in the training text")
    margin = _ERRORS * math.sqrt(suite.chance * (1 - suite.chance) / len(suite))
    for kind, best_nc in (("most", counts_nc == counts_nc.amax(1, keepdim=True)),
                          ("least", counts_nc == counts_nc.amin(1, keepdim=True))):  # fmt: skip
        share = float((best_nc[:, 0] / best_nc.sum(1)).mean())
        claim(
            abs(share - suite.chance) <= margin,
            f"{name}: the {kind} frequent answer is right in {share:.0%}, chance is {suite.chance:.0%}",
        )
