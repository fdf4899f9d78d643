"""lm-evaluation-harness and minicons, run on an exported folder: their log-probabilities are ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from export_cases import LINES, codec, neural
from rnn_lm.evaluation.perplexity import score_sentences
from rnn_lm.export.base import export_model
from rnn_lm.export.config import ExportConfig
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import SilentProgress

pytest.importorskip("transformers", reason="transformers is not installed: pip install 'rnn-lm[export]'")
BLIMP = Path(__file__).resolve().parents[3] / "shared" / "data" / "blimp" / "BLiMP.zip"
PAIRS = [("the cat sees fish .", "cat the fish sees ."), ("a dog hears it .", "hears a it dog or me ?")]

HARNESS = """
import json, sys
import lm_eval
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
folder, tasks = sys.argv[1:]
model = HFLM(pretrained=folder, trust_remote_code=True, device="cpu", batch_size=3)
out = lm_eval.simple_evaluate(model, tasks=["my_pairs"], bootstrap_iters=0, log_samples=True,
    task_manager=TaskManager(include_path=tasks, include_defaults=False))
found = [[one[0][0] for one in sample["resps"]] for sample in out["samples"]["my_pairs"]]
text = open(tasks + "/text.txt").read()
def ask(kind, *arguments):
    return [Instance(request_type=kind, doc={}, arguments=one, idx=index) for index, one in enumerate(arguments)]
rolling = model.loglikelihood_rolling(ask("loglikelihood_rolling", (text,)))
how = {"until": ["."], "max_gen_toks": 6}
written = model.generate_until(ask("generate_until", ("the cat", how), ("the old man loves", how)))
json.dump({"pairs": found, "accuracy": out["results"]["my_pairs"]["acc,none"], "rolling": rolling, "written": written,
    "length": model.max_length}, open(tasks + "/found.json", "w"))
"""
TASK = """
task: my_pairs
dataset_path: json
dataset_kwargs: {{data_files: {data}}}
test_split: train
output_type: multiple_choice
doc_to_text: ""
doc_to_target: 0
doc_to_choice: "{{{{[sentence_good, sentence_bad]}}}}"
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
"""
MINICONS = """
import json, sys
from minicons import scorer
model = scorer.IncrementalLMScorer(sys.argv[1], "cpu", trust_remote_code=True)
texts = json.loads(sys.argv[2])
scores = model.token_score(texts, bos_token=True, bow_correction=False)
sums = model.sequence_score(texts, bos_token=True, bow_correction=False, reduction=lambda x: x.sum(0).item())
json.dump({"scores": scores, "sums": sums}, open(sys.argv[3], "w"))
"""


def run(script: str, *arguments: str, tmp_path: Path) -> None:
    """Run a program of its own, offline."""
    environment = {
        **os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1",
        "HF_MODULES_CACHE": str(tmp_path / "code"), "HF_DATASETS_CACHE": str(tmp_path / "datasets"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def ours(stored: StoredModel, text: str) -> list[float]:
    """log P of each token."""
    ids = [stored.vocabulary.eos_id, *stored.codec.encode(text)]
    column = torch.tensor(ids).unsqueeze(1)
    with torch.no_grad():
        nll_tb, _ = stored.model.score(column[:-1], column[1:], stored.model.initial_state(1))
    return (-nll_tb[:, 0]).tolist()


def harness(stored: StoredModel, pairs: list[tuple[str, str]], tmp_path: Path) -> dict[str, Any]:
    """What lm-evaluation-harness finds."""
    export_model(stored, tmp_path / "model", ExportConfig("hf"), SilentProgress())
    rows = [json.dumps({"sentence_good": good, "sentence_bad": bad}) for good, bad in pairs]
    (tmp_path / "pairs.jsonl").write_text("\n".join(rows) + "\n")
    (tmp_path / "my_pairs.yaml").write_text(TASK.format(data=tmp_path / "pairs.jsonl"))
    (tmp_path / "text.txt").write_text("\n".join(LINES) + "\n")
    run(HARNESS, str(tmp_path / "model"), str(tmp_path), tmp_path=tmp_path)
    return json.loads((tmp_path / "found.json").read_text())


@pytest.mark.slow
def test_the_harness_gives_our_log_probabilities(tmp_path):
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'rnn-lm[interop]'")
    stored = neural("lstm")
    found = harness(stored, PAIRS, tmp_path)
    wanted = [[sum(ours(stored, text)) for text in pair] for pair in PAIRS]
    for pair, sums in zip(found["pairs"], wanted, strict=True):
        assert pair == pytest.approx(sums, abs=1e-4)
    assert found["accuracy"] == sum(good > bad for good, bad in wanted) / 2
    text = "\n".join(LINES) + "\n"
    assert found["rolling"] == pytest.approx([sum(ours(stored, text))], abs=1e-4)
    assert all(text.count(" ") <= 6 for text in found["written"])
    assert found["length"] > 1_000_000


@pytest.mark.slow
def test_the_harness_on_blimp_counts_as_our_suites_do(tmp_path):
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'rnn-lm[interop]'")
    if not BLIMP.is_file():
        pytest.skip(f"BLiMP is not at {BLIMP}")
    with zipfile.ZipFile(BLIMP) as archive:
        name = next(
            name for name in archive.namelist() if name.endswith("regular_plural_subject_verb_agreement_1.jsonl")
        )
        rows = [json.loads(line) for line in archive.read(name).decode().splitlines()[:40]]
    pairs = [(row["sentence_good"], row["sentence_bad"]) for row in rows]
    stored = neural("gru", codec_=codec("words", [text for pair in pairs for text in pair]))
    found = harness(stored, pairs, tmp_path)
    wanted = [[sum(ours(stored, text)) for text in pair] for pair in pairs]
    for pair, sums in zip(found["pairs"], wanted, strict=True):
        assert pair == pytest.approx(sums, abs=1e-4)
    assert found["accuracy"] == pytest.approx(sum(good > bad for good, bad in wanted) / len(wanted))


@pytest.mark.slow
def test_minicons_gives_our_log_probabilities(tmp_path):
    pytest.importorskip("minicons", reason="minicons is not installed: pip install 'rnn-lm[interop]'")
    stored = neural("lstm")
    export_model(stored, tmp_path / "model", ExportConfig("hf"), SilentProgress())
    texts = ["the cat sees fish .", "a dog hears it, or me."]
    run(MINICONS, str(tmp_path / "model"), json.dumps(texts), str(tmp_path / "found.json"), tmp_path=tmp_path)
    found = json.loads((tmp_path / "found.json").read_text())
    for text, scores, total in zip(texts, found["scores"], found["sums"], strict=True):
        assert scores[0] == ["<eos>", 0.0]
        assert [token for token, _ in scores[1:]] == stored.codec.tokens(text)
        assert [score for _, score in scores[1:]] == pytest.approx(ours(stored, text), abs=1e-4)
        assert total == pytest.approx(sum(ours(stored, text)), abs=1e-4)


def test_ours_is_what_evaluate_counts():
    stored = neural("lstm")
    text = stored.vocabulary.encode_text([stored.codec.tokens(line) for line in LINES], 1)
    total = -sum(sum(ours(stored, f"{line}\n")) for line in LINES)
    assert score_sentences(stored.model, text, "sentence").total.nll_sum == pytest.approx(total, abs=1e-3)
