"""ARPA files: read back as they were, read by KenLM with the same scores, and refused with the line that is wrong."""

from __future__ import annotations

import gzip
import math
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.config import NgramConfig
from rnn_lm.errors import UserError
from rnn_lm.models.arpa import read_arpa, write_arpa
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.stream import EncodedText
from rnn_lm.vocabulary import Vocabulary

TOKENS = ("<unk>", "<eos>", "a", "b", "ü", "d\u00a0e")
EOS = 1
TEXT = [[2, 3, 4], [3, 0, 2], [], [2, 3, 2, 3, 5]]
sentences_of_ids = st.lists(st.lists(st.sampled_from([0, 2, 3, 4, 5]), max_size=7), min_size=1, max_size=8)


def encode(sentences: list[list[int]]) -> EncodedText:
    return EncodedText(torch.tensor([i for sentence in sentences for i in [*sentence, EOS]]), EOS, characters=1)


def train(sentences: list[list[int]], order: int) -> NgramLanguageModel:
    return NgramLanguageModel.train(encode(sentences), len(TOKENS), NgramConfig(order))


def log10_of_sentences(model: NgramLanguageModel, sentences: list[list[int]]) -> list[float]:
    text = encode(sentences)
    nll_by_sentence = model.nll(text.ids_n).split(torch.diff(text.sentence_ends, prepend=torch.tensor([0])).tolist())
    return [-nll.sum().item() / math.log(10) for nll in nll_by_sentence]


def kenlm_scores(path: Path, sentences: list[list[int]], tokens: tuple[str, ...] = TOKENS) -> list[float]:
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed: pip install kenlm")
    config = kenlm.Config()
    config.show_progress = False
    model = kenlm.LanguageModel(str(path), config)
    return [model.score(" ".join(tokens[i] for i in sentence)) for sentence in sentences]


@pytest.mark.parametrize("suffix", [".arpa", ".arpa.gz"])
@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_reads_back_what_it_wrote(tmp_path: Path, order: int, suffix: str) -> None:
    model, path = train(TEXT, order), tmp_path / f"model{suffix}"
    write_arpa(path, model, TOKENS)
    read = read_arpa(path, TOKENS, EOS)
    probe = encode([[2, 3, 4, 5], [4, 4, 0], [], [3, 0, 2, 3]]).ids_n
    assert read.nll(probe).tolist() == pytest.approx(model.nll(probe).tolist(), abs=1e-8)
    assert read.context_match(probe).tolist() == model.context_match(probe).tolist()
    assert read.ngram_counts == model.ngram_counts
    assert read.config == model.config


def test_the_text_of_a_small_model(tmp_path: Path) -> None:
    # The worked example of test_ngram.py: P(</s> | b) = 0.475, P(b) = 0.2, gamma(b) = 0.75.
    text = EncodedText(torch.tensor([2, 3, 1, 2, 3, 1, 2, 4, 1]), EOS, 1)
    model, path = NgramLanguageModel.train(text, 5, NgramConfig(2)), tmp_path / "model.arpa"
    write_arpa(path, model, ["<unk>", "<eos>", "a", "b", "c"])
    lines = path.read_text().splitlines()
    assert lines[:7] == [
        "\\data\\",
        "ngram 1=6",
        "ngram 2=5",
        "",
        "\\1-grams:",
        "-99.0000000000\t<s>\t0.0000000000",
        "-1.0000000000\t<unk>",
    ]
    assert f"{math.log10(0.3):.10f}\t</s>" in lines
    assert f"{math.log10(0.2):.10f}\tb\t{math.log10(0.75):.10f}" in lines
    assert f"{math.log10(0.475):.10f}\tb </s>" in lines
    assert f"{math.log10(0.2):.10f}\t<s> a" in lines
    assert lines[-1] == "\\end\\"


def test_gzip_is_the_same_text_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    plain, packed, again = (tmp_path / name for name in ("m.arpa", "m.arpa.gz", "n.arpa.gz"))
    for path in (plain, packed, again):
        write_arpa(path, train(TEXT, 3), TOKENS)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert again.read_bytes() == packed.read_bytes()


