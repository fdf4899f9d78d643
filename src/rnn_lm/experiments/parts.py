"""What ``compare`` adds about its models: the long-range probe, gradients, theory, each on a small budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rnn_lm.errors import UserError, unknown_name
from rnn_lm.experiments.members import Member
from rnn_lm.files import make_folder
from rnn_lm.gradients.config import for_compare
from rnn_lm.gradients.coordinates import require_within_reach
from rnn_lm.gradients.results import GradientsPart
from rnn_lm.gradients.run import has_float64, run_gradients
from rnn_lm.gradients.subjects import Subject
from rnn_lm.layers.cells import CELLS
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.prepare import PreparedCorpus
from rnn_lm.probes import config as probe_config
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.natural import natural_results, natural_suite
from rnn_lm.probes.results import AskedProbes
from rnn_lm.probes.run import run_probe
from rnn_lm.probes.tasks import PROBES
from rnn_lm.progress import Progress
from rnn_lm.report.results import Parts
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.theory import config as theory_config
from rnn_lm.theory.results import CheckedTheory
from rnn_lm.theory.run import run_theory

NATURAL_ITEMS = 200
"""Minimal pairs per construction."""


@dataclass(frozen=True)
class PartContext:
    """What a part may look at: the text, the trained models with their labels, a folder of its own, suites to ask.

    What is large enough for it is computed on the device of ``runtime``.
    """

    prepared: PreparedCorpus
    members: Sequence[Member]
    labels: Mapping[str, str]
    folder: Path
    progress: Progress
    suites: tuple[str, ...]
    runtime: Runtime = field(default_factory=Runtime)


def probes_asked(suites: tuple[str, ...]) -> ProbeConfig:
    """What the part "probes" trains on generated text, and asks."""
    return replace(probe_config.SMALL, probes=suites)


def probes(context: PartContext) -> AskedProbes:
    """Generated languages, and the compared models on minimal pairs from the corpus' own vocabulary."""
    results = run_probe(probes_asked(context.suites), context.folder, context.progress, context.runtime.device)
    vocabulary = context.prepared.vocabulary
    suite = natural_suite(vocabulary, NATURAL_ITEMS, generator(1, "natural pairs"))
    if suite is None:
        context.progress.say("note        the corpus has too few English nouns and verbs for minimal pairs of its own")
        return {**results}
    models = {member.name: member.models for member in context.members}
    natural = natural_results(models, suite, vocabulary)
    return {**results, "natural": {**natural, "labels": {name: context.labels[name] for name in models}}}


def gradients(context: PartContext) -> GradientsPart | None:
    """The first seed of each compared cell, beside its own fresh start."""
    found = [subject_of(member.name, member.models[0], context.progress) for member in context.members]
    subjects = [subject for subject in found if subject is not None]
    if not subjects:
        context.progress.say("note        gradients: none of the models can be looked into")
        return None
    # Nothing is trained here but what is trained on the CPU in any case.
    runtime = context.runtime if has_float64(context.runtime.device) else Runtime()
    return run_gradients(for_compare(), context.prepared, context.folder, context.progress, subjects, runtime)


def subject_of(name: str, model: LanguageModel, progress: Progress) -> Subject | None:
    """What the part "gradients" looks into of a trained model; None, and a note where it is too large, of most."""
    if name not in CELLS or not isinstance(model, RecurrentLanguageModel):
        return None
    try:
        require_within_reach(name, model.cells[-1], "give smaller layers")
    except UserError as error:
        progress.say(f"note        gradients: {error}; it is left out")
        return None
    return Subject(name, "trained", model, {})


def theory(context: PartContext) -> CheckedTheory:
    """Every identity, with short training for the recall experiment: on the CPU, which is quicker at such sizes."""
    return run_theory(theory_config.SMALL, context.progress, context.folder)


def _with_probes(results: Parts, context: PartContext) -> None:
    results["probes"] = probes(context)


def _with_gradients(results: Parts, context: PartContext) -> None:
    found = gradients(context)
    if found is not None:
        results["gradients"] = found


def _with_theory(results: Parts, context: PartContext) -> None:
    results["theory"] = theory(context)


PARTS: dict[str, Callable[[Parts, PartContext], None]] = {
    "probes": _with_probes,
    "gradients": _with_gradients,
    "theory": _with_theory,
}
"""Part of results.json to what adds it; none is added where the models have nothing of it."""


def run_parts(names: Sequence[str], context: PartContext) -> Parts:
    """Run the parts called ``names``, each in a folder of its own."""
    results: Parts = {}
    for name in names:
        own = make_folder(context.folder / name)
        context.progress.say(f"{name}, on a small budget")
        PARTS[name](results, replace(context, folder=own))
    return results


def check_parts(names: Sequence[str], suites: Sequence[str] = ()) -> None:
    """Raise ``UserError`` where a name is no part's, or no suite's, or a suite's package cannot be used."""
    for name in names:
        if name not in PARTS:
            raise unknown_name("part", name, PARTS)
    for name in suites:
        PROBES[name]  # unknown, or of a package that cannot be used: known before anything is trained
