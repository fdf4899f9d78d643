"""One object for any trained model: n-gram, recurrent or attention, from a folder or an ARPA file.

Everything goes through the one seam, ``models.language_model.LanguageModel``; what text is to the model, through
its ``TextCodec``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from markupsafe import Markup
from torch import nn

from rnn_lm.api.errors import settings_named
from rnn_lm.api.following import NextToken, next_tokens
from rnn_lm.api.progress import progress_for
from rnn_lm.api.settings import options_from
from rnn_lm.api.suites import SuiteEvaluation, Suites, ask
from rnn_lm.api.tables import Rows
from rnn_lm.api.text import Text, split_of
from rnn_lm.api.words import word_rows
from rnn_lm.config import CorpusConfig, GenerationConfig, RuntimeConfig
from rnn_lm.corpora import resolve
from rnn_lm.errors import SettingError
from rnn_lm.evaluation.figures import TextPerplexity
from rnn_lm.evaluation.generation import check_prompt, generate, why_not_int8, why_not_int8_layers
from rnn_lm.evaluation.perplexity import Policy, evaluating, score_sentences
from rnn_lm.evaluation.surprisal import SurprisalRow, surprisal
from rnn_lm.experiments.evaluate import reading_by, splits_for
from rnn_lm.export.base import export_model
from rnn_lm.export.config import ExportConfig
from rnn_lm.labels import label_of
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.states import HiddenStates, layers_over
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.reading.surprisal import Reader, Space
from rnn_lm.runtime import start_runtime
from rnn_lm.suites.opening import Reading
from rnn_lm.text import TextCodec
from rnn_lm.vocabulary import UNK, Vocabulary


class TextModel:
    """A trained model that takes and gives text.

    >>> import rnn_lm
    >>> model = rnn_lm.load("runs/tiny")
    >>> model
    TextModel('tiny', LSTM 1 x 12, 1,534 parameters, 22 words, cpu)
    >>> model.perplexity("the cat sees fish .").token_count
    6
    >>> len(model.surprisal(["the cat sees fish .", "a dog hears it ."]))
    12
    >>> model.next("the cat", top=2).columns
    ('token', 'id', 'probability')
    >>> text = "".join(model.generate("the cat", length=3, seed=1))
    >>> text == "".join(model.generate("the cat", length=3, seed=1))
    True
    >>> model.hidden("the cat")[0].hidden.shape
    torch.Size([3, 12])

    Args:
        stored: what a folder or an ARPA file held.
        folder: where it was; None where it was nowhere.
        progress: told how far long work is.
    """

    def __init__(self, stored: StoredModel, folder: Path | None = None, progress: bool | Progress = True) -> None:
        self.stored, self.folder = stored, folder
        self._progress = progress_for(progress)

    @property
    def name(self) -> str:
        """That of its folder."""
        return self.stored.name

    @property
    def lm(self) -> LanguageModel:
        """The model behind the one seam: ``initial_state``, ``step`` and ``score``, in ids and tensors."""
        return self.stored.model

    @property
    def codec(self) -> TextCodec:
        """Text to its ids, and back: ``encode``, ``decode``, and ``decoder`` for ids that come one by one."""
        return self.stored.codec

    @property
    def vocabulary(self) -> Vocabulary:
        """Its tokens, with their ids and their counts in the train text."""
        return self.stored.vocabulary

    @property
    def corpus(self) -> CorpusConfig:
        """The settings under which its text was read and cut."""
        return self.stored.corpus

    @property
    def parameters(self) -> int:
        """How many numbers it consists of."""
        if isinstance(self.lm, nn.Module):
            return sum(parameter.numel() for parameter in self.lm.parameters())
        return int(getattr(self.lm, "parameters_count", 0))

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.lm.device

    @settings_named()
    def to(self, device: str) -> TextModel:
        """Move the model to a device; returns it.

        Args:
            device: "cpu", "cuda", "cuda:1", "mps", or "auto". An n-gram model computes on the CPU wherever it is sent.

        Raises:
            SettingError: there is no such device here.
        """
        found = start_runtime(RuntimeConfig(device=device)).device
        if isinstance(self.lm, nn.Module):
            self.lm.to(found)
        return self

    @settings_named()
    def perplexity(
        self,
        text: Text | None = None,
        *,
        policy: Policy = "sentence",
        split: Literal["valid", "test"] = "test",
        encoding: str | None = None,
    ) -> TextPerplexity:
        """Return the model's perplexity on a text, every token counted once, ``<eos>`` included.

        Args:
            text: a sentence per line; or a list of sentences; or the path of a file. Default: from its own corpus.
            policy: "sentence": every sentence is read from the initial state; "stream": the state is carried on.
            split: which split of its own corpus, where there is no ``text``.
            encoding: of a file; default: UTF-8, or what a byte order mark says.

        Raises:
            UserError: the text cannot be read, or holds no sentence.
            SettingError: there is no such policy.
        """
        require_policy(policy)
        if text is None:
            (chosen,) = splits_for([self.stored], split, None, self._progress)
        else:
            chosen = split_of(self.stored, text, encoding, self._progress)
        scores = score_sentences(self.lm, chosen.encoded(self.vocabulary), policy, progress=self._progress)
        return TextPerplexity.of([scores], reading_by(self.stored, chosen))

    @settings_named()
    def surprisal(self, text: Text, *, policy: Policy = "sentence", encoding: str | None = None) -> Rows[SurprisalRow]:
        """Return the surprisal of every token and of each sentence's ``<eos>``, in bits, in the order of the text.

        Args:
            text, policy, encoding: see ``perplexity``.

        Raises:
            UserError: the text cannot be read, or holds no sentence.
            SettingError: there is no such policy.
        """
        require_policy(policy)
        chosen = split_of(self.stored, text, encoding, self._progress)
        lines = chosen.line_numbers() if chosen.line_numbers is not None else None
        rows = surprisal(self.lm, chosen.sentences, self.vocabulary, policy, self._progress, lines)
        return Rows(SurprisalRow, list(rows))

    @settings_named()
    def word_surprisal(
        self,
        text: Text,
        *,
        policy: Policy = "sentence",
        previous: int = 0,
        space: Space = "before",
        eos: bool = False,
        set_apart: bool = True,
        encoding: str | None = None,
    ) -> Rows[Any]:
        """Return a row for every word as it was written: surprisal, entropy, rank, frequency, length.

        Args:
            text: a sentence per line; or a list of sentences; or the path of a file.
            policy: see ``perplexity``.
            previous: give figures of so many words before each as well, within its sentence.
            space: to which word a space belongs, where tokens are pieces of words, characters or bytes: "before" or
                "after" it (Oh and Schuler 2024).
            eos: give the end of each sentence a row, too.
            set_apart: for a corpus cut at white space alone, set punctuation apart in words that its vocabulary lacks.
            encoding: of a file; default: UTF-8, or what a byte order mark says.

        Returns:
            Rows with the fields of ``WordRow``, and those of the words before.

        Raises:
            MissingFileError: there is no such file.
            UserError: the text cannot be read, or holds no word.
            SettingError: a setting has a value that it cannot have.
        """
        require_policy(policy)
        return word_rows(Reader(self.stored, policy, space, eos, set_apart), text, previous, encoding)

    @settings_named()
    def evaluate(
        self,
        suite: Suites,
        *,
        reading: Reading | Sequence[Reading] = "sentence",
        policy: Policy | Sequence[Policy] = "sentence",
    ) -> SuiteEvaluation:
        """Return the model's accuracy on suites of minimal pairs: BLiMP and its kin, or pairs of one's own.

        Args:
            suite: a file, a folder or a zip, or several: ``docs/suites.md`` has the formats.
            reading: "sentence": whole sentences are compared; "word": the word that decides; or both, in a list.
            policy: "sentence": each text is read from the initial state; "stream": the state is carried over the file,
                which line-aligned sets alone have; or both.

        Raises:
            MissingFileError: there is no such file.
            UserError: it is of no known format, or cannot be read; or the model knows none of the words that decide.
        """
        return ask([self.stored], suite, self._progress, reading, policy)

    @settings_named(prompt="text")
    def next(self, text: str = "", *, top: int = 10) -> Rows[NextToken]:
        """Return the tokens that are most probable to come next, the most probable first.

        Args:
            text: what was read before, from the initial state on; "" asks for the first word of a sentence.
            top: how many.

        Raises:
            UserError: the model knows none of the words.
            SettingError: ``top`` is below 1.
        """
        if top < 1:
            raise SettingError("top must be at least 1")
        ids = [self.vocabulary.eos_id, *self._prompt(text)]
        return next_tokens(self.lm, ids, self.vocabulary, top)

    @settings_named(sample_seed="seed")
    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 60,
        sentences: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        allow_unk: bool = False,
        seed: int = 1,
        decoder_precision: Literal["float32", "int8"] = "float32",
        layer_precision: Literal["float32", "int8"] = "float32",
    ) -> Iterator[str]:
        """Return text that goes on from ``prompt``, piece by piece, each as soon as it is drawn.

        Printed one after the other behind the prompt the pieces are the text, with its spaces and line breaks:
        ``"".join(model.generate(...))`` is all of it.

        Args:
            prompt: text to go on from; it is not given back.
            length: tokens to produce at most.
            sentences: stop after this many.
            temperature: divides log-probabilities before sampling; 0 takes the most probable token each time.
            top_k: sample among the k most probable tokens.
            top_p: sample among the most probable tokens that together hold this much probability.
            allow_unk: let the model produce ``<unk>``.
            seed: of the sampling; the same gives the same text.
            decoder_precision: in which the decoder's matrix is read. "int8": words come faster, distributed as with
                "float32"; which ones a seed gives differs.
            layer_precision: in which, with ``decoder_precision="int8"``, an LSTM's matrices are read. "int8":
                words come faster still, from a distribution that is not quite that of "float32".

        Raises:
            SettingError: a setting has a value that it cannot have.
            UserError: the model knows none of the prompt's words, or has no decoder that could be in 8 bits.
        """
        given = {"length": length, "sentences": sentences, "temperature": temperature, "top_k": top_k, "top_p": top_p}
        given |= {"allow_unk": allow_unk, "sample_seed": seed, "decoder_precision": decoder_precision}
        given |= {"layer_precision": layer_precision}
        config = options_from(GenerationConfig, given)
        if reason := why_not_int8(self.lm, config):
            self._progress.say(f"note: decoder_precision float32 is taken: {reason}")
        if reason := why_not_int8_layers(self.lm, config):
            self._progress.say(f"note: layer_precision float32 is taken: {reason}")
        # All that can be refused is refused now, and not when the first piece is asked for.
        return self._pieces(self._prompt(prompt), config)

    def _pieces(self, ids: Sequence[int], config: GenerationConfig) -> Iterator[str]:
        decoder = self.codec.decoder()
        for index in ids:
            decoder.add(index)
        with settings_named():
            for index in generate(self.lm, ids, config, self.vocabulary):
                if piece := decoder.add(index):
                    yield piece
        if piece := decoder.finish():
            yield piece

    @settings_named()
    def export(self, destination: str | os.PathLike[str], *, to: str = "hf", overwrite: bool = False) -> Path:
        """Write the model for other programs; returns the path of what was written.

        Args:
            destination: the file or folder that is to be; its own folder must be there.
            to: "hf", a folder for Hugging Face transformers; "onnx" or "web", one for ONNX Runtime or a browser;
                "torch", one of torch's own weights; "arpa" or "word2vec", a file of text; or another package's.
            overwrite: replace what is there: a file, or a folder that an export wrote.

        Raises:
            SettingError: there is no such target, or ``destination`` is taken.
            UserError: the target cannot hold this model, or needs a package that is not installed.
        """
        path = Path(destination)
        export_model(self.stored, path, ExportConfig(to, overwrite), self._progress, self.folder)
        return path

    @settings_named(prompt="text")
    def hidden(self, text: str) -> HiddenStates:
        """Return what every layer holds after each token of ``text``: hidden states, cell states, gates.

        The first token is the ``<eos>`` that stands before every text; line breaks are ``<eos>``, too.

        Raises:
            UserError: the model has no hidden states (an n-gram), or knows none of the words.
        """
        ids = [self.vocabulary.eos_id, *self._prompt(text)]
        with evaluating(self.lm):
            layers = layers_over(self.lm, ids, self.name)
        return HiddenStates(tuple(self.vocabulary.decode(ids)), layers)

    def _prompt(self, text: str) -> list[int]:
        """The ids of a prompt; words that are not known are said to be read as ``<unk>``."""
        tokens = self.codec.tokens(text)
        if unknown := check_prompt(tokens, self.vocabulary):
            self._progress.say(f"note: not in the model's vocabulary, read as {UNK}: {', '.join(unknown)}")
        return self.vocabulary.encode(tokens)

    @property
    def kind(self) -> str:
        """What it is, in a few words."""
        if isinstance(self.lm, NgramLanguageModel):
            return f"{label_of('ngram')} of order {self.lm.config.order}"
        if isinstance(self.lm, NeuralLanguageModel):
            config = self.lm.config
            return f"{label_of(config.cell)} {config.layers} x {config.hidden_size}"
        return type(self.lm).__name__

    def _facts(self) -> dict[str, str]:
        tokens = resolve(self.corpus).tokens
        return {
            "model": self.kind,
            "parameters": f"{self.parameters:,}",
            "vocabulary": f"{len(self.vocabulary):,} {tokens}",
            "corpus": ", ".join(self.corpus.corpus),
            "device": str(self.device),
            "folder": "–" if self.folder is None else str(self.folder),
        }

    def __repr__(self) -> str:
        facts = self._facts()
        return (
            f"TextModel({self.name!r}, {facts['model']}, {facts['parameters']} parameters, {facts['vocabulary']}, "
            f"{facts['device']})"
        )

    def _repr_html_(self) -> str:
        rows = Markup("").join(
            Markup("<tr><th>{}</th><td>{}</td></tr>").format(name, value) for name, value in self._facts().items()
        )
        return Markup("<table><caption>{}</caption>{}</table>").format(self.name, rows)


def require_policy(policy: str) -> None:
    """Raises ``SettingError`` where ``policy`` is no context policy."""
    if policy not in ("stream", "sentence"):
        raise SettingError(f"policy must be 'stream' or 'sentence', not {policy!r}")
