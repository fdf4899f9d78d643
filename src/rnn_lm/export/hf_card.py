"""The model card of an exported folder: what the model read, how good it is, how it was made and how it is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnn_lm.checkpoint import BEST, read_checkpoint
from rnn_lm.errors import UserError
from rnn_lm.export.base import ExportJob
from rnn_lm.files import read_json
from rnn_lm.labels import label_of
from rnn_lm.models.neural import NeuralLanguageModel

_TEMPLATE = """---
library_name: transformers
pipeline_tag: text-generation
tags:
- rnn-lm
- recurrent-language-model
---

# {name}

{what}

{facts}

{perplexity}
## How to load it

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{name}", trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained("{name}", trust_remote_code=True)
inputs = tokenizer("{prompt}", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=20, do_sample=True)[0]))
```

Each sentence ends in `<eos>`, which also stands before the first: the model reads one by itself where a text does not
begin with it. Log-probabilities are those of rnn-lm under the policy "sentence" for a sentence on its own.
"""


def model_card(job: ExportJob) -> str:
    """Return the text of ``README.md``; what is not known is not said."""
    model = job.stored.model
    assert isinstance(model, NeuralLanguageModel)
    count = sum(parameter.numel() for parameter in model.parameters())
    what = (
        f"A language model of {count:,} parameters and {len(job.stored.vocabulary):,} tokens "
        f"({job.stored.codec.settings.tokens}): {label_of(model.config.cell)}, {model.config.layers} x "
        f"{model.config.hidden_size}, trained by rnn-lm."
    )
    results = _results(job.folder)
    perplexity = _of_results(job.folder, results) if results else _of_training(job.folder)
    prompt = next((token for token in job.stored.vocabulary.tokens[2:] if token.isalpha()), "")
    return _TEMPLATE.format(
        name=job.stored.name, what=what, facts=_facts(job, results), perplexity=perplexity, prompt=prompt
    )


def _facts(job: ExportJob, results: Mapping[str, Any]) -> str:
    corpus = results.get("corpus", {})
    rows = {
        "corpus": corpus.get("name") or ", ".join(job.stored.corpus.corpus),
        "source": corpus.get("source"),
        "license of the corpus": corpus.get("licence"),
        "split": corpus.get("split"),
        "made by": _code(results.get("made", {}).get("command") or _kept_command(job.folder)),
    }
    return "\n".join(f"- {name}: {value}" for name, value in rows.items() if value)


def _code(command: str | None) -> str | None:
    return f"`{command}`" if command else None


def _kept_command(folder: Path | None) -> str | None:
    """The command that repeats the run: the first line of its settings.toml."""
    if folder is None or not (folder / "settings.toml").is_file():
        return None
    first = (folder / "settings.toml").read_text(encoding="utf-8").partition("\n")[0]
    return first.lstrip("# ").strip() or None


def _results(folder: Path | None) -> Mapping[str, Any]:
    """The results of the comparison that the run is a part of; nothing where it is none, or they cannot be read."""
    if folder is None or not (folder.resolve().parent / "results.json").is_file():
        return {}
    try:
        found = read_json(folder.resolve().parent / "results.json")
    except UserError:
        return {}
    return found if isinstance(found, dict) and found.get("format") == "rnn_lm results" else {}


def _of_results(folder: Path | None, results: Mapping[str, Any]) -> str:
    """A table of test perplexities with intervals."""
    name = "" if folder is None else folder.resolve().name.rpartition("-seed")[0]
    models = [one for one in results.get("models", []) if one.get("name") == name]
    if not models:
        return ""
    rows = []
    for policy, splits in models[0].get("perplexity", {}).items():
        if (one := splits.get("test")) is not None and one.get("perplexity") is not None:
            low, high = one.get("low"), one.get("high")
            interval = "" if low is None or high is None else f"{low:.2f} to {high:.2f}"
            rows.append(f"| {policy} | {one['perplexity']:.2f} | {interval} | {one['token_count']:,} |")
    seeds = len(models[0].get("seeds", []))
    several = f" The mean of {seeds} trainings, of which this is one." if seeds > 1 else ""
    head = "| context policy | perplexity | 95 % interval | tokens |\n|---|---:|---:|---:|"
    said = "Test perplexity, per token, the end of each sentence counted"
    return "\n".join([f"{said}.{several}", "", head, *rows, ""]) if rows else ""


def _of_training(folder: Path | None) -> str:
    """The perplexity of the best validation, which training measured on a sample."""
    if folder is None or not (folder / BEST).is_file():
        return ""
    try:
        _, facts = read_checkpoint(folder / BEST)
        nll = float(facts["valid_nll"])
    except (UserError, KeyError, TypeError, ValueError):
        return ""
    return f"Perplexity at the best validation in training, on a sample of the valid split: {math.exp(nll):.2f}.\n"
