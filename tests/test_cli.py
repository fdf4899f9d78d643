"""The command line as a person meets it: every first mistake gets one line and exit code 2, and nothing is lost."""

from __future__ import annotations

import gzip
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpora.file_server import FileServer, running_server
from refusals import refused
from rnn_lm.cli import main
from rnn_lm.flags import one_line

SMALL = [
    "--tokens", "whitespace", "--embedding", "random", "--embedding-size", "8", "--hidden-size", "8",
    "--budget", "12steps", "--batch-size", "4", "--bptt-length", "6", "--validations", "2", "--softmax-samples", "20",
]  # fmt: skip


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory) -> Path:
    """A folder corpus of a few hundred simple sentences."""
    folder = tmp_path_factory.mktemp("corpus")
    subjects, verbs = ["the cat", "a dog", "the old man", "my son"], ["sees", "likes", "has"]
    lines = [
        f"{subject} {verb} {thing} {rest}".strip()
        for rest in ["", "today", "at home", "with a friend of the king"]
        for subject in subjects
        for verb in verbs
        for thing in ["it", "fish", "me"]
    ]
    for name, part in [("train", lines * 3), ("valid", lines[::5]), ("test", lines[::3])]:
        (folder / f"{name}.txt").write_text("\n".join(part) + "\n")
    return folder


@pytest.fixture(scope="session")
def trained(corpus_folder, tmp_path_factory) -> Path:
    """A small LSTM trained through the command line."""
    folder = tmp_path_factory.mktemp("runs") / "lstm"
    assert main(["train", "--corpus", str(corpus_folder), "--out", str(folder), *SMALL]) == 0
    return folder


@pytest.fixture(scope="session")
def compared(corpus_folder, tmp_path_factory) -> Path:
    """A whole comparison on the small corpus."""
    folder = tmp_path_factory.mktemp("runs") / "compare"
    assert main(["compare", "--corpus", str(corpus_folder), "--out", str(folder), "--seeds", "2", *COMPARE]) == 0
    return folder


COMPARE = [*SMALL, "--models", "ngram", "rnn", "lstm", "--length", "8", "--parts"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["comprae"], "did you mean 'compare'"),
        (["train", "--budget", "banana"], "--budget 'banana' is not a length of training"),
        (["train", "--hiden-size", "3"], "did you mean --hidden-size"),
        (["train", "--layers", "two"], "--layers"),
        (["train", "--layers", "0"], "--layers must be at least 1"),
        (["train", "--tokens", "word"], "--tokens"),
        (["train", "--corpus", "web-bibel"], "did you mean 'web-bible'"),
        (["train", "--corpus", "nowhere/corpus.txt"], "nowhere/corpus.txt"),
        (["train", "--corpus", "ptb", "--data-dir", "nowhere"], "--data-dir nowhere: there is no such folder"),
        (["train", "--corpus", "ptb", "--data-dir", "."], "ptb.{train,valid,test}.txt"),
        (["train", "--data-dir", "."], "--data-dir is for the corpora that are downloaded"),
        (["train", "--corpus", "hf:a/b/c/d"], "write hf:OWNER/NAME"),
        (["compare", "--models", "lsmt"], "did you mean 'lstm'"),
        (["compare", "--models", "lstm", "lstm"], "--models"),
        (["compare", "--engine", "fused", "--models", "lstm", "mogrifier"], "--engine fused has no code for"),
        (["compare", "--seeds", "0"], "--seeds"),
        (["compare", "--suites", "agrement"], "did you mean 'agreement'"),
        (["compare", "--suites", "recall", "recall"], "--suites needs one name or more, each once"),
        (["evaluate"], "model folder"),
        (["evaluate", "nowhere"], "nowhere"),
        (["generate", "nowhere"], "nowhere"),
        (["report", "nowhere/results.json"], "nowhere/results.json"),
        (["ngram", "--order", "9"], "--order must be 1 to 6"),
        (["ngram", "--arpa", "x.arpa", "--boundary", "stream"], "--boundary sentence"),
    ],
)
def test_first_mistakes_are_answered_with_the_mend(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def corpus_of(folder: Path, **contents: bytes) -> Path:
    folder.mkdir()
    for name, content in contents.items():
        (folder / f"{name}.txt").write_bytes(content)
    return folder


GOOD = b"a b c\nb c d\n"


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"train": GOOD, "test": GOOD}, "valid"),
        ({"train": b"", "valid": GOOD, "test": GOOD}, "train.txt"),
        ({"train": GOOD, "valid": b" \n\n", "test": GOOD}, "valid.txt"),
        ({"train": b"a\x00b\n" * 20, "valid": GOOD, "test": GOOD}, "train.txt"),
        ({"train": b"caf\xe9 au lait\n" * 20, "valid": GOOD, "test": GOOD}, "UTF-8"),
    ],
)
def test_a_corpus_that_cannot_be_used_names_its_file(capsys, tmp_path, contents, message):
    folder = corpus_of(tmp_path / "corpus", **contents)
    out = tmp_path / "out"
    line = refused(capsys, "train", "--corpus", str(folder), "--out", str(out), *SMALL)
    assert message in line
    assert str(folder) in line
    assert not out.exists()


