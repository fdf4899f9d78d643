"""Suites of minimal pairs that others made: BLiMP and its kin, read from local files, for any language model."""

from rnn_lm.suites import blimp, line_aligned, lm_syneval, pairs, syntaxgym
from rnn_lm.suites.base import FORMATS, Completion, Continuation, Judgement, Pair, Question, SuiteFormat
from rnn_lm.suites.opening import Suite, open_suite
from rnn_lm.suites.sources import SuiteFile

__all__ = [
    "FORMATS",
    "Completion",
    "Continuation",
    "Judgement",
    "Pair",
    "Question",
    "Suite",
    "SuiteFile",
    "SuiteFormat",
    "open_suite",
]

_FORMATS = (blimp, line_aligned, lm_syneval, pairs, syntaxgym)
"""Where the formats register themselves. LM_syneval's tables of three columns are asked about before those of pairs,
which may be anything."""
