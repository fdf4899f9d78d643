"""The contract of a tokenization: what is cut can be joined to what it claims, at once or token by token."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rnn_lm.testing.claims import claim
from rnn_lm.text import TOKENIZERS, TextCodec, TextSettings, Tokenization
from rnn_lm.text.base import FunctionTokenization
from rnn_lm.vocabulary import EOS, Vocabulary

LINES = (
    "the sea saw the men of the city .",
    'He said, "let there be light," and there was light.',
    "They don't know what we've done; it's 1,000 years' work!",
    "naïve café — 東京 ☃ नमस्ते",
    "the <unk> of the <unk>",
    "a",
)


def check_tokenization(
    tokenization: Tokenization | Callable[[str], Iterable[str]] | str, lines: Sequence[str] = LINES
) -> None:
    """Check that a tokenization is one.

    Args:
        tokenization: an object, a function from a line to its tokens, or a name in ``TOKENIZERS``; with a name, a codec
            is kept in a folder and read back, too.
        lines: text that it can cut; not blank.

    Raises:
        AssertionError: says what does not hold.
    """
    name = tokenization if isinstance(tokenization, str) else None
    kind = TOKENIZERS[tokenization] if isinstance(tokenization, str) else tokenization
    kind = kind if isinstance(kind, Tokenization) else FunctionTokenization(kind)
    learned = _learned(kind, lines) if kind.is_learned else kind
    for line in lines:
        _check_line(learned, line)
    claim(learned.cut("") == [], "an empty line has tokens")
    again = pickle.loads(pickle.dumps(learned))
    claim(all(again.cut(line) == learned.cut(line) for line in lines), "it cuts differently once pickled")
    settings = TextSettings(name or "words", lowercase=False, normalize="none")
    vocabulary = Vocabulary.build(map(learned.cut, lines), pieces=learned.pieces)
    codec = TextCodec(vocabulary, learned, settings)
    _check_codec(codec, lines)
    if name is not None:
        _check_kept(codec, lines)


def _learned(kind: Tokenization, lines: Sequence[str]) -> Tokenization:
    size = kind.least_size + 20
    learned = kind.train(iter(lines), size)
    claim(learned.text is not None, "what was learned has no text to be kept")
    claim(kind.text is None, "text is there before anything was learned")
    again = kind.from_text(learned.text or "")
    claim(all(again.cut(line) == learned.cut(line) for line in lines), "from_text gives another tokenization")
    claim(0 < len(learned.pieces) <= size, f"{len(learned.pieces)} pieces were learned where {size} are the most")
    used = {token for line in lines for token in learned.cut(line)}
    claim(used <= {*learned.pieces, "<unk>"}, "tokens are cut that are none of the pieces")
    try:
        kind.from_text("{")
    except ValueError:
        return learned
    raise AssertionError("from_text takes any text; a damaged file would be taken, too")


def _check_line(tokenization: Tokenization, line: str) -> None:
    tokens = tokenization.cut(line)
    claim(isinstance(tokens, list), f"cut returns {type(tokens).__name__}, not a list")
    claim(all(isinstance(token, str) and token for token in tokens), f"a token of {line!r} is no text, or empty")
    claim(EOS not in tokens, f"{EOS} is cut from {line!r}, which it does not hold")
    claim(tokenization.cut(line) == tokens, f"{line!r} is cut differently twice")
    joined = tokenization.join(tokens)
    if tokenization.restores == "line":
        claim(joined == line, f"join gives {joined!r} for {line!r}, which it says to restore")
    elif tokenization.restores == "characters":
        same = "".join(joined.split()) == "".join(line.split())
        claim(same, f"join gives {joined!r} for {line!r}: characters differ")
    claim(tokenization.cut(joined) == tokens, f"what was cut from {line!r} is cut differently once joined: {joined!r}")
    joiner = tokenization.joiner()
    parts = [joiner.add(token) for token in tokens]
    claim("".join([*parts, joiner.finish()]) == joined, f"token by token, {line!r} is joined differently")
    for end in range(len(tokens)):
        whole = tokenization.join(tokens)
        claim(whole.startswith("".join(parts[:end])), f"of {line!r}, text is written that is not there in the end")


def _check_codec(codec: TextCodec, lines: Sequence[str]) -> None:
    text = "\n".join(lines)
    ids = codec.encode(text)
    claim(ids.count(codec.vocabulary.eos_id) == len(lines) - 1, "a line break is not one <eos>")
    claim(codec.unknown(text) == [], f"train text has tokens outside its own vocabulary: {codec.unknown(text)[:5]}")
    claim(codec.encode(codec.decode(ids)) == ids, "ids are others once decoded and encoded again")
    decoder = codec.decoder()
    streamed = "".join([*map(decoder.add, ids), decoder.finish()])
    claim(streamed == codec.decode(ids), "the stream decoder gives other text than decode")
    claim(streamed.count("\n") == len(lines) - 1, "a token holds a line break")


def _check_kept(codec: TextCodec, lines: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        codec.save(Path(folder))
        found = TextCodec.load(Path(folder))
    text = "\n".join(lines)
    claim(found.settings == codec.settings, "settings are others after save and load")
    claim(found.encode(text) == codec.encode(text), "a text has other ids after save and load")
