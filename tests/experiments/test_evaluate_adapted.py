"""``rnn-lm evaluate --adapt``: labelled beside the static figures, tuned on valid alone, the disk left as it was."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from refusals import refused
from rnn_lm.adaptation.figures import AdaptationJson
from rnn_lm.cli import main
from rnn_lm.schema import first_problem

TRAINING = [
    "--tokens", "whitespace", "--embedding", "random", "--embedding-size", "8", "--hidden-size", "8",
    "--budget", "12steps", "--batch-size", "4", "--bptt-length", "6", "--validations", "2", "--softmax-samples", "20",
]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Sentences of which each stands twice in a row, so that there is something to adapt to."""
    folder = tmp_path_factory.mktemp("corpus")
    lines = [f"{who} saw {what} {where}" for where in ("here", "there") for who in "abcd" for what in "efghijk"]
    for name, part in [("train", lines * 2), ("valid", lines[::2]), ("test", lines[::3] * 3)]:
        (folder / f"{name}.txt").write_text("".join(f"{line}\n{line}\n" for line in part))
    return folder


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "lstm"
    assert main(["train", "--corpus", str(corpus), "--out", str(folder), *TRAINING]) == 0
    return folder


def evaluated(capsys, *arguments: str) -> str:
    """What the command prints; without speeds, which differ from run to run."""
    capsys.readouterr()
    assert main(["evaluate", *arguments]) == 0
    return re.sub(r"[\d,]+ tokens/s", "", capsys.readouterr().out)


def perplexities(printed: str) -> dict[str, str]:
    """Figures by what stands before them."""
    return dict(re.findall(r"^  (.*): perplexity +([\d.]+)", printed, re.MULTILINE))


@pytest.mark.parametrize("update", ["sgd", "rms"])
def test_every_way_to_adapt_is_labelled_beside_the_static_figure(capsys, trained, tmp_path, update):
    before = {path.name: path.read_bytes() for path in trained.iterdir() if path.is_file()}
    results = tmp_path / "adapted.json"
    static = evaluated(capsys, str(trained))
    arguments = ["--adapt", "both", "--dynamic-update", update, "--adapt-results", str(results)]
    printed = evaluated(capsys, str(trained), *arguments)
    assert printed.startswith(static), "the static figures are those of an evaluation without adaptation"
    found = perplexities(printed)
    labels = ["static", "with cache", "with dynamic evaluation", "with dynamic evaluation and cache"]
    assert [name.removeprefix("lstm").strip(", ") for name in found] == labels
    assert len(set(found.values())) == 4
    assert float(found["lstm with dynamic evaluation and cache"]) < float(found["lstm, static"])
    assert {path.name: path.read_bytes() for path in trained.iterdir() if path.is_file()} == before
    kept = json.loads(results.read_text())
    assert first_problem(kept, AdaptationJson) is None
    assert kept["policy"] == "stream"
    assert kept["settings_chosen_on"] is None
    model = kept["models"][0]
    assert f"{model['static']['perplexity']:.2f}" == found["lstm, static"]
    assert [one["label"] for one in model["adapted"]] == labels[1:]
    assert all(0 < one["ratio_low"] <= one["ratio"] <= one["ratio_high"] for one in model["adapted"])
    assert model["adapted"][1]["settings"]["dynamic_update"] == update
    assert "cache_window" in model["adapted"][2]["settings"]


