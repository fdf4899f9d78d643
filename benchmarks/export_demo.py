"""One model, exported to every target, loaded by each in its own runtime without rnn_lm: the same 1,000 numbers?

    python benchmarks/export_demo.py [--run FOLDER] [--ngram FOLDER] [--json FILE]

Without ``--run`` the small LSTM of the demo is trained, without ``--ngram`` its n-gram model, which goes to KenLM. The
1,000 tokens are the first of the corpus's test split, read as one text (KenLM: sentence by sentence); the perplexity in
8 bits is of its first 20,000. Speeds are of one thread, one token after another; Hugging Face's of all at once.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from chromium import EXECUTABLE, Chromium
from machine import made_here
from rnn_lm.api.loading import load
from rnn_lm.api.model import TextModel
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.experiments.evaluate import splits_for
from rnn_lm.files import write_json
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.progress import SilentProgress

TOKENS, LONG = 1000, 20_000
TARGETS = ("hf", "torch", "onnx", "onnx-int8", "web")

BLOCKED = """
import sys, json, time
sys.modules["rnn_lm"] = None
folder, given = sys.argv[1:]
ids = json.load(open(given))
"""
"""What every program begins with: ``ids`` are the ``<eos>`` before the text and the text; an import of ours fails."""
RUN_HF = """
import torch, transformers
torch.set_num_threads(1)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
def read(ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].log_softmax(-1)
started = time.perf_counter()
rows = read(ids[:-1])
seconds = time.perf_counter() - started
print(json.dumps({"found": [row[i].item() for row, i in zip(rows, ids[1:])], "seconds": seconds}))
"""
RUN_TORCH = """
import torch
torch.set_num_threads(1)
step, sizes = torch.export.load(folder + "/step.pt2").module(), json.load(open(folder + "/sizes.json"))
state, found = tuple(torch.zeros(*shape) for shape in sizes["state"]), []
started = time.perf_counter()
with torch.no_grad():
    for before, after in zip(ids, ids[1:]):
        rows, state = step(torch.tensor([before]), state)
        found.append(rows[0, after].item())
print(json.dumps({"found": found, "seconds": time.perf_counter() - started}))
"""
RUN_ONNX = """
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions(); options.intra_op_num_threads = 1; options.inter_op_num_threads = 1
about = json.load(open(folder + "/model.json"))
names = ["log_probabilities", *(part["output"] for part in about["states"])]
def session(kind):
    return onnxruntime.InferenceSession(f"{folder}/{kind}.onnx", options)
def start():
    return {part["input"]: np.full([1, *part["shape"][1:]], part["begins"], np.float32) for part in about["states"]}
def read(run, name, tokens, state):
    rows, *after = run.run(names, {name: np.array(tokens), **state})
    return rows, {part["input"]: value for part, value in zip(about["states"], after)}
step, state, found = session("step"), start(), []
started = time.perf_counter()
for before, after in zip(ids[:1000], ids[1:1001]):
    rows, state = read(step, "token", [before], state)
    found.append(float(rows[0, after]))
seconds = time.perf_counter() - started
block, state, total, began = session("block"), start(), 0.0, time.perf_counter()
for at in range(0, len(ids) - 1, 100):
    targets = ids[at + 1 : at + 101]
    part = ids[at : at + len(targets)]
    rows, state = read(block, "tokens", [[i] for i in part], state)
    total -= float(rows[np.arange(len(part)), 0, targets].sum())
print(json.dumps({"found": found, "seconds": seconds, "nll": total / (len(ids) - 1),
                  "block_seconds": time.perf_counter() - began}))
"""
RUN_KENLM = """
import kenlm
sentences = ids
model, found = kenlm.Model(folder), []
started = time.perf_counter()
for sentence in sentences:
    found += [bits * 2.302585092994046 for bits, _, _ in model.full_scores(sentence, bos=True, eos=True)]
