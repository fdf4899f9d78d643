"""ARPA at the command line: taken in, scored, written from; and no file is lost by writing one."""

from __future__ import annotations

import re

import pytest

from models.test_arpa_as_kenlm import ARPA
from refusals import refused
from rnn_lm.cli import main

LINES = [f"{who} sees {what}" for who in ("the cat", "a dog", "my son") for what in ("it", "fish", "me", "a horse")] * 4


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "c.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


@pytest.fixture(scope="module")
def arpa(corpus):
    path = corpus.parent / "m.arpa"
    arguments = ["--corpus", str(corpus), "--tokens", "whitespace", "--order", "3", "--arpa", str(path)]
    assert main(["ngram", *arguments, "--out", str(corpus.parent / "trained")]) == 0
    return path


def printed(capsys, *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def figures(text: str) -> list[str]:
    return re.findall(r"perplexity +([\d.]+|inf)", text)


def test_a_file_or_the_folder_made_of_it_scores_as_the_model_did(capsys, corpus, arpa, tmp_path):
    text = ["--text", str(corpus)]
    trained = printed(capsys, "evaluate", str(corpus.parent / "trained"), *text)
    assert figures(printed(capsys, "evaluate", str(arpa), *text)) == figures(trained)
    taken = printed(capsys, "ngram", "--from-arpa", str(arpa), "--out", str(tmp_path / "taken"))
    assert "order 3 read from" in taken
    assert figures(printed(capsys, "evaluate", str(tmp_path / "taken"), *text)) == figures(trained)
    for model in (arpa, tmp_path / "taken"):
        assert printed(capsys, "generate", str(model), "--length", "5").strip()


def test_a_file_brings_no_text_of_its_own(capsys, arpa):
    assert "m.arpa: an ARPA file brings no text to score: add --text FILE" in refused(capsys, "evaluate", str(arpa))


def test_case_is_that_of_the_file(capsys, tmp_path):
    (tmp_path / "m.arpa").write_text(ARPA.replace("\tb", "\tB").replace(" b", " B").replace("b a", "B a"))
    found = []
    for name, line in (("upper", "a B"), ("lower", "a b")):
        (tmp_path / f"{name}.txt").write_text(f"{line}\n")
        found.append(printed(capsys, "evaluate", str(tmp_path / "m.arpa"), "--text", str(tmp_path / f"{name}.txt")))
    assert "<unk>" not in found[0]
    assert "50.00% <unk>" in found[1]


def test_a_word_of_probability_0_is_said(capsys, tmp_path):
    (tmp_path / "m.arpa").write_text(ARPA.replace("-0.9\t<unk>", "-inf\t<unk>"))
    (tmp_path / "t.txt").write_text("a zebra\n" * 50)
    found = printed(
        capsys, "evaluate", *[str(tmp_path / "m.arpa")] * 2, "--text", str(tmp_path / "t.txt"), "--overwrite"
    )
    assert figures(found)[0] == "inf"
    assert "a token has the probability 0" in found
    assert "not compared with m.arpa: a perplexity is infinite" in found


def test_arpa_is_not_written_over_a_file_nor_into_nowhere(capsys, corpus, tmp_path):
    path = tmp_path / "precious.arpa"
    path.write_text("precious")
    arguments = ["ngram", "--corpus", str(corpus), "--out", str(tmp_path / "ng"), "--arpa"]
    assert f"--arpa {path}: is there already; add --overwrite" in refused(capsys, *arguments, str(path))
    assert path.read_text() == "precious"
    assert "there is no folder" in refused(capsys, *arguments, str(tmp_path / "nowhere" / "m.arpa"))
    assert "is a folder" in refused(capsys, *arguments, str(tmp_path))
    assert not (tmp_path / "ng").exists(), "refused before anything is trained"
    printed(capsys, *arguments, str(path), "--overwrite")
    assert path.read_text().startswith("\\data\\")


def test_tokens_that_arpa_cannot_hold_are_found_before_training(capsys, corpus, tmp_path):
    capsys.readouterr()
    arguments = ["--corpus", str(corpus), "--tokens", "characters", "--arpa", str(tmp_path / "m.arpa")]
    assert main(["ngram", *arguments, "--out", str(tmp_path / "ng")]) == 2
    assert "an ARPA file cannot hold the token ' '" in capsys.readouterr().err
    assert not (tmp_path / "ng").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--order", "2"], "--from-arpa takes a finished model"),
        (["--corpus", "ptb"], "--from-arpa takes a finished model"),
        (["--arpa", "other.arpa"], "--arpa writes a model that was trained"),
    ],
)
def test_taking_in_needs_no_settings(capsys, arguments, message):
    assert message in refused(capsys, "ngram", "--from-arpa", "m.arpa", *arguments)


def test_a_file_that_is_no_model_is_named(capsys, corpus, tmp_path):
    text = ["--text", str(corpus)]
    assert "an ARPA file starts with" in refused(capsys, "evaluate", str(corpus), *text)
    assert "no run here" in refused(capsys, "evaluate", str(tmp_path), *text)


def test_assumed_discounts_are_noted(capsys, tmp_path):
    (tmp_path / "c.txt").write_text("a b c\n" * 5 + "a b\n" * 5)
    found = printed(capsys, "ngram", "--corpus", str(tmp_path / "c.txt"), "--order", "6", "--out", str(tmp_path / "n"))
    assert re.search(
        r"estimate the discounts of 1-, 2-, 3-, 4-, 5-grams from: 0.5, 1, 1.5 are used, as by KenLM", found
    )
    assert "6-" not in found.split("estimate")[1], "no sentence is so long: nothing was assumed"


@pytest.mark.parametrize("order", ["0", "7", "100"])
def test_orders_beyond_sense_are_refused(capsys, order):
    assert "--order must be 1 to 6" in refused(capsys, "ngram", "--order", order)


def test_a_corpus_of_single_sentences(capsys, tmp_path):
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text("a b a\n")
    for order in ("1", "6"):
        out = ["--out", str(tmp_path / order), "--min-count", "1"]
        assert len(figures(printed(capsys, "ngram", "--corpus", str(tmp_path), "--order", order, *out))) == 2


def test_greedy_text_that_repeats_itself_says_so(capsys, arpa):
    capsys.readouterr()
    assert main(["generate", str(arpa), "--temperature", "0", "--length", "60"]) == 0
    found = capsys.readouterr()
    assert "the text repeats its last" in found.err
    assert "note" not in found.out
    assert main(["generate", str(arpa), "--length", "60"]) == 0
    assert "repeats" not in capsys.readouterr().err