def test_a_temperature_is_labelled_alone_and_with_every_way_to_adapt(capsys, trained, tmp_path):
    results = tmp_path / "warm.json"
    arguments = ["--temperature", "auto", "--adapt", "both", "--adapt-results", str(results)]
    static, printed = evaluated(capsys, str(trained)), evaluated(capsys, str(trained), *arguments)
    assert printed.startswith(static), "the headline is the model as it was trained"
    labels = [
        "with temperature", "with temperature and cache", "with temperature and dynamic evaluation",
        "with temperature, dynamic evaluation and cache",
    ]  # fmt: skip
    found = perplexities(printed)
    assert [name.removeprefix("lstm").strip(", ") for name in found] == ["static", *labels]
    kept = json.loads(results.read_text())
    assert first_problem(kept, AdaptationJson) is None
    assert (kept["policy"], kept["settings_chosen_on"], kept["temperature_chosen_on"]) == ("stream", None, "valid")
    (degree,) = {one["settings"]["temperature"] for one in kept["models"][0]["adapted"]}
    assert f"settings (temperature chosen on valid): --temperature {degree} --cache-window" in printed
    given = evaluated(capsys, str(trained), "--temperature", str(degree))
    assert "context policy stream, with a temperature (not comparable with static figures)" in given
    assert perplexities(given) == {name: found[name] for name in ("lstm, static", "lstm with temperature")}
    assert f"settings: --temperature {degree}" in given


def test_monte_carlo_dropout_is_labelled_and_repeats_by_its_flags(capsys, corpus, trained, tmp_path):
    dropping = tmp_path / "dropping"
    assert main(["train", "--corpus", str(corpus), "--out", str(dropping), *TRAINING, "--dropout-output", "0.4"]) == 0
    arguments = ["--mc-dropout", "3", "--temperature", "auto", "--tune-tokens", "50"]
    results = tmp_path / "sampled.json"
    printed = evaluated(capsys, str(dropping), *arguments, "--adapt-results", str(results))
    assert "context policy stream, with a temperature and with Monte-Carlo dropout" in printed
    found = perplexities(printed)
    labels = ["with temperature", "with temperature and Monte-Carlo dropout"]
    assert [name.removeprefix("dropping").strip(", ") for name in found] == ["static", *labels]
    kept = json.loads(results.read_text())
    assert first_problem(kept, AdaptationJson) is None
    settings = kept["models"][0]["adapted"][1]["settings"]
    assert (settings["mc_dropout"], settings["mc_seed"], kept["temperature_chosen_on"]) == (3, 1, "valid")
    *_, flags = re.findall(r"chosen on valid: (.*)", printed)
    label = "dropping with temperature and Monte-Carlo dropout"
    assert perplexities(evaluated(capsys, str(dropping), *flags.split()))[label] == found[label]
    alone = perplexities(evaluated(capsys, str(dropping), "--mc-dropout", "3"))
    assert list(alone) == ["dropping, static", "dropping with Monte-Carlo dropout"]
    assert "lstm was trained without dropout" in refused(capsys, "evaluate", str(trained), "--mc-dropout", "3")


def test_a_temperature_is_chosen_without_a_look_at_the_text_that_is_scored(capsys, trained, tmp_path):
    chosen = []
    for words in ("a saw e here", "d saw k there\nb"):
        (tmp_path / "text.txt").write_text(f"{words}\n" * 60)
        printed = evaluated(capsys, str(trained), "--text", str(tmp_path / "text.txt"), "--temperature", "auto")
        chosen.append(re.findall(r"    chosen on valid: (--temperature .*)", printed))
    assert chosen[0] == chosen[1] != []


@pytest.mark.parametrize(("adapt", "labels"), [("cache", ["with cache"]), ("dynamic", ["with dynamic evaluation"])])
def test_one_way_to_adapt_is_done_alone(capsys, trained, adapt, labels):
    found = perplexities(evaluated(capsys, str(trained), "--adapt", adapt))
    assert [name.removeprefix("lstm").strip(", ") for name in found] == ["static", *labels]


@pytest.mark.slow
def test_chosen_settings_given_as_flags_give_the_same_figures(capsys, trained, tmp_path):
    results = tmp_path / "adapted.json"
    tuned = evaluated(
        capsys, str(trained), "--adapt", "both", "--tune", "--tune-tokens", "100", "--adapt-results", str(results)
    )
    assert json.loads(results.read_text())["settings_chosen_on"] == "the first 100 tokens of valid"
    *_, flags = re.findall(r"chosen on valid: (.*)", tuned)
    given = evaluated(capsys, str(trained), "--adapt", "both", *flags.split())
    for label in ("lstm with dynamic evaluation", "lstm with dynamic evaluation and cache"):
        assert perplexities(given)[label] == perplexities(tuned)[label]


