"""Figures that others published on the suites that are read here, to stand beside ours: labelled, never measured here.

They are of whole sentences, each from its first word, and of all pairs: their models' vocabularies are large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rnn_lm.suites.published_blimp import PARADIGMS, SYSTEMS

_SYNEVAL_SYSTEMS = ("AWD-LSTM", "ON-LSTM")
_SYNEVAL = {
    "simple_agrmt": (1.00, 0.99),
    "sent_comp": (0.98, 0.95),
    "vp_coord": (0.92, 0.89),
    "long_vp_coord": (0.74, 0.74),
    "prep": (0.68, 0.67),
    "subj_rel": (0.60, 0.66),
    "obj_rel_across": (0.52, 0.57),
    "obj_rel_no_comp_across": (0.51, 0.54),
    "obj_rel_within": (0.88, 0.84),
    "obj_rel_no_comp_within": (0.81, 0.78),
    "simple_reflexives": (0.82, 0.89),
    "reflexive_sent_comp": (0.80, 0.86),
    "reflexives_across": (0.58, 0.57),
}
"""Accuracy by construction: Shen et al. (2019). Keys begin the names of LM_syneval's files."""
_SYNTAXGYM = {
    "5-gram": 0.325, "LSTM": 0.387, "ON-LSTM": 0.527, "LSTM (Gulordava)": 0.532,
    "Transformer-XL": 0.587, "GPT-2": 0.781,
}  # fmt: skip
"""Mean over the 34 suites; of several training sizes the best (5-gram 28.7 to 32.5 %, LSTM 31.1 to 38.7 %, ON-LSTM 46.3
to 52.7 %). Computed from the table of results in the repository of Hu et al. (2020)."""
_SYNTAXGYM_SUITES = 34


@dataclass(frozen=True)
class Published:
    """What was published of one system on one suite.

    Attributes:
        system: what it is called there.
        source: who published it.
        groups: level and name of a group to its accuracy, from 0 to 1; ("mean", "") is the mean over paradigms.
    """

    system: str
    source: str
    groups: Mapping[tuple[str, str], float]


def published(format_label: str, reading: str, paradigms: Sequence[str]) -> list[Published]:
    """Return what was published on the paradigms of a suite; nothing where it is another suite, or another reading.

    Args:
        format_label: of the suite's format.
        reading: what of a pair is compared.
        paradigms: that it has.
    """
    if reading != "sentence":
        return []
    makers = {"BLiMP": _blimp, "LM_syneval": _syneval, "SyntaxGym": _syntaxgym}
    return list(makers[format_label](list(dict.fromkeys(paradigms)))) if format_label in makers else []


def _blimp(paradigms: Sequence[str]) -> Iterator[Published]:
    rows = [line.split() for line in PARADIGMS.split("\n") if line]
    known = {name: (phenomenon, values) for name, phenomenon, *values in rows}
    found = [name for name in paradigms if name in known]
    for column, system in enumerate(SYSTEMS):
        values = {("paradigm", name): float(known[name][1][column]) / 100 for name in found}
        for phenomenon in dict.fromkeys(known[name][0] for name in found):
            inside = [name for name in known if known[name][0] == phenomenon]
            if set(inside) <= set(found):  # a mean is that of all its paradigms, or not given
                values["phenomenon", phenomenon] = sum(values["paradigm", name] for name in inside) / len(inside)
        if len(found) == len(known) == len(paradigms):
            values["mean", ""] = sum(values["paradigm", name] for name in found) / len(found)
        if found:
            yield Published(system, "Warstadt et al. 2020", values)


def _syneval(paradigms: Sequence[str]) -> Iterator[Published]:
    for column, system in enumerate(_SYNEVAL_SYSTEMS):
        keys = {name: max((key for key in _SYNEVAL if name.startswith(key)), key=len, default="") for name in paradigms}
        values = {("paradigm", name): _SYNEVAL[key][column] for name, key in keys.items() if key}
        if values:
            yield Published(system, "Shen et al. 2019", values)


def _syntaxgym(paradigms: Sequence[str]) -> Iterator[Published]:
    if len(paradigms) == _SYNTAXGYM_SUITES:
        for system, mean in _SYNTAXGYM.items():
            yield Published(system, "Hu et al. 2020", {("mean", ""): mean})
