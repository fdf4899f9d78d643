"""The page's questions and their answers, as JSON: a question is a name and an object, an answer an object.

    read        {text}                          per model and token: surprisal, entropy, rank, what was expected, seen
    states      {text, model}                   hidden and cell states and gates
    corpus      {model}                         a sample of its valid split, and states over it
    probes      {model}                         what units track
    ablate      {text, model, layer, units}     the reading with units off
    gradients   {text, model, at}               what earlier words did to token number ``at``
    words       {model}                         the vocabulary
    next        {ids, model}                    log P(next), and the ids as text

Models are named by their number. Arrays stand as ``{"int8" | "float32" | "int32": base64, "shape", "scale"}``.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.explorer.ablation import log_probabilities_without
from rnn_lm.explorer.flow import flow_to
from rnn_lm.explorer.probing import Probed, probe
from rnn_lm.explorer.reading import MOST_TOKENS, Reading, cut_text, read, reading_of
from rnn_lm.explorer.sample import Quantized
from rnn_lm.explorer.seen import SeenContext, seen_before
from rnn_lm.explorer.sources import Sources
from rnn_lm.explorer.tracked import tracked_in
from rnn_lm.gradients.unroll import in_float64
from rnn_lm.labels import label_of, style_of
from rnn_lm.models.attention import AttentionLanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.states import layers_over
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress, SilentProgress

MOST_UNITS = 4096
"""That are switched off at a time."""


class Explorer:
    """Models, and a page's questions about them.

    Args:
        models: at least one.
        sample_tokens: of the corpus, whose states are searched.
        progress: told what is being loaded.
    """

    def __init__(
        self, models: Sequence[StoredModel], sample_tokens: int = 20_000, progress: Progress | None = None
    ) -> None:
        self.models = tuple(models)
        self.names = _told_apart([stored.name for stored in models])
        self.sources = Sources(sample_tokens, progress or SilentProgress())
        self._lock = threading.RLock()
        self._doubles: dict[int, NeuralLanguageModel] = {}
        self._kept: dict[tuple[str, int], dict[str, Any]] = {}
        self.questions: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "about": self._about,
            "read": self._read,
            "states": self._states,
            "corpus": self._corpus,
            "probes": self._probes,
            "ablate": self._ablate,
            "gradients": self._gradients,
            "words": self._words,
            "next": self._next,
        }

    def answer(self, question: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a question; one at a time is worked on.

        Raises:
            UserError: it cannot be answered, and why.
        """
        with self._lock:
            return self.questions[question](asked)

    def _about(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        facts = [_facts(stored, name) for stored, name in zip(self.models, self.names, strict=True)]
        return {"models": facts, "most_tokens": MOST_TOKENS}

    def _read(self, asked: dict[str, Any]) -> dict[str, Any]:
        text = _text(asked)
        return {"models": [self._reading(stored, text) for stored in self.models]}

    def _reading(self, stored: StoredModel, text: str) -> dict[str, Any]:
        try:
            found = read(stored, text)
        except UserError as error:  # of this model: another may cut it shorter
            return {"error": str(error)}
        answer = reading_json(found, stored.vocabulary.tokens)
        if isinstance(stored.model, NgramLanguageModel):
            seen = seen_before(stored.model, found.cut.ids, self.sources.training_text(stored))
            answer["seen"] = [[_seen_json(one, stored.vocabulary.tokens) for one in place] for place in seen]
        return answer

    def _states(self, asked: dict[str, Any]) -> dict[str, Any]:
        stored = self._model(asked)
        cut = cut_text(stored, _text(asked))
        with evaluating(stored.model):
            layers = layers_over(stored.model, [stored.vocabulary.eos_id, *cut.ids], stored.name)
        found = []
        for layer in layers:
            signals = {"hidden": layer.hidden, **({} if layer.cell is None else {"cell": layer.cell}), **layer.gates}
            found.append({name: quantized_json(Quantized.of(value.numpy())) for name, value in signals.items()})
        return {"tokens": ["<eos>", *cut.tokens], "layers": found}

    def _corpus(self, asked: dict[str, Any]) -> dict[str, Any]:
        stored = self._model(asked)
        sample, tokens = self.sources.sample(stored), stored.vocabulary.tokens
        present, places_n = np.unique(sample.ids_n, return_inverse=True)
        return {
            "words": [tokens[index] for index in present.tolist()],
            "ids": array_json(places_n.astype(np.int32)),
            "stretch": sample.stretch,
            "layers": [{name: quantized_json(each) for name, each in layer.items()} for layer in sample.layers],
        }

    def _probes(self, asked: dict[str, Any]) -> dict[str, Any]:
        number = self._number(asked)
        if ("probes", number) not in self._kept:
            stored = self.models[number]
            sample = self.sources.sample(stored)
            properties = tracked_in(sample.ids_n, sample.stretch, stored.vocabulary)
            layers = []
            for layer in sample.layers:
                signal = "cell" if "cell" in layer else "hidden"
                found = [probe(layer[signal].values, each, sample.stretch) for each in properties]
                layers.append({"signal": signal, "probes": [probed_json(each) for each in found if each is not None]})
            self._kept["probes", number] = {"layers": layers}
        return self._kept["probes", number]

    def _ablate(self, asked: dict[str, Any]) -> dict[str, Any]:
        stored, units = self._model(asked), asked.get("units")
        if not isinstance(units, list) or len(units) > MOST_UNITS or not all(type(unit) is int for unit in units):
            raise UserError(f"units are a list of at most {MOST_UNITS:,} whole numbers")
        cut = cut_text(stored, _text(asked))
        ids = [stored.vocabulary.eos_id, *cut.ids]
        without = log_probabilities_without(stored, ids, _whole(asked, "layer"), units)
        return reading_json(reading_of(cut, without), stored.vocabulary.tokens)

    def _gradients(self, asked: dict[str, Any]) -> dict[str, Any]:
        stored, number, at = self._model(asked), self._number(asked), _whole(asked, "at")
        if not isinstance(stored.model, NeuralLanguageModel):
            raise UserError(f"{stored.name} is an n-gram: it has no gradient")
        cut = cut_text(stored, _text(asked))
        if not 0 <= at < len(cut.ids):
            raise UserError(f"the text has no token number {at + 1}")
        if number not in self._doubles:
            self._doubles[number] = in_float64(stored.model).cpu().eval()
        read_before = [stored.vocabulary.eos_id, *cut.ids[:at]]
        flow = flow_to(self._doubles[number], read_before, cut.ids[at])
        measures = {name: [float(f"{each:.5g}") for each in value.tolist()] for name, value in flow.measures.items()}
        return {"first": flow.first, "log_probability": flow.log_probability, "measures": measures}

    def _words(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"words": list(self._model(asked).vocabulary.tokens)}

    def _next(self, asked: dict[str, Any]) -> dict[str, Any]:
        stored, ids = self._model(asked), asked.get("ids")
        size = len(stored.vocabulary)
        if not isinstance(ids, list) or not all(type(index) is int and 0 <= index < size for index in ids):
            raise UserError(f"ids are a list of whole numbers from 0 to {size - 1}")
        if len(ids) > MOST_TOKENS:
            raise UserError(f"{MOST_TOKENS:,} tokens are the most; begin another text")
        log_probs_v = next_log_probabilities(stored, ids)
        return {"log_probabilities": array_json(log_probs_v.float().numpy()), "text": stored.codec.decode(ids)}

    def _number(self, asked: dict[str, Any]) -> int:
        number = _whole(asked, "model")
        if not 0 <= number < len(self.models):
            raise UserError(f"there is no model number {number}")
        return number

    def _model(self, asked: dict[str, Any]) -> StoredModel:
        return self.models[self._number(asked)]


@torch.no_grad()
def next_log_probabilities(stored: StoredModel, ids: Sequence[int]) -> torch.Tensor:
    """Return log P(next) after ``<eos>`` and ``ids``, read from the initial state."""
    model, read_t = stored.model, torch.tensor([stored.vocabulary.eos_id, *ids])
    state = model.initial_state(1)
    with evaluating(model):
        if len(ids):
            before_tb = read_t[:-1, None].to(model.device)
            is_neural = isinstance(model, NeuralLanguageModel)
            _, state = model.hidden(before_tb, state) if is_neural else model.score(before_tb, before_tb, state)
        return model.step(read_t[-1:].to(model.device), state)[0][0].cpu()


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names, those that stand twice with a number behind."""
    return [
        f"{name} ({names[: place + 1].count(name)})" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    ]


def _facts(stored: StoredModel, name: str) -> dict[str, Any]:
    model, known = stored.model, None
    if isinstance(model, NgramLanguageModel):
        kind, known = f"{label_of('ngram')} of order {model.config.order}", "ngram"
    elif isinstance(model, NeuralLanguageModel):
        known = model.config.cell
        kind = f"{label_of(known)} {model.config.layers} x {model.config.hidden_size}"
    else:
        kind = type(model).__name__
    style = None if known is None else style_of(known)
    return {
        "name": name,
        "kind": kind,
        "label": kind if known is None else label_of(known),
        "color": None if style is None else style.color,
        "has_states": isinstance(model, NeuralLanguageModel),
        "has_units_off": isinstance(model, RecurrentLanguageModel | AttentionLanguageModel),
        "tokens": stored.codec.settings.tokens,
        "vocabulary": len(stored.vocabulary),
        "corpus": list(stored.corpus.corpus),
    }


def reading_json(reading: Reading, words: Sequence[str]) -> dict[str, Any]:
    """Return a reading as JSON: numbers with the digits that are shown, and a list [word, probability] per place."""
    tops = zip(reading.top_ids_tk.tolist(), reading.top_probabilities_tk.tolist(), strict=True)
    return {
        "tokens": list(reading.cut.tokens),
        "ids": list(reading.cut.ids),
        "unknown": [place for place, unknown in enumerate(reading.cut.unknown) if unknown],
        "surprisal": [round(value, 4) for value in reading.surprisal_t.tolist()],
        "entropy": [round(value, 4) for value in reading.entropy_t.tolist()],
        "rank": reading.rank_t.tolist(),
        "top": [[[words[index], float(f"{share:.4g}")] for index, share in zip(*place, strict=True)] for place in tops],
    }


def _seen_json(seen: SeenContext, words: Sequence[str]) -> dict[str, Any]:
    top = [[words[one.id], float(f"{one.probability:.4g}"), one.count] for one in seen.top]
    came = None if seen.came is None else [float(f"{seen.came.probability:.4g}"), seen.came.count]
    context = [words[index] for index in seen.ids]
    return {"context": context, "followers": seen.followers, "count": seen.count, "top": top, "came": came}


def probed_json(probed: Probed) -> dict[str, Any]:
    """Return what a probe found as JSON."""
    two = len(probed.classes) == 2
    weights_u = probed.weights_cu[1] - probed.weights_cu[0] if two else np.linalg.norm(probed.weights_cu, axis=0)
    return {
        "name": probed.name,
        "classes": list(probed.classes),
        **{
            name: round(getattr(probed, name), 4)
            for name in ("accuracy", "majority", "control", "selectivity", "best_accuracy", "best_majority")
        },
        "places": probed.places,
        "best_unit": probed.best_unit,
        "weights": [float(f"{weight:.4g}") for weight in weights_u.tolist()],
    }


def array_json(values: np.ndarray) -> dict[str, Any]:
    """Return an array of int8, int32 or float32 as JSON, little end first."""
    name = values.dtype.name
    data = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
    return {name: base64.b64encode(data).decode(), "shape": list(values.shape)}


def quantized_json(values: Quantized) -> dict[str, Any]:
    """Return values in a byte each as JSON, with the scale of each unit."""
    return {**array_json(values.values_nu), "scale": [float(f"{scale:.6g}") for scale in values.scale_u.tolist()]}


def _text(asked: dict[str, Any]) -> str:
    text = asked.get("text")
    if not isinstance(text, str):
        raise UserError("a text is a string")
    return text.replace("\r\n", "\n")


def _whole(asked: dict[str, Any], name: str) -> int:
    value = asked.get(name)
    if type(value) is not int:
        raise UserError(f"{name} is a whole number")
    return value
