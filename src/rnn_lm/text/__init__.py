"""Text into tokens and ids, and back: tokenizations by name, and the codec that a model comes with.

``TOKENIZERS`` holds one object per kind (``base.py``); ``TextCodec`` is one of them with a vocabulary (``codec.py``).
"""

from rnn_lm.text import plain, subwords, words  # noqa: F401 (each registers its tokenizations)
from rnn_lm.text.base import TOKENIZER, TOKENIZERS, Joiner, Tokenization
from rnn_lm.text.codec import VOCABULARY, StreamDecoder, TextCodec, TextSettings, tokens_of, unknown_tokens

__all__ = [
    "TOKENIZER",
    "TOKENIZERS",
    "VOCABULARY",
    "Joiner",
    "StreamDecoder",
    "TextCodec",
    "TextSettings",
    "Tokenization",
    "tokens_of",
    "unknown_tokens",
]