def test_a_file_of_one_word_is_too_little(capsys, tmp_path):
    path = tmp_path / "one.txt"
    path.write_text("word\n")
    assert str(path) in refused(capsys, "train", "--corpus", str(path), "--out", str(tmp_path / "out"), *SMALL)


def test_compressed_and_damaged_corpora(capsys, tmp_path):
    path = tmp_path / "text.txt.gz"
    path.write_bytes(gzip.compress(b"the cat sees me\n" * 200)[:40])
    assert str(path) in refused(capsys, "ngram", "--corpus", str(path), "--out", str(tmp_path / "out"))


SHAKESPEARE = "/tiny-shakespeare/input.txt"
SIZE = 1_115_394


@pytest.fixture
def mirror(monkeypatch, tmp_path) -> Iterator[FileServer]:
    """A server for --corpus NAME, and an empty cache, both named by the environment."""
    monkeypatch.setenv("NO_PROXY", "*")
    with running_server() as server:
        monkeypatch.setenv("RNN_LM_MIRROR", server.url)
        monkeypatch.setenv("RNN_LM_CACHE", str(tmp_path / "cache"))
        yield server


def download_refused(capsys, tmp_path) -> str:
    """The line that answers a download in vain; it writes no run, and no file that could be taken for the corpus."""
    line = refused(capsys, "train", "--corpus", "tiny-shakespeare", "--out", str(tmp_path / "out"), *SMALL)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "cache" / SHAKESPEARE[1:]).exists()
    return line


def test_a_corpus_that_cannot_be_downloaded_names_url_and_mend(capsys, tmp_path, mirror):
    url = mirror.url + SHAKESPEARE
    assert f"{url}: the server answers 404" in download_refused(capsys, tmp_path)
    mirror.files[SHAKESPEARE] = b"x" * SIZE
    assert f"{url}: not the file" in download_refused(capsys, tmp_path)
    mirror.cut_after = SIZE // 2
    assert f"of {SIZE:,} bytes; repeat the command" in download_refused(capsys, tmp_path)
    mirror.cut_after = None
    assert f"{url}: not the file" in download_refused(capsys, tmp_path)
    assert mirror.requests[-1].startswith("bytes=")


def test_a_corpus_without_network_names_url_and_mend(capsys, tmp_path, mirror, monkeypatch):
    monkeypatch.setenv("RNN_LM_MIRROR", "http://127.0.0.1:9")  # the discard port, where nobody listens
    assert "127.0.0.1:9/tiny-shakespeare/input.txt: cannot be reached" in download_refused(capsys, tmp_path)
    assert mirror.requests == []


def test_a_cache_that_cannot_be_written_names_the_variable(capsys, tmp_path, mirror):
    mirror.files[SHAKESPEARE] = b"x" * SIZE
    (tmp_path / "cache").write_text("no folder")
    assert "set RNN_LM_CACHE to another folder" in refused(capsys, "ngram", "--corpus", "tiny-shakespeare")


