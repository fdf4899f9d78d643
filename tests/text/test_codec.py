"""The codec: what a text becomes, that it comes back, and that a stream of ids says the same as all of them at once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import build_vocabulary, load_corpus, resolve, text_settings
from rnn_lm.errors import UserError
from rnn_lm.models.storage import load_model
from rnn_lm.prepare import prepare
from rnn_lm.progress import SilentProgress
from rnn_lm.text import TOKENIZERS, TextCodec, TextSettings, Tokenization
from rnn_lm.text.base import FunctionTokenization

LINES = ["The sea saw it.", 'He said, "let there be light."', "Don't go <unk>, naïve 東京!"] * 3
BUILT_IN = ["words", "whitespace", "characters", "bytes", "bpe", "unigram"]


def codec_of(tokens: str, **changed: object) -> TextCodec:
    return TextCodec.learn(LINES, TextSettings(tokens, **changed), size=300)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", ""),
        ("The sea", "the sea"),
        ("The sea\n", "the sea <eos>"),
        ("The sea\r\nsaw\n", "the sea <eos> saw <eos>"),
        ("the\n\n \nsea", "the <eos> sea"),
        ("<s> the sea </s>", "the sea <eos>"),
        ("<s> the sea </s>\n", "the sea <eos>"),
        ("</s>\nthe", "<eos> the"),
        ("Cafe\u0301", "caf\u00e9"),
    ],
)
def test_a_line_break_is_the_end_of_a_sentence(text: str, tokens: str) -> None:
    assert codec_of("words").tokens(text) == tokens.split()


def test_blank_lines_count_where_the_corpus_counts_them() -> None:
    assert codec_of("words", blank_lines=True).tokens("the\n\nsea") == ["the", "<eos>", "<eos>", "sea"]
    assert text_settings(CorpusConfig(corpus=("enwik8",))) == TextSettings("bytes", False, "none", True)
    assert text_settings(CorpusConfig()) == TextSettings()


def test_case_and_form_are_those_of_the_corpus() -> None:
    as_it_is = TextSettings(lowercase=False, normalize="none")
    assert TextCodec.learn(["Cafe\u0301"], as_it_is).vocabulary.tokens[2:] == ("Cafe\u0301",)
    assert codec_of("words").vocabulary.encode(["the"]) == codec_of("words").encode("THE")


def test_unknown_words_are_listed_once_and_read_as_unk() -> None:
    codec = codec_of("words")
    assert codec.unknown("the cat saw the cat and it") == ["cat", "and"]
    assert codec.encode("the cat") == [codec.vocabulary.encode(["the"])[0], codec.vocabulary.unk_id]


@pytest.mark.parametrize("tokens", ["characters", "bytes", "bpe", "unigram"])
@given(text=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")) | st.just("\n"), max_size=30))
@settings(deadline=None, max_examples=25)
def test_what_restores_a_line_restores_a_text(tokens: str, text: str) -> None:
    codec = _KEPT.setdefault(tokens, codec_of(tokens, lowercase=False, normalize="none", blank_lines=True))
    found = codec.tokens(text)
    if "<" not in text and "[" not in text:
        writer = codec.decoder()
        assert "".join([*map(writer.add_token, found), writer.finish()]) == text


_KEPT: dict[str, TextCodec] = {}


@pytest.mark.parametrize("tokens", BUILT_IN)
def test_a_stream_says_what_all_ids_at_once_say_and_never_takes_back(tokens: str) -> None:
    codec = codec_of(tokens)
    ids = codec.encode("\n".join(LINES) + '\nHe said "')
    decoder = codec.decoder()
    parts = [decoder.add(index) for index in ids]
    assert "".join([*parts, decoder.finish()]) == codec.decode(ids)
    assert "\ufffd" not in codec.decode(ids)
    for end in range(len(ids)):  # text so far is a beginning of all text, whatever comes next
        assert codec.decode(ids).startswith("".join(parts[:end]))


def test_a_quotation_mark_waits_until_it_is_known_what_it_does() -> None:
    codec = codec_of("words")
    decoder = codec.decoder()
    said = [decoder.add_token(token) for token in ["he", "said", '"', "go", '"', "<eos>", "it", '"']]
    assert said == ["he", " said", "", ' "go', '"', "\n", "it", ""]
    assert decoder.finish() == '"'


@pytest.mark.parametrize("tokens", ["words", "characters", "bytes", "bpe"])
def test_time_grows_with_the_text_alone(tokens: str) -> None:
    """A sentence of 10,000 tokens: joined anew at each token it would take minutes of computing."""
    codec = codec_of(tokens)
    ids = codec.encode("the sea saw it " * 10)
    started = time.process_time()
    decoder = codec.decoder()
    for index in ids * (10_000 // len(ids)):
        decoder.add(index)
    assert time.process_time() - started < 10


@pytest.mark.parametrize("tokens", BUILT_IN)
def test_a_codec_comes_back_from_its_folder(tokens: str, tmp_path: Path) -> None:
    codec = codec_of(tokens, lowercase=False)
    codec.save(tmp_path / "codec")
    found = TextCodec.load(tmp_path / "codec")
    assert (found.vocabulary, found.settings) == (codec.vocabulary, codec.settings)
    assert found.encode(LINES[1]) == codec.encode(LINES[1])
    names = {"vocabulary.json", "codec.json", *(["tokenizer.json"] if codec.tokenization.is_learned else [])}
    assert {path.name for path in (tmp_path / "codec").iterdir()} == names


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("codec.json", {"lowercase": False}, "changed since it was written"),
        ("codec.json", {"version": 9}, "version 9 where this program reads version 1"),
        ("codec.json", {"tokens": 3}, "tokens is not as expected"),
        ("codec.json", {"format": "x"}, 'no "format": "rnn_lm codec"'),
        ("vocabulary.json", {"counts": [7] * 300}, "is not the one that codec.json was written with"),
        ("tokenizer.json", {"padding": None, "version": "1.0 "}, "not a tokenizer"),
        ("tokenizer.json", {}, "is not the one that codec.json was written with"),
    ],
)
def test_a_changed_file_is_refused_in_a_line(tmp_path: Path, name: str, change: dict, message: str) -> None:
    codec = codec_of("bpe")
    codec.save(tmp_path)
    values = json.loads((tmp_path / name).read_text())
    if "counts" in change:
        change = {"counts": [7] * len(codec.vocabulary)}
    (tmp_path / name).write_text(json.dumps({**values, **change}))
    with pytest.raises(UserError, match=message) as refused:
        TextCodec.load(tmp_path)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_brings_the_codec_of_its_corpus(tmp_path: Path) -> None:
    from rnn_lm.config import NgramConfig
    from rnn_lm.experiments.model_runs import train_ngram

    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES * 4))
    config = CorpusConfig(corpus=(str(path),), tokens="bpe", subwords=300)
    prepared = prepare(config, SilentProgress())
    train_ngram(tmp_path / "model", NgramConfig(order=2), prepared, resume=False)
    stored = load_model(tmp_path / "model")
    assert stored.codec is stored.codec
    assert stored.codec.settings == prepared.codec.settings == TextSettings("bpe")
    assert stored.codec.encode(LINES[2]) == prepared.codec.encode(LINES[2])
    sentence = prepared.corpus.valid.sentences[0]
    assert stored.codec.encode(stored.codec.tokenization.join(sentence)) == prepared.vocabulary.encode(sentence)


class Dashes(Tokenization):
    """Words between dashes, five of them learned."""

    label, restores, separator, lowercase, min_count = "words between dashes", "line", "-", False, 3

    def cut(self, line: str) -> list[str]:
        return line.split("-") if line else []


def test_defaults_are_those_of_the_tokenization_unless_somebody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOKENIZERS._entries, "dashes", Dashes)
    resolved = resolve(CorpusConfig(tokens="dashes"))
    assert (resolved.lowercase, resolved.min_count, resolved.subwords) == (False, 3, None)
    assert resolve(CorpusConfig(tokens="dashes", lowercase=True, min_count=1)).lowercase
    assert resolve(CorpusConfig(tokens="bpe")).subwords == 8000
    with pytest.raises(UserError, match="--subwords is for tokens that are learned"):
        CorpusConfig(tokens="dashes", subwords=300)


def test_a_function_and_a_class_are_taken_for_a_tokenization_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, entry in (("split", str.split), ("dashes", Dashes), ("text", "words"), ("path", Path)):
        monkeypatch.setitem(TOKENIZERS._entries, name, entry)
    assert TOKENIZERS["split"] == FunctionTokenization(str.split)
    assert isinstance(TOKENIZERS["dashes"], Dashes)
    for name in ("text", "path"):
        with pytest.raises(UserError, match=f"tokenization {name}: .* neither a Tokenization nor a function"):
            TOKENIZERS[name]
    path = tmp_path / "text.txt"
    path.write_text("a-b c-d\n" * 40)
    config = CorpusConfig(corpus=(str(path),), tokens="dashes")
    assert build_vocabulary(load_corpus(config), config).tokens == ("<unk>", "<eos>", "a", "b c", "d")


def test_help_is_quick_for_the_tokenizations_that_are_known() -> None:
    code = (
        "import sys; from rnn_lm.config import CorpusConfig\n"
        "for tokens in ('words', 'bpe', None): CorpusConfig(tokens=tokens)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_settings_know_the_tokenizations_that_the_registry_has() -> None:
    from rnn_lm.config import TOKENS

    assert list(TOKENS) == BUILT_IN
    assert set(TOKENS) <= set(TOKENIZERS)
    with pytest.raises(UserError, match="unknown --tokens 'word': did you mean 'words'"):
        CorpusConfig(tokens="word")
