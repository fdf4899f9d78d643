"""``tokenizer.json`` gives the ids that the codec gives, of odd text as well."""

from __future__ import annotations

import json
import random
import unicodedata
from dataclasses import replace

import pytest

from export_cases import LINES, codec, neural
from rnn_lm.export import hf_tokenizer
from rnn_lm.export.hf_tokenizer import tokenizer_json, write_tokenizer
from rnn_lm.text import TextCodec
from rnn_lm.vocabulary import Vocabulary

tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed: pip install 'rnn-lm[export]'")
KINDS = ["words", "whitespace", "characters", "bytes", "bpe", "unigram"]
TRAIN = [*LINES, "Don't you dare, said the 1,000 kings' café—yes.", "猫 😀 naïve ½"]
ODD = [
    "don't", "Shouldn't've", "he'dn't", "O'Clock", "1,000.5", "x-n't", "café", "CAFE\u0301", "ΟΔΟΣ", "ΣΣ", "ΑΣ’b", "Σ",
    "İstanbul", "<unk>", " <unk>x", "a<unk>b", "猫が", "naïve—yes", "...", "--", "'tis", "kings' 's", "\u200cx\u200d",
    "½ cup²", "a_b", "😀!", "\t", "  ", "\n", "\n\n", " \n \n", "\r\n", "\xa0", "\u2028", "\x1c", "\x85", "ﬁ", "ẞ",
    "हिन्दी", "1n't", "don’t", "ISN'T", "won'ts", "'S", "a\tb", "\ufeff", "\x00", "the", "cat", "my son", ",", "fish .",
]  # fmt: skip


def texts(count: int, seed: int) -> list[str]:
    """Odd words with and without something between them, and characters of any kind that Python knows."""
    drawn = random.Random(seed)
    found: list[str] = []
    while len(found) < count:
        odd = [drawn.choice(ODD) + drawn.choice(["", " ", " ", "\n", "-", "'"]) for _ in range(drawn.randint(0, 8))]
        ranges = [(1, 0x7F), (1, 0x2FF), (0x300, 0xD7FF), (0x10000, 0x1FFFF)]
        any_kind = "".join(chr(drawn.randint(*drawn.choice(ranges))) for _ in range(drawn.randint(0, 9)))
        # Unicode grows: what Python does not know yet as a letter, the library may.
        found += ["".join(odd), "".join(one for one in any_kind if unicodedata.category(one) != "Cn")]
    return found


def check(made: TextCodec, given: list[str]) -> None:
    found = tokenizers.Tokenizer.from_str(tokenizer_json(made))
    for text in given:
        assert found.encode(text, add_special_tokens=False).ids == made.encode(text), repr(text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lowercase", [True, False])
def test_the_same_ids(kind, lowercase):
    check(codec(kind, TRAIN, size=300, lowercase=lowercase), texts(400, seed=len(kind) + lowercase))


def test_the_same_ids_where_text_is_left_as_it_is_and_blank_lines_count():
    for kind in KINDS:
        check(codec(kind, TRAIN, size=300, normalize="none", blank_lines=True), texts(60, seed=7))


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_gives_text_that_is_cut_into_the_same_tokens(kind):
    made = codec(kind, TRAIN, size=300)
    found = tokenizers.Tokenizer.from_str(tokenizer_json(made))
    ids = made.encode("my son, the king, doesn't find a horse.")
    assert made.encode(found.decode(ids, skip_special_tokens=kind == "bytes")) == ids


def test_words_are_decoded_as_they_are_spelled():
    made = codec("words", ["the cat does n't see ( my ) fish , it 's here ."])
    found = tokenizers.Tokenizer.from_str(tokenizer_json(made))
    text = "the cat doesn't see (my) fish, it's here."
    assert found.decode(made.encode(text)) == text


def test_what_no_tokenizer_json_can_say_is_said_in_one_line(tmp_path, monkeypatch):
    stored, learned = neural(), codec("bpe", TRAIN, size=300)
    fewer = Vocabulary(learned.vocabulary.tokens[:-1], learned.vocabulary.counts_v[:-1])
    cut = replace(stored, vocabulary=fewer, tokenizer=learned.tokenization, corpus=replace(stored.corpus, tokens="bpe"))
    assert "1 pieces are not in the vocabulary" in (write_tokenizer(tmp_path, cut) or "")
    monkeypatch.delitem(hf_tokenizer._KINDS, "words")  # as if it were another package's
    note = write_tokenizer(tmp_path, stored)
    assert note is not None
    assert note.startswith("transformers has no tokenizer that cuts as 'words' does")
    assert not list(tmp_path.iterdir())


def test_a_folder_says_which_tokens_end_a_text(tmp_path):
    assert write_tokenizer(tmp_path, neural()) is None
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert (config["bos_token"], config["eos_token"], config["pad_token"], config["unk_token"]) == (
        "<eos>", "<eos>", "<eos>", "<unk>",
    )  # fmt: skip