@settings(max_examples=25, deadline=None)
@given(sentences_of_ids, sentences_of_ids, st.integers(2, 5))
def test_kenlm_gives_the_same_scores(sentences: list[list[int]], probe: list[list[int]], order: int) -> None:
    model = train(sentences, order)
    with tempfile.TemporaryDirectory() as folder:
        write_arpa(Path(folder) / "model.arpa", model, TOKENS)
        found = kenlm_scores(Path(folder) / "model.arpa", probe)
    assert log10_of_sentences(model, probe) == pytest.approx(found, abs=1e-4)


@pytest.mark.slow
def test_kenlm_gives_the_same_scores_on_penn_treebank(ptb_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("kenlm", reason="kenlm is not installed: pip install kenlm")
    train_lines, test_lines = (
        [line.split() for line in (ptb_folder / f"{name}.txt").read_text().splitlines()] for name in ("train", "test")
    )
    vocabulary = Vocabulary.build(train_lines)
    model = NgramLanguageModel.train(vocabulary.encode_text(train_lines, 1), len(vocabulary), NgramConfig(3))
    write_arpa(tmp_path / "ptb.arpa", model, vocabulary.tokens)
    encoded = [vocabulary.encode(line) for line in test_lines]
    found = kenlm_scores(tmp_path / "ptb.arpa", encoded, vocabulary.tokens)
    assert log10_of_sentences(model, encoded) == pytest.approx(found, abs=1e-4)
    read = read_arpa(tmp_path / "ptb.arpa", vocabulary.tokens, vocabulary.eos_id)
    assert log10_of_sentences(read, encoded) == pytest.approx(log10_of_sentences(model, encoded), abs=1e-7)


GOOD = """\\data\\
ngram 1=4
ngram 2=3

\\1-grams:
-99\t<s>\t-0.3
-0.5\t</s>
-0.4\ta\t-0.2
-0.9\t<unk>

\\2-grams:
-0.25\t<s> a
-0.1\ta </s>
-0.7\ta a

\\end\\
"""


def test_reads_a_file_of_another_tool(tmp_path: Path) -> None:
    path = tmp_path / "other.arpa"
    path.write_text("\n" + GOOD.replace("\t", " ").replace("\n", "\r\n"), newline="")
    model = read_arpa(path, ("<unk>", "<eos>", "a"), EOS)
    nll = model.nll(torch.tensor([2, 2, 0, EOS]))  # <s> a, a a, a <unk> (backed off), <unk> </s> (backed off, weight 1)
    assert (nll / math.log(10)).tolist() == pytest.approx([0.25, 0.7, 0.2 + 0.9, 0.5])


def test_a_back_off_weight_holds_even_where_the_context_was_pruned(tmp_path: Path) -> None:
    path = tmp_path / "pruned.arpa"
    path.write_text(GOOD.replace("<unk>", "<unk>\t-0.6"))
    nll = read_arpa(path, ("<unk>", "<eos>", "a"), EOS).nll(torch.tensor([0, EOS]))
    assert nll[1].item() == pytest.approx((0.6 + 0.5) * math.log(10))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", "line 1: an ARPA file starts with"),
        ("ngram 1=4", "ngram one=4", 'line 2: expected "ngram 1=COUNT"'),
        ("ngram 2=3", "ngram 3=3", 'line 3: expected "ngram 2=COUNT"'),
        ("ngram 1=4\nngram 2=3\n", "", "line 2: .* announces no n-grams"),
        ("ngram 2=3", "".join(f"ngram {n}=1\n" for n in range(2, 8)), "line 9: n-grams of up to 7 tokens: .*1 to 6"),
        ("ngram 1=4", "ngram 1=5", "line 10: .*announces 5 1-grams, but only 4 are here"),
        ("ngram 1=4", "ngram 1=3", "line 9: expected .2-grams:, found .*<unk>"),
        ("ngram 2=3", "ngram 2=2", "line 14: expected .end., found .*a a"),
        ("ngram 2=3", "ngram 2=99", "line 15: .*announces 99 2-grams, but only 3 are here"),
        ("\\2-grams:", "\\3-grams:", "line 11: expected .2-grams:"),
        ("-0.5\t</s>", "half\t</s>", "line 7: .*half.* not two numbers"),
        ("a\t-0.2", "a\tmuch", "line 8: .*much.* not two numbers"),
        ("-0.1\ta </s>", "nan\ta </s>", "line 13: the log-probability is not a number up to 0"),
        ("-0.1\ta </s>", "0.1\ta </s>", "line 13: the log-probability is not a number up to 0"),
        ("a\t-0.2", "a\tinf", "line 8: the back-off weight is not a finite number"),
        ("-0.4\ta\t-0.2", "-0.4\ta\t-0.2\t1", "line 8: expected probability, n-gram of length 1 and at"),
        ("-0.7\ta a", "-0.7\ta", "line 14: .*length 2 and .*, found 2 fields"),
        ("-0.7\ta a", "-0.7\ta zebra", "line 14: token 'zebra' is not in the vocabulary"),
        ("-0.9\t<unk>", "-0.9\ta", "line 9: this n-gram stands further up already"),
        ("-0.7\ta a", "-0.1\ta </s>", "line 14: this n-gram stands further up already"),
        ("-0.7\ta a", "-0.7\ta a\t-0.1", "line 14: an n-gram of the highest order has no back-off weight but 0"),
        ("-0.4\ta\t-0.2", "-0.4\ta\t1e308", "line 8: the back-off weight is not a finite number"),
        ("ngram 1=4", f"ngram 1={'9' * 5000}", 'line 2: expected "ngram 1=COUNT"'),
        ("\\end\\\n", "\\end\\\nmore\n", "line 17: something follows .end."),
        ("\\end\\\n", "", "line 16: expected .end., found ''; cut off"),
        ("-0.9\t<unk>\n", "", "line 9: .*announces 4 1-grams, but only 3 are here"),
    ],
)
def test_refuses_a_damaged_file_and_names_the_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "bad.arpa"
    assert GOOD.count(old) == 1
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(UserError, match=f"bad.arpa: {message}") as raised:
        read_arpa(path, ("<unk>", "<eos>", "a"), EOS)
    assert "\n" not in str(raised.value)


