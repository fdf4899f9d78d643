"""Everything that a run, a model folder or the cache holds, changed at random: read, or refused in one line."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from safetensors.torch import save

from fuzz.harness import fuzz, mutated_bytes, mutated_json
from rnn_lm.checkpoint import read_checkpoint
from rnn_lm.checksums import digest_of_json
from rnn_lm.commands import compare, gradients, probe, sweep, theory
from rnn_lm.config import CorpusConfig, ModelConfig, TrainingConfig, from_json
from rnn_lm.corpora import resolve
from rnn_lm.corpora.encode import Cutter, encoded_blocks
from rnn_lm.corpora.store import FACTS, StoreDamagedError, TokenStore
from rnn_lm.experiments import scores
from rnn_lm.experiments.members import CompareSettings
from rnn_lm.kept import read_kept, write_kept
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.storage import load_model
from rnn_lm.prepare import prepare
from rnn_lm.probes.outcomes import Job, load_outcome
from rnn_lm.progress import SilentProgress
from rnn_lm.runs import read_run, start_run
from rnn_lm.seeding import generator
from rnn_lm.text import TOKENIZERS
from rnn_lm.text.subwords import train_subwords
from rnn_lm.training.log import read_log
from rnn_lm.training.trainer import Trainer, TrainingData
from rnn_lm.vocabulary import Vocabulary

GOLDEN = Path(__file__).parents[1] / "golden" / "run-0.1"
CORPUS = CorpusConfig(corpus=("corpus",), tokens="whitespace", normalize="none")  # as version 0.1 read it

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Generating overly large repr")]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    shutil.copytree(GOLDEN, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return tmp_path / "old"


def with_checksum(tensors: dict[str, torch.Tensor], facts: bytes) -> bytes:
    """A checkpoint with a right checksum whatever is in it, made without the package's own code, whose types are
    checked at random places."""
    digest = hashlib.sha256(facts)
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.numel() > 0:
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return save(tensors, {"facts": facts.decode(), "sha256": digest.hexdigest()})


def with_facts(path: Path) -> st.SearchStrategy[bytes]:
    """The checkpoint at ``path`` with its facts mutated."""
    tensors, facts = read_checkpoint(path)
    return mutated_json(facts).map(lambda changed: with_checksum(tensors, changed))


def with_header(path: Path) -> st.SearchStrategy[bytes]:
    """The safetensors file at ``path`` with its own header mutated as a value."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    return mutated_json(header).map(lambda changed: struct.pack("<Q", len(changed)) + changed + data)


_DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)


def with_tensors(path: Path) -> st.SearchStrategy[bytes]:
    """The checkpoint at ``path`` with some of its tensors of other shapes, types and values, or gone."""
    return _with_tensors(*read_checkpoint(path))


@st.composite
def _with_tensors(draw: st.DrawFn, originals: dict[str, torch.Tensor], facts: dict[str, Any]) -> bytes:
    tensors = dict(originals)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(tensors) or ["model.x"]))
        kind = draw(st.sampled_from(["gone", "new", "shape", "dtype", "flat", "value", "swap"]))
        if kind in ("gone", "new"):
            one = tensors.pop(name, torch.zeros(1))
            if kind == "new":
                tensors[name + draw(st.sampled_from([".0", "", "x"]))] = one
        elif kind == "shape":
            shape = draw(st.lists(st.sampled_from([0, 1, 2, 8, 14, 32]), max_size=4))
            tensors[name] = torch.zeros(shape, dtype=draw(st.sampled_from(_DTYPES)))
        elif kind == "dtype" and name in tensors:
            tensors[name] = tensors[name].to(draw(st.sampled_from(_DTYPES)))
        elif kind == "flat" and name in tensors:
            tensors[name] = tensors[name].flatten()
        elif kind == "value" and name in tensors:
            value = draw(st.sampled_from([0, 1, -1, 2**30, 10**12, torch.nan, torch.inf]))
            digits = tensors[name].dtype
            largest = torch.finfo(digits).max if digits.is_floating_point else 1e6
            if abs(value) <= largest or (digits.is_floating_point and not math.isfinite(value)):
                tensors[name] = torch.full_like(tensors[name], value)
        elif name in tensors:
            other = draw(st.sampled_from(sorted(tensors)))
            tensors[name], tensors[other] = tensors[other].clone(), tensors[name].clone()
    return with_checksum({name: one.contiguous() for name, one in tensors.items()}, json.dumps(facts).encode())


