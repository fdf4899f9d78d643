"""``rnn-lm evaluate``: exact perplexity of trained models, static and adapting; the surprisal of each word; suites."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from rnn_lm.adaptation.config import AdaptationConfig
from rnn_lm.charsets import require_encoding
from rnn_lm.conditions import given, only
from rnn_lm.config import DeviceConfig
from rnn_lm.errors import UserError
from rnn_lm.progress import TerminalProgress

if TYPE_CHECKING:
    from rnn_lm.adaptation.figures import EvaluatedAdapting
    from rnn_lm.evaluation.figures import PolicyFigures


@dataclass(frozen=True)
class Options:
    """Perplexity of one or several trained models, under both context policies, on their corpus or any text; or with
    --suite, their accuracy on suites of minimal pairs."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Model folders, as train, ngram or compare left them, or ARPA files (with --text, tokenized as theirs was). Of
    several, each is compared with the first."""
    split: Literal["valid", "test"] = field(default="test", metadata=only(text=None, suite=None))
    """Which split of the models' corpus to score."""
    text: Path | None = field(default=None, metadata=only(suite=None))
    """Score this text file instead, a sentence per line."""
    encoding: str | None = field(default=None, metadata=only(text=given))
    """What --text is written in, e.g. cp1252. Default: UTF-8, or what a byte order mark says."""
    suite: tuple[Path, ...] = ()
    """Ask the models minimal pairs instead: a file, a folder or a zip in the format of BLiMP, SyntaxGym, LM_syneval,
    line-aligned agreement sets, or plain pairs (docs/suites.md)."""
    suite_reading: tuple[Literal["sentence", "word"], ...] = field(default=("sentence",), metadata=only(suite=given))
    """What of a pair to compare: whole sentences, the one word that decides (BLiMP's prefix methods, LM_syneval's
    word_only), or both, one after the other."""
    suite_policy: tuple[Literal["sentence", "stream"], ...] = field(default=("sentence",), metadata=only(suite=given))
    """Read each sentence from the initial state; or carry the state over the file (line-aligned sets); or both."""
    suite_results: Path | None = field(default=None, metadata=only(suite=given))
    """Write every answer to this TSV file: log-probabilities in nats, correct, covered."""
    report: Path | None = field(default=None, metadata=only(suite=given))
    """Write the figures of --suite as one HTML page, with charts."""
    surprisal: Path | None = field(default=None, metadata=only(suite=None))
    """Write the surprisal of every token, in bits, to this TSV file (one model). By the word, with entropy, rank and
    frequency: rnn-lm surprisal."""
    policy: Literal["stream", "sentence"] = field(default="stream", metadata=only(surprisal=given))
    """Context policy of --surprisal; perplexity is always given under both."""
    json: Path | None = None
    """Write the figures of both policies, or of the suites, with intervals and differences, to this JSON file."""
    overwrite: bool = False
    """Replace the files of --surprisal, --suite-results, --report, --json and --adapt-results where they are there."""
    adaptation: AdaptationConfig = field(default_factory=AdaptationConfig)
    compute: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        if self.encoding is not None:
            require_encoding(self.encoding)
        if not self.runs:
            raise UserError("evaluate needs at least one model folder, e.g. rnn-lm evaluate runs/train")
        if self.surprisal is not None and len(self.runs) > 1:
            raise UserError("--surprisal writes one model's figures: give one model folder")
        if self.surprisal is not None and (changed := self.adaptation.flags):
            raise UserError(f"--surprisal is that of the static model: leave {' and '.join(changed)} out")


def run(options: Options) -> None:
    """Score and print."""
    if options.suite:
        run_suites(options)
    else:
        run_text(options)


def run_suites(options: Options) -> None:
    """Ask the models the suites."""
    from rnn_lm.experiments.arpa_models import open_model
    from rnn_lm.files import require_output, write_json
    from rnn_lm.report.suites import suite_lines
    from rnn_lm.report.terminal import width_of
    from rnn_lm.runtime import open_device
    from rnn_lm.suites.evaluate import evaluate_suites, open_suites, write_results

    progress = TerminalProgress()
    written = {"--suite-results": options.suite_results, "--report": options.report, "--json": options.json}
    for name, path in written.items():
        if path is not None:
            require_output(path, name, overwrite=options.overwrite)
    device = open_device(options.compute)
    suites = open_suites(options.suite, progress, options.suite_reading, options.suite_policy)
    models = [open_model(path, progress).to(device) for path in options.runs]
    evaluated = evaluate_suites(models, suites, progress)
    for line in suite_lines(evaluated, width_of(progress.console)):
        progress.say(line)
    if options.json is not None:
        write_json(options.json, evaluated.to_json())
    if options.suite_results is not None:
        write_results(options.suite_results, suites, evaluated)
        progress.say(f"every answer: {options.suite_results}")
    if options.report is not None:
        from rnn_lm.report.suites_page import write_suites_page

        write_suites_page(evaluated, options.report)
        progress.say(f"report: {options.report}")


def run_text(options: Options) -> None:
    """Score a text."""
    from rnn_lm.evaluation.surprisal import surprisal, write_surprisal
    from rnn_lm.experiments.arpa_models import open_model
    from rnn_lm.experiments.evaluate import evaluate_models, require_text, splits_for
    from rnn_lm.experiments.evaluate_adapted import check_adaptation, evaluate_adapted
    from rnn_lm.files import require_output, write_json
    from rnn_lm.report.adaptation import newest_adapted
    from rnn_lm.report.evaluation import newest, note_lines
    from rnn_lm.runtime import open_device

    progress = TerminalProgress()
    if options.surprisal is not None:
        require_output(options.surprisal, "--surprisal", overwrite=options.overwrite)
    if options.json is not None:
        require_output(options.json, "--json", overwrite=options.overwrite)
    if options.text is not None:
        require_text(options.text)
    device = open_device(options.compute)
    models = [open_model(path, progress).to(device) for path in options.runs]
    adaptation = options.adaptation
    if adaptation.flags:
        check_adaptation(models, adaptation, overwrite=options.overwrite)
    chosen = splits_for(models, options.split, options.text, progress, options.encoding)

    def tell(figures: PolicyFigures) -> None:
        for line in newest(figures):
            progress.say(line)

    def tell_adapted(figures: EvaluatedAdapting) -> None:
        for line in newest_adapted(figures):
            progress.say(line)

    evaluated = evaluate_models(models, chosen, progress, tell)
    for line in note_lines(evaluated):
        progress.say(line)
    if options.json is not None:
        write_json(options.json, evaluated.to_json())
    if adaptation.flags:
        evaluate_adapted(models, chosen, adaptation, progress, tell_adapted)
    if options.surprisal is not None:
        lines = chosen[0].line_numbers() if chosen[0].line_numbers is not None else None
        rows = surprisal(models[0].model, chosen[0].sentences, models[0].vocabulary, options.policy, progress, lines)
        write_surprisal(options.surprisal, rows)
        progress.say(f"surprisal of each token: {options.surprisal}")
