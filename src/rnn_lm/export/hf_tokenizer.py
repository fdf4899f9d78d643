"""A model's codec as the ``tokenizer.json`` of Hugging Face ``tokenizers``: the same text gives the same ids.

    codec          prepared(line) -> cut -> ids, <eos> for each line break                     Python
    tokenizers     normalizer -> added tokens -> pre-tokenizer -> model                        Rust

What the codec does to lines (a line break is ``<eos>``, blank lines are left out) is the normalizer's here, by regular
expressions. ``<eos>`` is a token wherever it is written, where the codec takes it as one only at a line's end; other
markers of sentences (``<s>``) are left in the text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rnn_lm.files import write_atomically, write_json
from rnn_lm.models.storage import StoredModel
from rnn_lm.text.codec import TextCodec
from rnn_lm.text.subwords import BYTE_OF
from rnn_lm.vocabulary import EOS, UNK

_SPACE = r"\s\x{1C}-\x{1F}"
"""White space to Python: that of Unicode, and four separators among the control characters."""
_LETTER = r"[\p{L}\p{N}\p{M}\x{200C}\x{200D}]"
_ALPHANUMERIC = r"[\p{L}\p{N}]"
_NEGATION = rf"(?<={_ALPHANUMERIC})[nN]['’][tT](?!{_ALPHANUMERIC})"
_INNER = rf"(?:(?!{_NEGATION}){_LETTER})"
"""A further letter of a word, which ends before a negation, as ``do`` does in ``don't``."""
_CLITIC = "(?:[sS]|[dD]|[mM]|[lL][lL]|[rR][eE]|[vV][eE])"
WORDS = "|".join(
    (
        rf"[nN]['’][tT](?!{_INNER})",
        r"\p{Nd}+(?:[.,]\p{Nd}+)+",
        rf"{_LETTER}{_INNER}*(?:(?:-|['’](?!{_CLITIC}(?!{_INNER}))){_INNER}+)*",
        rf"['’]{_CLITIC}(?!{_INNER})",
        r"\.{2,}|-{2,}",
        rf"[^{_SPACE}]",
    )
)
"""The tokens of ``text.words``, in the regular expressions that ``tokenizers`` reads (Oniguruma's)."""
_FINAL_SIGMA = r"\p{Cased}\p{Case_Ignorable}*\KΣ(?!\p{Case_Ignorable}*\p{Cased})"
_NO_SPACE_BEFORE = r" (?=[.,;:!?)\]}”’»%…]|[nN]['’][tT](?!\p{L})|['’](?:s|d|m|ll|re|ve)(?!\p{L}))"
_NO_SPACE_AFTER = r"(?<=[(\[{“‘«¿¡$£€]) "


_UNK_UNMARKED = ("bytes", "whitespace")
"""Kinds to which ``<unk>``, written in a text, is no token of its own but where it stands alone."""