def compare_settings() -> CompareSettings:
    return compare.settings_of(compare.Options(corpus=CORPUS))


def sweep_settings() -> dict[str, Any]:
    options = sweep.Options(corpus=CORPUS, space=("learning-rate=1e-4..1e-2:log", "hidden-size=8..16"))
    settings = sweep._settings(options)
    return {**settings.to_json(), **settings.parts(), "storage": None, "study_name": options.study_name}


def recurrent_settings() -> dict[str, Any]:
    config = json.loads((GOLDEN / "lstm" / "run.json").read_text())["config"]
    kinds = {"corpus": type(resolve(CORPUS)), "model": ModelConfig, "training": TrainingConfig}
    return {**config, **{name: from_json(kind, config[name], name) for name, kind in kinds.items()}}


WANTED: dict[str, Callable[[], Any]] = {
    "lstm": recurrent_settings,
    "ngram": lambda: json.loads((GOLDEN / "ngram" / "run.json").read_text())["config"],
    "compare": compare_settings,
    "probe": lambda: probe.Options().probe,
    "gradients": lambda: {"corpus": resolve(CORPUS), "gradients": gradients.Options().gradients, "runs": []},
    "theory": lambda: theory.Options().theory,
    "sweep": sweep_settings,
}


@pytest.mark.parametrize("name", WANTED)
def test_manifests_of_every_kind_where_they_are_resumed(folder, name):
    own, wanted = folder / name, WANTED[name]()
    kind = "recurrent" if name == "lstm" else name
    start_run(own, kind, wanted, resume=True)
    original = json.loads((own / "run.json").read_text())
    digests = {"train text": "1", "vocabulary": "2"}
    contents = st.one_of(mutated_json(original), mutated_json({**original, "digests": digests}))
    fuzz(lambda _: start_run(own, kind, wanted, True, digests), contents, own / "run.json")


@pytest.mark.parametrize("name", ["lstm", "ngram"])
@pytest.mark.parametrize("how", ["value", "bytes"])
def test_manifests_where_models_are_loaded(folder, name, how):
    path = folder / name / "run.json"
    original = path.read_bytes()
    contents = mutated_json(json.loads(original)) if how == "value" else mutated_bytes(original)
    fuzz(lambda path: load_model(path.parent), contents, path)


def test_vocabularies(folder):
    path = folder / "lstm" / "vocabulary.json"
    original = path.read_bytes()

    def read(path: Path) -> None:
        vocabulary = Vocabulary.load(path)
        torch.tensor(vocabulary.counts_v)
        vocabulary.save(path.with_name("again.json"))
        assert Vocabulary.load(path.with_name("again.json")) == vocabulary

    fuzz(read, st.one_of(mutated_json(json.loads(original)), mutated_bytes(original)), path)


STRATEGIES = {
    "bytes": lambda path: mutated_bytes(path.read_bytes()),
    "header": with_header,
    "facts": with_facts,
    "tensors": with_tensors,
}


@pytest.mark.parametrize("how", STRATEGIES)
def test_ngram_files(folder, how):
    path = folder / "ngram" / "ngram.safetensors"
    ids_n = torch.tensor([3, 4, 1, 5, 6, 1])

    def read(path: Path) -> None:
        model = NgramLanguageModel.load(path)
        if model.vocabulary_size > 6:
            model.nll(ids_n)
            model.step(torch.tensor([3]), model.initial_state(1))

    fuzz(read, STRATEGIES[how](path), path)


@pytest.mark.parametrize("how", STRATEGIES)
def test_models(folder, how):
    path = folder / "lstm" / "best.safetensors"
    fuzz(lambda path: load_model(path.parent), STRATEGIES[how](path), path)


