"""What KenLM reads is read, and each word of each query gets KenLM's score; what KenLM refuses is refused, or right."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
from pathlib import Path

import pytest

from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import score_sentences, score_text
from rnn_lm.models.arpa import check_tokens, open_arpa

ARPA = """\\data\\
ngram 1=5
ngram 2=5
ngram 3=1

\\1-grams:
-99\t<s>\t-0.3
-0.5\t</s>
-0.4\ta\t-0.2
-0.7\tb\t-0.25
-0.9\t<unk>

\\2-grams:
-0.25\t<s> a\t-0.11
-0.1\ta </s>
-0.7\ta a
-0.35\ta b\t-0.05
-0.6\tb a

\\3-grams:
-0.15\t<s> a b

\\end\\
"""
QUERIES = ("a", "a a", "b a", "a b a", "a <unk> b", "zebra", "a b zebra a", "b b b")

READ = {
    "as it is": ARPA,
    "CRLF": ARPA.replace("\n", "\r\n"),
    "without <unk>": ARPA.replace("-0.9\t<unk>\n", "").replace("1=5", "1=4"),
    "<UNK>": ARPA.replace("<unk>", "<UNK>"),
    "<unk> and <UNK>": ARPA.replace("-0.9\t<unk>\n", "-0.9\t<unk>\n-0.8\t<UNK>\n").replace("1=5", "1=6"),
    "<unk> of probability 0": ARPA.replace("-0.9\t<unk>", "-inf\t<unk>"),
    "<unk> of -99": ARPA.replace("-0.9\t<unk>", "-99\t<unk>"),
    "a word of probability 0": ARPA.replace("-0.4\ta", "-inf\ta"),
    "beyond single precision": ARPA.replace("-0.9\t<unk>", "-1e308\t<unk>"),
    "back-off 0 of the highest order": ARPA.replace("<s> a b", "<s> a b\t0"),
    "back-off -0.0 of the highest order": ARPA.replace("<s> a b", "<s> a b\t-0.0"),
    "back-off of -99": ARPA.replace("a\t-0.2", "a\t-99"),
    "<s> of probability 1": ARPA.replace("-99\t<s>", "0\t<s>"),
    "blank lines": ARPA.replace("\n\n", "\n\n\n").replace("-0.7\ta a", "\n-0.7\ta a"),
    "<s> predicted": ARPA.replace("-0.7\ta a", "-0.7\ta a\n-0.3\ta <s>").replace("2=5", "2=6"),
    "across sentences": ARPA.replace("-0.7\ta a", "-0.7\ta a\n-0.3\t</s> <s>").replace("2=5", "2=6"),
    "exponents": ARPA.replace("-0.5\t</s>", "-5e-1\t</s>"),
    "trailing blank lines": ARPA + "\n\n",
    "a suffix that was pruned": ARPA.replace("-0.35\ta b\t-0.05\n", "-0.35\ta b\n").replace("<s> a b", "<s> a a"),
}
OTHERS = {
    "no blank lines": ARPA.replace("\n\n", "\n"),
    "spaces": ARPA.replace("\t", " "),
    "a byte order mark": "\ufeff" + ARPA,
    "a remark and a licence first": f"## Copyright (c) 1996\n\nBEGIN data mark\n{ARPA}",
    "a tab at the end": ARPA.replace("-0.5\t</s>", "-0.5\t</s>\t"),
}
"""What KenLM refuses for its form alone, and other programs write."""


def ours(path: Path) -> list[list[float]]:
    """log10 P of each word and the end of each query."""
    model, vocabulary, _ = open_arpa(path)
    texts = [vocabulary.encode_text([query.split()], 0) for query in QUERIES]
    return [[-nll / math.log(10) for nll in score_text(model, text, "sentence").nll_n.tolist()] for text in texts]


def kenlms(path: Path) -> list[list[float]]:
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed: pip install kenlm")
    config = kenlm.Config()
    config.show_progress = False
    model = kenlm.LanguageModel(str(path), config)
    return [[probability for probability, _, _ in model.full_scores(query)] for query in QUERIES]


def written(folder: Path, content: str) -> Path:
    path = folder / "model.arpa"
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize("name", READ)
def test_every_word_gets_kenlms_score(tmp_path, name):
    path = written(tmp_path, READ[name])
    for mine, theirs in zip(ours(path), kenlms(path), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("name", OTHERS)
def test_forms_of_other_programs_change_nothing(tmp_path, name):
    assert ours(written(tmp_path, OTHERS[name])) == ours(written(tmp_path, ARPA))


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_packed_files_are_known_by_their_first_bytes(tmp_path, suffix, pack):
    for name in (f"model.{suffix}", "model.arpa"):
        (tmp_path / name).write_bytes(pack(ARPA.encode()))
        assert ours(tmp_path / name) == ours(written(tmp_path, ARPA))


def test_perplexity_without_unknown_words_is_kenlms(tmp_path):
    """KenLM's query: "Perplexity excluding OOVs" sums the log-probabilities of all but unknown words, and divides by
    the count of those, sentence ends among them."""
    path = written(tmp_path, ARPA)
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed: pip install kenlm")
    config = kenlm.Config()
    config.show_progress = False
    model = kenlm.LanguageModel(str(path), config)
    words = [score for query in QUERIES for score in model.full_scores(query)]
    known = [probability for probability, _, unknown in words if not unknown]
    assert 0 < len(known) < len(words)
    read, vocabulary, _ = open_arpa(path)
    text = vocabulary.encode_text([query.split() for query in QUERIES], 0)
    for scores in (score_text(read, text, "sentence"), score_sentences(read, text, "sentence")):
        assert scores.total.unk_count == len(words) - len(known)
        including, excluding = scores.total.perplexity, scores.total.perplexity_without_unk
        assert including == pytest.approx(10 ** -(sum(probability for probability, _, _ in words) / len(words)), 1e-4)
        assert excluding == pytest.approx(10 ** -(sum(known) / len(known)), 1e-4)


def test_without_unknown_words_the_two_perplexities_are_one(tmp_path):
    read, vocabulary, _ = open_arpa(written(tmp_path, ARPA))
    total = score_text(read, vocabulary.encode_text([["a", "b"]], 0), "sentence").total
    assert (total.unk_count, total.perplexity_without_unk) == (0, total.perplexity)


def test_an_unknown_word_of_probability_0_leaves_the_other_perplexity_finite(tmp_path):
    read, vocabulary, _ = open_arpa(written(tmp_path, READ["<unk> of probability 0"]))
    total = score_sentences(read, vocabulary.encode_text([["zebra"]], 0), "sentence").total
    assert total.perplexity == math.inf
    assert total.perplexity_without_unk == pytest.approx(10**0.5)


def test_what_a_person_should_know_of_a_file_is_noted(tmp_path):
    assert "has no <unk>" in open_arpa(written(tmp_path, READ["without <unk>"]))[2][0]
    assert "1 2-grams across the end of a sentence" in open_arpa(written(tmp_path, READ["across sentences"]))[2][0]
    assert open_arpa(written(tmp_path, ARPA))[2] == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ARPA.replace("-99\t<s>\t-0.3\n", "").replace("1=5", "1=4"), "mark of a sentence's end '<s>' is not among"),
        (ARPA.replace("-0.5\t</s>\n", "").replace("1=5", "1=4"), "mark of a sentence's end '</s>' is not among"),
        (ARPA.replace("\\end\\\n", ""), "expected .end."),
        (ARPA.replace("ngram 1=5\nngram 2=5", "ngram 2=5\nngram 1=5"), 'line 2: expected "ngram 1=COUNT"'),
        (ARPA.replace("-0.4\ta", "0.4\ta"), "line 9: the log-probability is not a number up to 0"),
        (ARPA.replace("a\t-0.2", "a\t-inf"), "line 9: the back-off weight is not a finite number"),
        (ARPA.replace("<s> a b", "<s> a b\t-0.1"), "line 21: an n-gram of the highest order has no back-off weight"),
        (ARPA.replace("-0.7\tb", "-0.7\t<eos>"), "line 10: the token <eos> stands for the end of a sentence here"),
        (ARPA.replace("\tb", "\t\udcff"), "line 10: .* is not UTF-8"),
        ("mmap lm http://kheafield.com/code format version 5\n\0", "a binary of KenLM; give the ARPA file"),
        ("a b c\n" * 20, "line 1: an ARPA file starts with"),
        ("", "line 1: an ARPA file starts with"),
        ("\\data\\\nngram 1=2\n\n\\1-grams:\n", "line 5: .*announces 2 1-grams, but only 0 are here"),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_line(tmp_path, content, message):
    path = tmp_path / "model.arpa"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=message) as raised:
        open_arpa(path)
    assert "\n" not in str(raised.value)


def test_a_few_bytes_do_not_unpack_without_end(tmp_path):
    path = tmp_path / "bomb.arpa.gz"
    path.write_bytes(gzip.compress(b"\n" * (80 << 20)))
    with pytest.raises(UserError, match="over 100 times its size"):
        open_arpa(path)


@pytest.mark.parametrize("token", ["<UNK>", "<s>", "</s>", "", " ", "x\ty", "x\vy"])
def test_tokens_that_mean_something_else_there_are_refused_before_there_is_a_model(tmp_path, token):
    with pytest.raises(UserError, match="m.arpa: "):
        check_tokens(tmp_path / "m.arpa", ["<unk>", "<eos>", "a", token])