@pytest.mark.slow
def test_a_named_corpus_is_read_in_its_usual_way(capsys, ptb_folder, tmp_path):
    out = tmp_path / "ngram"
    arguments = ["--corpus", "ptb", "--data-dir", str(ptb_folder), "--order", "2", "--out", str(out)]
    assert main(["ngram", *arguments]) == 0
    assert "10,000 words between white space from train alone" in capsys.readouterr().out
    corpus = json.loads((out / "run.json").read_text())["config"]["corpus"]
    assert (corpus["tokens"], corpus["lowercase"], corpus["data_dir"]) == ("whitespace", False, str(ptb_folder))
    assert main(["evaluate", str(out)]) == 0
    assert "82,430 tokens" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [("cat 0.1 0.2 0.3\ndog 0.1 0.2\n", "line 2"), ("", "vectors.txt"), ("zzz 0.1 0.2 0.3\n", "vectors.txt")],
)
def test_an_embedding_file_that_does_not_fit_names_its_line(capsys, corpus_folder, tmp_path, content, message):
    path = tmp_path / "vectors.txt"
    path.write_text(content)
    arguments = ["--corpus", str(corpus_folder), *SMALL, "--out", str(tmp_path / "out")]
    arguments += ["--embedding", str(path), "--embedding-size", "3"]
    line = refused(capsys, "train", *arguments)
    assert message in line
    assert str(path) in line


def test_training_again_into_the_same_folder_asks_for_resume(capsys, corpus_folder, trained):
    before = (trained / "best.safetensors").read_bytes()
    line = refused(capsys, "train", "--corpus", str(corpus_folder), "--out", str(trained), *SMALL)
    assert "--resume" in line
    assert (trained / "best.safetensors").read_bytes() == before


def test_resuming_a_finished_run_changes_nothing(corpus_folder, trained):
    before = (trained / "best.safetensors").read_bytes()
    assert main(["train", "--corpus", str(corpus_folder), "--out", str(trained), "--resume", *SMALL]) == 0
    assert (trained / "best.safetensors").read_bytes() == before


def test_resuming_with_other_settings_names_the_first(capsys, corpus_folder, trained):
    arguments = ["--corpus", str(corpus_folder), "--out", str(trained), "--resume", *SMALL, "--learning-rate", "0.5"]
    assert "learning-rate" in refused(capsys, "train", *arguments)


def test_a_flipped_byte_in_a_model_is_noticed(capsys, trained, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in trained.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    damaged = bytearray((copy / "best.safetensors").read_bytes())
    damaged[-7] ^= 1
    (copy / "best.safetensors").write_bytes(damaged)
    assert "best.safetensors" in refused(capsys, "generate", str(copy))
    (copy / "best.safetensors").unlink()
    assert "resume it" in refused(capsys, "generate", str(copy))
    manifest = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**manifest, "version": 99}))
    assert "version 99" in refused(capsys, "evaluate", str(copy))


def test_a_prompt_of_unknown_words_is_refused_and_one_unknown_word_noted(capsys, trained):
    assert "zyx" in refused(capsys, "generate", str(trained), "--prompt", "zyx qqq")
    assert main(["generate", str(trained), "--prompt", "the zyx", "--length", "3"]) == 0
    assert "zyx" in capsys.readouterr().err