def test_settings_are_chosen_without_a_look_at_the_text_that_is_scored(capsys, trained, tmp_path):
    chosen = []
    for words in ("a saw e here", "d saw k there\nb"):
        text = tmp_path / "text.txt"
        text.write_text(f"{words}\n" * 60)
        printed = evaluated(capsys, str(trained), "--text", str(text), "--adapt", "both", "--tune")
        chosen.append(re.findall(r"chosen on valid: (.*)", printed))
    assert chosen[0] == chosen[1]


def test_a_rate_at_which_the_model_runs_away_is_named(capsys, trained):
    arguments = ["--adapt", "dynamic", "--dynamic-update", "sgd", "--dynamic-rate", "1e9"]
    assert "--dynamic-rate 1e+09: lower it" in refused(capsys, "evaluate", str(trained), *arguments)


def test_what_cannot_adapt_is_refused_in_a_line(capsys, corpus, trained, tmp_path):
    ngram = tmp_path / "ngram"
    arguments = ["--corpus", str(corpus), "--tokens", "whitespace", "--order", "2", "--out", str(ngram)]
    assert main(["ngram", *arguments]) == 0
    assert "ngram is no neural model" in refused(capsys, "evaluate", str(trained), str(ngram), "--adapt", "cache")
    nowhere = ["--adapt", "cache", "--adapt-results", "nowhere/adapted.json"]
    assert "there is no folder" in refused(capsys, "evaluate", str(trained), *nowhere)
    assert "ngram is no neural model, and --temperature works" in refused(
        capsys, "evaluate", str(ngram), "--temperature", "2"
    )
    surprisal = ["--surprisal", str(tmp_path / "surprisal.tsv")]
    both = ["--adapt", "cache", "--temperature", "2", *surprisal]
    assert "leave --adapt and --temperature out" in refused(capsys, "evaluate", str(trained), *both)
    assert "leave --adapt out" in refused(capsys, "evaluate", str(trained), "--adapt", "cache", *surprisal)
    assert "give --adapt cache, dynamic or both" in refused(capsys, "evaluate", str(trained), "--tune")


def test_a_window_longer_than_the_text_is_the_whole_text(capsys, corpus, trained):
    lines = len((corpus / "test.txt").read_text().split()) + len((corpus / "test.txt").read_text().splitlines())
    whole, beyond, far_beyond = (
        perplexities(evaluated(capsys, str(trained), "--adapt", "cache", "--cache-window", window))
        for window in (str(lines), "1000000000000", str(2**63 - 1))
    )
    assert whole == beyond == far_beyond


def test_a_few_sentences_are_adapted_to_without_an_interval(capsys, trained, tmp_path):
    (tmp_path / "t.txt").write_text("a saw e here\n")
    arguments = ["--text", str(tmp_path / "t.txt"), "--adapt", "both", "--tune", "--tune-tokens", "1000000000000"]
    results = tmp_path / "r.json"
    printed = evaluated(capsys, str(trained), *arguments, "--adapt-results", str(results))
    assert "no interval" in printed
    assert json.loads(results.read_text())["models"][0]["static"]["low"] is None
    assert "add --overwrite" in refused(capsys, "evaluate", str(trained), *arguments, "--adapt-results", str(results))


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--cache-theta", "nan"), ("--cache-theta", "inf"), ("--cache-theta", "1e300"), ("--cache-weight", "nan"),
        ("--cache-weight", "1"), ("--dynamic-rate", "inf"), ("--dynamic-rate", "nan"), ("--dynamic-decay", "nan"),
        ("--dynamic-length", "1000000000000"), ("--dynamic-length", "0"), ("--tune-tokens", "0"),
        ("--mc-dropout", "-1"), ("--mc-seed", "-1"),
    ],
)  # fmt: skip
def test_settings_beyond_sense_are_refused(capsys, trained, flag, value):
    assert flag in refused(capsys, "evaluate", str(trained), "--adapt", "both", "--tune", flag, value)