print(json.dumps({"found": found, "seconds": time.perf_counter() - started}))
"""
RUN_GENSIM = """
from gensim.models import KeyedVectors
vectors = KeyedVectors.load_word2vec_format(folder)
print(json.dumps({"found": [vectors[word].tolist() for word in ids]}))
"""


def outside(program: str, folder: Path, ids: list[Any], work: Path) -> dict[str, Any]:
    """What a program prints that runs without rnn_lm."""
    given = work / "ids.json"
    given.write_text(json.dumps(ids))
    command = [sys.executable, "-c", BLOCKED + program, str(folder), str(given)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env={**environment, "OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise SystemExit(f"{folder}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def in_chromium(folder: Path, ids: list[int], work: Path) -> dict[str, Any]:
    """The same in a browser."""
    assert EXECUTABLE is not None
    with Chromium.started(EXECUTABLE, work / "profile") as browser:
        browser.open((folder / "index.html").as_uri())
        return browser.evaluate(
            f"rnnLmPage.ready.then(model => {{ const ids = {ids}, found = []; let state = model.start();"
            "const began = performance.now(); for (let t = 0; t + 1 < ids.length; t++) {"
            "const at = model.read(ids[t], state); state = at.state; found.push(at.logProbabilities[ids[t + 1]]); }"
            "return {found, seconds: (performance.now() - began) / 1000}; })"
        )


def reference(model: LanguageModel, ids: list[int]) -> list[float]:
    """Our log-probabilities of all but the first token."""
    given, state = torch.tensor(ids).unsqueeze(1), model.initial_state(1)
    with torch.no_grad():
        nll_tb, _ = model.score(given[:-1], given[1:], state)
    return (-nll_tb[:, 0]).tolist()


def in_kenlm(run: Path, work: Path) -> dict[str, Any]:
    """An n-gram model's ARPA file in KenLM: sentences of the test split, to 1,000 tokens at least."""
    model = load(run, progress=False)
    (split,) = splits_for([model.stored], "test", None, SilentProgress())
    text = split.encoded(model.vocabulary)
    sentences: list[list[str]] = [[]]
    for index in text.ids_n.tolist():
        if index != model.vocabulary.eos_id:
            sentences[-1].append(model.vocabulary.tokens[index])
            continue
        if sum(len(one) + 1 for one in sentences) >= TOKENS:
            break
        sentences.append([])
    file = model.export(work / "ngram.arpa", to="arpa")
    found = outside(RUN_KENLM, file, [" ".join(one) for one in sentences], work)
    expected = score_text(model.lm, text, "sentence").nll_n[: len(found["found"])]
    return {
        "difference": max(abs(a + b) for a, b in zip(found["found"], expected.tolist(), strict=True)),
        "megabytes": file.stat().st_size / 1e6,
        "tokens_per_second": len(found["found"]) / found["seconds"],
        "perplexity": None,
    }


def in_gensim(model: TextModel, work: Path) -> dict[str, Any]:
    """The vectors of 1,000 words in gensim."""
    assert isinstance(model.lm, NeuralLanguageModel)
    words = [word for word in model.vocabulary.tokens if not word.startswith("<")][:TOKENS]
    file = model.export(work / "vectors.txt", to="word2vec")
    found = torch.tensor(outside(RUN_GENSIM, file, words, work)["found"])
    expected = model.lm.embedding.weight.detach()[model.vocabulary.encode(words)]
    return {
        "difference": float((found - expected).abs().max()),
        "megabytes": file.stat().st_size / 1e6,
        "tokens_per_second": None,
        "perplexity": None,
    }


def trained(command: list[str], out: Path) -> Path:
    """The small models of the demo."""
    subprocess.run([sys.executable, "-m", "rnn_lm", *command, "--out", str(out)], check=True)
    return out


def measure(run: Path, ngram: Path, work: Path) -> dict[str, Any]:
    """All targets, one after the other."""
    model = load(run, progress=False)
    (split,) = splits_for([model.stored], "test", None, SilentProgress())
    ids = [model.vocabulary.eos_id, *split.encoded(model.vocabulary).ids_n[:LONG].tolist()]
    expected = reference(model.lm, ids)
    rows: dict[str, Any] = {}
    for target in TARGETS:
        if target == "web" and EXECUTABLE is None:
            print("web: no Chromium; left out")
            continue
        began = time.perf_counter()
        folder = model.export(work / target, to=target)
        short = ids[: TOKENS + 1]
        if target == "web":
            found = in_chromium(folder, short, work)
        else:
            program = {"hf": RUN_HF, "torch": RUN_TORCH}.get(target, RUN_ONNX)
            found = outside(program, folder, ids if program is RUN_ONNX else short, work)
        numbers = found["found"]
        assert len(numbers) == TOKENS
        files = [path.stat().st_size for path in folder.iterdir()]
        rows[target] = {
            "difference": max(abs(a - b) for a, b in zip(numbers, expected, strict=False)),
            "megabytes": sum(files) / 1e6,
            "tokens_per_second": TOKENS / found["seconds"],
            "perplexity": math.exp(found["nll"]) if "nll" in found else None,
        }
        print(f"{target}: {rows[target]}, {time.perf_counter() - began:.0f} s with the export")
    rows["word2vec (vectors, gensim)"] = in_gensim(model, work)
    if importlib.util.find_spec("kenlm") is None:
        print("arpa: no kenlm; left out")
    else:
        rows["arpa (n-gram, KenLM)"] = in_kenlm(ngram, work)
    return {
        "model": repr(model),
        "perplexity": math.exp(-sum(expected) / len(expected)),
        "made": made_here(),
        "targets": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Export one model to every target, and compare.")
    parser.add_argument("--run", type=Path, help="folder of a recurrent model; default: train the demo's LSTM")
    parser.add_argument("--ngram", type=Path, help="folder of an n-gram model; default: train the demo's")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run = arguments.run or trained(["train", "--cell", "lstm", "--budget", "2epochs"], work / "lstm")
        ngram = arguments.ngram or trained(["ngram"], work / "ngram")
        results = measure(run, ngram, work)
    if arguments.json:
        write_json(arguments.json, results)


if __name__ == "__main__":
    main()