def write_tokenizer(folder: Path, stored: StoredModel) -> str | None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json``; return why there is none, where it cannot be."""
    codec = stored.codec
    kind = codec.settings.tokens
    if kind not in _KINDS:
        return (
            f"transformers has no tokenizer that cuts as {kind!r} does, so the folder has none: give the model ids "
            "from rnn_lm.load(...).codec"
        )
    if missing := len(set(codec.tokenization.pieces) - set(codec.vocabulary.tokens)):
        return f"{missing} pieces are not in the vocabulary, which no tokenizer.json can say, so the folder has none"
    write_atomically(folder / "tokenizer.json", tokenizer_json(codec))
    # Where <unk> in a text is part of a word, or five bytes, it must not be looked for.
    unk = {} if kind in _UNK_UNMARKED else {"unk_token": UNK}
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": EOS,
            "eos_token": EOS,
            "pad_token": EOS,
            **unk,
            "clean_up_tokenization_spaces": False,
            "model_max_length": 1_048_576,
            "model_input_names": ["input_ids", "attention_mask"],
            "padding_side": "left",
        },
    )
    return None


def tokenizer_json(codec: TextCodec) -> str:
    """Return the codec as the text of ``tokenizer.json``."""
    import tokenizers
    from tokenizers import normalizers

    kind = codec.settings.tokens
    pieces = kind in ("bpe", "unigram")
    model, pre_tokenizer, decoder = _KINDS[kind](codec)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(_normalizers(codec, pieces))
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    # Read from the text after it was brought into its form and case, as the codec does.
    added = [tokenizers.AddedToken(EOS, normalized=True, special=True)]
    if kind not in _UNK_UNMARKED:
        added.append(tokenizers.AddedToken(UNK, normalized=True, special=True, lstrip=pieces))
    tokenizer.add_special_tokens(added)
    return tokenizer.to_str(pretty=True)


def _normalizers(codec: TextCodec, pieces: bool) -> list[Any]:
    from tokenizers import Regex, normalizers

    blank = r"[^\S\n\x{1C}-\x{1F}]|[\x{1C}-\x{1F}]"
    steps: list[Any] = [normalizers.Replace("\r\n", "\n")]
    if not codec.settings.blank_lines:
        steps += [
            normalizers.Replace(Regex(rf"\A(?:(?:{blank})*\n)+"), ""),
            normalizers.Replace(Regex(rf"\n(?:(?:{blank})*\n)+"), "\n"),
        ]
    if codec.settings.normalize == "nfc":
        steps.append(normalizers.NFC())
    if codec.settings.lowercase:
        # Sigma at the end of a word has a form of its own, which a lower-casing by characters does not know.
        steps += [normalizers.Replace(Regex(_FINAL_SIGMA), "ς"), normalizers.Lowercase()]
    if pieces:  # a space belongs to the word after it, also to the first of a line; not to an added token by itself
        steps += [normalizers.Prepend(" "), normalizers.Replace(Regex(rf"\A (?=\n|(?:{EOS}|{UNK})\z)"), "")]
        steps.append(normalizers.Replace(Regex(r"\n(?=[^\n])"), f"{EOS} "))
    return [*steps, normalizers.Replace("\n", EOS)]


def _ids(codec: TextCodec) -> dict[str, int]:
    return {token: index for index, token in enumerate(codec.vocabulary.tokens)}


def _word_level(codec: TextCodec) -> Any:
    from tokenizers.models import WordLevel

    return WordLevel(_ids(codec), unk_token=UNK)


def _words(codec: TextCodec) -> tuple[Any, Any, Any]:
    from tokenizers import Regex, decoders, pre_tokenizers

    kept = pre_tokenizers.Split(Regex(WORDS), "removed", invert=True)
    closed = decoders.Replace(Regex(_NO_SPACE_BEFORE), "")
    spelled = [_spaced(), decoders.Fuse(), closed, decoders.Replace(Regex(_NO_SPACE_AFTER), "")]
    return _word_level(codec), kept, decoders.Sequence(spelled)


def _spaced() -> Any:
    """Spaces between tokens: WordPiece's decoder, with a mark of continuation that no token has."""
    from tokenizers import decoders

    return decoders.WordPiece(prefix="\0", cleanup=False)


def _white_space(codec: TextCodec) -> tuple[Any, Any, Any]:
    from tokenizers import Regex, pre_tokenizers

    return _word_level(codec), pre_tokenizers.Split(Regex(r"[ \t\n\x{0B}\f\r]+"), "removed"), _spaced()


def _characters(codec: TextCodec) -> tuple[Any, Any, Any]:
    from tokenizers import Regex, decoders, pre_tokenizers

    return _word_level(codec), pre_tokenizers.Split(Regex(r"(?m:.)"), "isolated"), decoders.Fuse()


def _bytes(codec: TextCodec) -> tuple[Any, Any, Any]:
    """Each byte as the printable character that ``ByteLevel`` writes for it, and these as words."""
    from tokenizers import Regex, decoders, pre_tokenizers
    from tokenizers.models import WordLevel

    printable = {byte: character for character, byte in BYTE_OF.items()}
    names = [chr(byte) if byte < 0x80 else f"<0x{byte:02X}>" for byte in range(256)]
    characters = {name: printable[byte] for byte, name in enumerate(names)}
    ids = {characters.get(token, token): index for token, index in _ids(codec).items()}
    single = pre_tokenizers.Split(Regex("."), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return WordLevel(ids, unk_token=UNK), pre_tokenizers.Sequence([level, single]), decoders.ByteLevel()


def _subwords(codec: TextCodec) -> tuple[Any, Any, Any]:
    """What was learned, its pieces under the vocabulary's ids."""
    from tokenizers import Tokenizer, decoders

    assert codec.tokenization.text is not None
    learned, ids = json.loads(codec.tokenization.text), _ids(codec)
    if learned["model"]["type"] == "Unigram":
        scores = dict(map(tuple, learned["model"]["vocab"]))
        least = min(scores.values()) - 1e3  # <eos> is never a piece of a text
        learned["model"]["vocab"] = [[token, scores.get(token, least)] for token in codec.vocabulary.tokens]
        learned["model"]["unk_id"] = codec.vocabulary.unk_id
    else:
        learned["model"]["vocab"] = ids
    learned["added_tokens"] = []
    whole = Tokenizer.from_str(json.dumps(learned))
    return whole.model, whole.pre_tokenizer, decoders.Sequence([whole.decoder, decoders.Strip(" ", 1, 0)])


_KINDS = {
    "words": _words,
    "whitespace": _white_space,
    "characters": _characters,
    "bytes": _bytes,
    "bpe": _subwords,
    "unigram": _subwords,
}