def test_refuses_another_vocabulary_or_a_missing_context(tmp_path: Path) -> None:
    path = tmp_path / "bad.arpa"
    path.write_text(GOOD)
    with pytest.raises(UserError, match="line 5: the vocabulary's token 'b' is not among the 1-grams"):
        read_arpa(path, ("<unk>", "<eos>", "a", "b"), EOS)
    trigrams = GOOD.replace("ngram 2=3", "ngram 2=3\nngram 3=1").replace(
        "\n\\end", "\n\\3-grams:\n-1\t<unk> a a\n\n\\end"
    )
    path.write_text(trigrams)
    with pytest.raises(UserError, match="line 18: its first tokens are not among the 2-grams"):
        read_arpa(path, ("<unk>", "<eos>", "a"), EOS)


def test_refuses_files_that_cannot_be_opened_as_what_they_are_called(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="absent.arpa: cannot read"):
        read_arpa(tmp_path / "absent.arpa", TOKENS, EOS)
    (tmp_path / "plain.arpa.gz").write_text(GOOD)
    with pytest.raises(UserError, match="plain.arpa.gz: not a whole gzip file"):
        read_arpa(tmp_path / "plain.arpa.gz", TOKENS, EOS)
    (tmp_path / "cut.arpa.gz").write_bytes(gzip.compress(GOOD.encode())[:-9])
    with pytest.raises(UserError, match="cut.arpa.gz: not a whole gzip file"):
        read_arpa(tmp_path / "cut.arpa.gz", TOKENS, EOS)
    (tmp_path / "empty.arpa").touch()
    with pytest.raises(UserError, match="empty.arpa: line 1: an ARPA file starts with"):
        read_arpa(tmp_path / "empty.arpa", TOKENS, EOS)


@pytest.mark.parametrize(
    ("token", "message"),
    [(" ", "whitespace"), ("x y", "whitespace"), ("", "whitespace"), ("<s>", "means something else")],
)
def test_refuses_to_write_tokens_that_arpa_cannot_hold(tmp_path: Path, token: str, message: str) -> None:
    with pytest.raises(UserError, match=f"model.arpa: .*{message}"):
        write_arpa(tmp_path / "model.arpa", train(TEXT, 2), [*TOKENS[:-1], token])
    assert not list(tmp_path.iterdir())


def test_refuses_to_write_a_model_of_the_stream(tmp_path: Path) -> None:
    model = NgramLanguageModel.train(encode(TEXT), len(TOKENS), NgramConfig(2, "stream"))
    with pytest.raises(UserError, match="--boundary sentence"):
        write_arpa(tmp_path / "model.arpa", model, TOKENS)
