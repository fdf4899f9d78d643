"""Tokenizers: what they split, what they keep, and that nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rnn_lm.errors import UserError
from rnn_lm.text import TOKENIZERS
from rnn_lm.text.words import words


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Let there be light, and there was.", "Let there be light , and there was ."),
        ("don't can't won't ISN'T", "do n't ca n't wo n't IS N'T"),
        ("God's sons' we'll they're I've he'd I'm", "God 's sons ' we 'll they 're I 've he 'd I 'm"),
        ("it’s don’t", "it ’s do n’t"),
        ("o'clock rock'n'roll d'Artagnan", "o'clock rock'n'roll d'Artagnan"),
        ("he said, 'we go.'", "he said , ' we go . '"),
        ("'some' 'shall' don'ts", "' some ' ' shall ' don'ts"),
        ("burnt-offering -- or not - no", "burnt-offering -- or not - no"),
        ("1,000 3.14 1,2,3. 10", "1,000 3.14 1,2,3 . 10"),
        ("wait... what?!", "wait ... what ? !"),
        ("the <unk> said <unk>.", "the <unk> said <unk> ."),
        ("_very_ a_b", "_ very _ a _ b"),
        ("naïve Straße Москва 東京", "naïve Straße Москва 東京"),
        ("cafe\u0301 नमस्ते", "cafe\u0301 नमस्ते"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("(see: a/b) $5", "( see : a / b ) $ 5"),
    ],
)
def test_words(text: str, tokens: str) -> None:
    assert words(text) == tokens.split(" ")


@given(
    st.text(alphabet=st.sampled_from("abn't's <unk>.,-'’\"_é\u0301 \t1") | st.characters(codec="utf-8"), max_size=40)
)
@example("n't'sn't")
@example("<unk><unk>'s")
@settings(deadline=None, max_examples=80)
def test_words_lose_white_space_alone(text: str) -> None:
    tokens = words(text)
    assert "".join(tokens) == "".join(text.split())
    assert all(token and not any(character.isspace() for character in token) for token in tokens)


@given(st.lists(st.sampled_from(["the", "men", "do", "n't", "'s", ",", "<unk>", "1,000", "half-way", "o'clock"])))
@settings(deadline=None, max_examples=100)
def test_words_leave_tokenized_text_as_it_is(tokens: list[str]) -> None:
    assert words(" ".join(tokens)) == tokens


@given(st.text(max_size=40))
@settings(deadline=None, max_examples=60)
def test_characters_round_trip(text: str) -> None:
    assert "".join(TOKENIZERS["characters"].cut(text)) == text


def test_characters_keep_spaces_and_the_literal_unk() -> None:
    assert TOKENIZERS["characters"].cut("a <unk> b") == ["a", " ", "<unk>", " ", "b"]


def test_bytes_are_those_of_utf8() -> None:
    assert TOKENIZERS["bytes"].cut("a é\t") == ["a", " ", "<0xC3>", "<0xA9>", "\t"]
    assert TOKENIZERS["bytes"].cut(b"\xe6\x9d".decode("utf-8", "surrogateescape")) == ["<0xE6>", "<0x9D>"]
    assert TOKENIZERS["bytes"].cut("<unk>") == list("<unk>")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
@settings(deadline=None, max_examples=60)
def test_bytes_round_trip_and_grow_by_whole_characters(text: str) -> None:
    tokens = TOKENIZERS["bytes"].cut(text)
    assert len(tokens) == len(text.encode())
    assert TOKENIZERS["bytes"].join(tokens) == text
    assert all(text.startswith(TOKENIZERS["bytes"].join(tokens[:end])) for end in range(len(tokens)))


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert TOKENIZERS["bytes"].join(["<0xFF>", "a", "<unk>", "<0xC3>"]) == "�a<unk>"


def test_whitespace_splits_nothing_else() -> None:
    assert TOKENIZERS["whitespace"].cut(" u.s. n't <unk>  N ") == ["u.s.", "n't", "<unk>", "N"]


@pytest.mark.parametrize(
    "text",
    [
        'god said, "let there be light," and there was light.',
        "don't you know? we can't; it's god's (and mine).",
        "he said, 'we go.'",
        "the fathers' house -- and 1,000 men!",
        "it costs $5, or 10%.",
        'a "b" c "d".',
        "wait... what?!",
    ],
)
def test_joined_words_read_as_they_were_written(text: str) -> None:
    assert TOKENIZERS["words"].join(words(text)) == text


def test_closing_quote_of_a_longer_speech_stays_at_the_sentence_end() -> None:
    assert TOKENIZERS["words"].join(["go", ".", '"']) == 'go."'


@given(st.lists(st.text(alphabet="ab '.\"", min_size=1), min_size=1, max_size=5))
@settings(deadline=None, max_examples=60)
def test_joining_words_loses_no_character(texts: list[str]) -> None:
    tokens = [token for text in texts for token in words(text)]
    assert "".join(TOKENIZERS["words"].join(tokens).split()) == "".join(tokens)


def test_unknown_tokenization_is_refused() -> None:
    with pytest.raises(UserError, match="did you mean 'words'"):
        TOKENIZERS["word"]