@pytest.mark.parametrize("how", STRATEGIES)
def test_training_that_is_resumed(folder, how):
    prepared = prepare(CORPUS, SilentProgress())
    data = TrainingData(prepared.texts["train"], prepared.texts["valid"], prepared.counts_v)
    manifest = read_run(folder / "lstm", "recurrent").config
    model_config = from_json(ModelConfig, manifest["model"], "model")
    training = from_json(TrainingConfig, manifest["training"], "training")

    def read(path: Path) -> None:
        model = RecurrentLanguageModel(len(prepared.vocabulary), 8, model_config, generator(1, "initialization"))
        trainer = Trainer(model, data, training, path.parent, SilentProgress())
        trainer.log.close()
        shutil.copy(GOLDEN / "lstm" / "training.jsonl", path.parent)

    path = folder / "lstm" / "last.safetensors"
    fuzz(read, STRATEGIES[how](path), path)


@pytest.mark.parametrize("how", STRATEGIES)
def test_scores(folder, how):
    prepared = prepare(CORPUS, SilentProgress())
    own = folder / "ngram"
    (own / scores.SCORES).unlink()
    scores.score_model(own, load_model(own).model, prepared, SilentProgress(), ("sentence",))
    of = scores._dependencies(own, prepared, ("sentence",))
    path = own / scores.SCORES
    fuzz(lambda path: scores._read(path, of, prepared, ("sentence",)), STRATEGIES[how](path), path)


@pytest.fixture
def store(tmp_path) -> TokenStore:
    blocks = encoded_blocks([("train", "the old dog"), ("train", "a cat"), ("test", "the dog")], Cutter(str.split))
    made = TokenStore(tmp_path)
    made.make("key", blocks, ["train", "test"], {"name": "x", "tokens": "words", "lowercase": True})
    return made


def read_all(store: TokenStore) -> None:
    splits = store.open("key")
    assert splits is not None
    for split in splits.values():
        list(split.sentences)


@pytest.mark.parametrize("rewritten", [False, True])
def test_facts_of_the_token_store(store, rewritten):
    path = store.folder / "key" / FACTS
    original = json.loads(path.read_text())

    def with_checksum(content: bytes) -> bytes:
        value = json.loads(content)
        if rewritten and isinstance(value, dict):
            value["sha256"] = digest_of_json({name: one for name, one in value.items() if name != "sha256"})
        return json.dumps(value).encode()

    fuzz(lambda _: read_all(store), mutated_json(original).map(with_checksum), path, allowed=(StoreDamagedError,))


@pytest.mark.parametrize("name", ["train.types", "types.text", "types.ends", "test.counts"])
def test_arrays_of_the_token_store(store, name):
    path = store.folder / "key" / name
    contents = mutated_bytes(path.read_bytes())
    fuzz(lambda _: read_all(store), contents, path, allowed=(StoreDamagedError,))


def test_training_logs(folder):
    path = folder / "lstm" / "training.jsonl"
    original = path.read_bytes()
    first = json.loads(original.splitlines()[0])
    as_values = st.lists(mutated_json(first), max_size=3).map(lambda lines: b"\n".join([*lines, b""]))
    fuzz(lambda path: (read_log(path), read_log(path, 3)), st.one_of(mutated_bytes(original), as_values), path)


def test_tokenizers(tmp_path):
    tokenizer = train_subwords("bpe", 300, ["the old dog saw the new dog"] * 3)

    def read(path: Path) -> None:
        TOKENIZERS["bpe"].load(path.parent)

    original = json.loads(tokenizer.text)
    contents = st.one_of(mutated_json(original), mutated_bytes(tokenizer.text.encode()))
    fuzz(read, contents, tmp_path / "tokenizer.json")


def test_finished_parts_and_outcomes(tmp_path):
    job = Job("agreement", "lstm", 1)
    outcome = {
        "probe": "agreement", "model": "lstm", "seed": 1, "parameters": 3, "seconds": 1.0, "loss": None,
        "clipped_share": 0.5, "tokens": 9, "right": {"a": "0101"},
    }  # fmt: skip
    path = job.path(tmp_path)
    path.parent.mkdir()
    write_kept(path, {"probe": "agreement", "model": "lstm", "seed": 1}, outcome)
    kept = json.loads(path.read_text())

    def read(path: Path) -> None:
        read_kept(path, {"probe": "agreement", "model": "lstm", "seed": 1})
        found = load_outcome(job, tmp_path)
        assert found is not None
        found.right_n("a")

    fuzz(read, st.one_of(mutated_json(kept), mutated_json(outcome)), path)