def test_generating_prints_the_prompt_and_repeats_itself(capsys, trained):
    texts = []
    for _ in range(2):
        assert main(["generate", str(trained), "--prompt", "the cat", "--length", "12", "--top-k", "5"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert texts[0].startswith("the cat")


def test_evaluating_prints_both_policies_and_writes_surprisal(capsys, trained, tmp_path):
    table = tmp_path / "surprisal.tsv"
    assert main(["evaluate", str(trained), "--surprisal", str(table)]) == 0
    printed = capsys.readouterr().out
    assert "policy stream" in printed
    assert "policy sentence" in printed
    assert len(table.read_text().splitlines()) > 20


def test_models_of_different_texts_are_not_compared(capsys, trained, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("quite other words stand here , and not the same ones .\n" * 40)
    assert main(["ngram", "--corpus", str(other), "--out", str(tmp_path / "ngram"), "--order", "2"]) == 0
    assert "different texts" in refused(capsys, "evaluate", str(trained), str(tmp_path / "ngram"))


def test_comparing_writes_a_report_and_results_that_agree(compared):
    results = json.loads((compared / "results.json").read_text())
    names = [model["name"] for model in results["models"]]
    assert names == ["ngram", "rnn", "lstm"]
    for model in results["models"]:
        for policy in ("stream", "sentence"):
            score = model["perplexity"][policy]["test"]
            assert 1 <= score["low"] <= score["perplexity"] <= score["high"] < 1000
        test = model["perplexity"]["stream"]["test"]
        assert sum(row["token_count"] for row in model["breakdown"]) == test["token_count"]
    lstm = results["models"][2]
    assert lstm["seeds"] == [1, 2]
    assert len(set(lstm["perplexity"]["stream"]["test"]["per_seed"])) == 2
    assert abs(lstm["parameters"] - results["models"][1]["parameters"]) < 0.05 * lstm["parameters"]
    assert {claim["policy"] for claim in results["claims"]} == {"stream", "sentence"}
    assert results["made"]["torch"]
    corpus = results["config"]["corpus"]
    assert (corpus["tokens"], corpus["lowercase"]) == ("whitespace", True)  # given, and decided by default
    page = (compared / "report.html").read_text()
    assert f"{lstm['perplexity']['stream']['test']['perplexity']:.2f}" in page


def next_lines(said: str) -> list[str]:
    """The three commands that a comparison ends with."""
    _, _, after = said.partition("What next:\n")
    return [line.partition(":  ")[2].strip() for line in after.splitlines()]


def test_comparing_again_gives_the_same_numbers_and_ends_with_three_things_to_do_next(
    compared, corpus_folder, capsys, monkeypatch
):
    before = json.loads((compared / "results.json").read_text())
    again = ["--corpus", str(corpus_folder), "--out", str(compared), "--seeds", "2", "--resume"]
    assert main(["compare", *again, *COMPARE]) == 0
    after = json.loads((compared / "results.json").read_text())
    assert after["claims"] == before["claims"]
    assert [model["perplexity"] for model in after["models"]] == [model["perplexity"] for model in before["models"]]
    page, write, read = next_lines(capsys.readouterr().out)
    assert page.endswith(f"-m webbrowser {(compared / 'report.html').as_uri()}")
    program = [*shlex.split(page)[:2], "rnn_lm"]  # the tests are not called as rnn-lm
    words = shlex.split(write)
    assert words[:3] == program
    assert main(words[3:]) == 0
    assert capsys.readouterr().out.startswith(words[-1])  # the prompt, from the corpus
    said, words = (shlex.split(part) for part in read.split("|"))
    assert (said[0], words[:3]) == ("echo", program)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(said[1].encode()), encoding="utf-8"))
    assert main(words[3:]) == 0
    assert "wrote" in capsys.readouterr().out


@pytest.mark.slow
def test_the_three_lines_work_in_a_shell_as_they_stand(compared, corpus_folder, tmp_path):
    again = ["--corpus", str(corpus_folder), "--out", str(compared), "--seeds", "2", "--resume"]
    command = [sys.executable, "-m", "rnn_lm", "compare", *again, *COMPARE]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    for line in next_lines(said):
        shown = {**os.environ, "BROWSER": f"{sys.executable} -c 'print()' %s"}
        subprocess.run(line, shell=True, check=True, capture_output=True, cwd=tmp_path, env=shown)


def test_a_report_is_made_again_from_the_numbers_alone(capsys, compared, tmp_path):
    copy = tmp_path / "results.json"
    copy.write_bytes((compared / "results.json").read_bytes())
    assert main(["report", str(copy)]) == 0
    assert (tmp_path / "report.html").read_bytes() == (compared / "report.html").read_bytes()
    capsys.readouterr()
    assert main(["report", str(copy), "--format", "markdown"]) == 0
    assert "| LSTM" in capsys.readouterr().out


def test_help_answers_without_loading_torch():
    code = "import sys; from rnn_lm.cli import main; main(['--help']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "compare" in done.stdout


@pytest.mark.parametrize(
    "box",
    [
        "╭─ Wrong ─╮\n│ Unrecognized options: --x │\n│ ──── │\n│ Perhaps you meant: │\n│     --xy INT │\n╰──╯",
        " Wrong   \n-----\n  Unrecognized options: --x \n  -----\n  Perhaps you meant:\n      --xy INT\n",
    ],
)
def test_an_error_box_becomes_one_line(box):
    assert one_line(box) == "Unrecognized options: --x: did you mean --xy?"


def test_models_of_different_tokenizations_are_compared_by_the_word(capsys, trained, corpus_folder, tmp_path):
    out, pieces = str(tmp_path / "pieces"), ("--tokens", "bpe", "--subwords", "300")
    assert main(["ngram", "--corpus", str(corpus_folder), "--out", out, "--order", "2", *pieces]) == 0
    assert main(["ngram", "--corpus", str(corpus_folder), "--out", out, "--order", "2", *pieces, "--resume"]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(trained), out]) == 0
    assert "perplexity per word x" in capsys.readouterr().out
    assert main(["generate", out, "--length", "10"]) == 0
    assert "Ġ" not in capsys.readouterr().out
