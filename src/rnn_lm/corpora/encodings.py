"""Which characters the bytes of a text stand for: UTF-8, what a byte order mark says, or what a person says.

Nothing is guessed in silence. Where a text is not what it should be, the likely encodings are offered, each with how it
reads the first line that matters.
"""

from __future__ import annotations

import codecs
import re

import charset_normalizer

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: it begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_USUAL = (
    "cp1252", "cp850", "cp1250", "cp1251", "koi8_r", "cp866", "iso8859_2", "mac_roman", "shift_jis", "cp932", "euc_jp",
    "gb18030", "big5", "euc_kr", "cp949", "cp1253", "cp1254", "cp1255", "cp1256", "cp437",
    "cp1257", "cp775", "cp852", "iso8859_7", "iso8859_9", "iso8859_8", "iso8859_6", "cp874", "tis_620", "iso2022_jp",
)  # fmt: skip
"""Encodings that texts are met in; of those that read a text alike, the first is offered."""
_SAMPLE = 32 << 10
"""Bytes from which an encoding is found likely."""
_TELLING_BYTES = 8
"""Bytes outside ASCII from which on their encoding can be told."""
_SHOWN = 40
"""Characters of a line that are shown."""
_CONTROL = re.compile("[\x80-\x9f]")


def encoding_of(start: bytes, stated: str | None) -> str:
    """The encoding of a text that begins with ``start``: its byte order mark's, or as stated, or UTF-8."""
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if stated is None:
        return marked or "utf-8"
    # With "utf-16-le" a mark would become a character of the text.
    wide = codecs.lookup(stated).name[:5]
    return marked if marked is not None and marked[:5] == wide else stated


def suggestion(data: bytes, bad: int) -> str:
    """The likely encodings of ``data``, which is not UTF-8 from the byte ``bad`` on, with samples; for a message."""
    line_start = data.rfind(b"\n", 0, bad) + 1
    line = data[line_start : data.find(b"\n", bad) % (len(data) + 1)]
    found = []
    for name in _likely(_telling(data, line_start)):
        sample = _sample(line, bad - line_start, name)
        if sample is not None and sample not in [shown for _, shown in found]:
            found.append((name, sample))
    if not found:
        return "give UTF-8, or add --encoding NAME if you know what it is written in"
    offers = " or ".join(f"--encoding {name} (this line is then “{sample}”)" for name, sample in found[:3])
    return f"add {offers}; or convert the file to UTF-8"


def wide_encoding(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark, by where the NULs of ``data`` are; None if it looks like neither."""
    for name, width, high, low in (
        ("utf-32-le", 4, 3, 0),
        ("utf-32-be", 4, 0, 3),
        ("utf-16-le", 2, 1, 0),
        ("utf-16-be", 2, 0, 1),
    ):
        whole = data[: min(len(data), _SAMPLE) // width * width]
        nuls, others = whole[high::width].count(0), whole[low::width].count(0)
        least = 0.9 if width == 4 else 0.05  # every character's fourth byte; the second byte of ASCII alone
        if nuls < 4 or nuls * width < least * len(whole) or others * width > 0.01 * len(whole):
            continue
        # The sample may end within a character of two parts.
        text = whole.decode(name, "replace")[:-1]
        if text and sum((one.isprintable() and one != "\ufffd") or one in "\t\r\n" for one in text) >= 0.98 * len(text):
            return name
    return None


def _likely(sample: bytes) -> list[str]:
    """Encodings that charset-normalizer finds likely, the likeliest first, by their usual names; of those in use alone.

    A few characters tell little: then the encodings that are met most often come first.
    """
    found: list[str] = []
    for match in charset_normalizer.from_bytes(sample):
        name = next((usual for usual in _USUAL if usual in match.could_be_from_charset), None)
        if name is not None and name not in found and first_control(sample.decode(name, "replace")) is None:
            found.append(name)
    if sum(byte >= 0x80 for byte in sample) < _TELLING_BYTES:
        found.sort(key=_USUAL.index)
    return [name.replace("_", "-") for name in found]


def _telling(data: bytes, start: int) -> bytes:
    """The lines from ``start`` on that are not ASCII, up to a sample."""
    found, size = [], 0
    data = data[start : start + (8 * _SAMPLE)]
    # The last line may end within a character.
    for line in data[: data.rfind(b"\n") % (len(data) + 1)].split(b"\n"):
        if not line.isascii() and size < _SAMPLE:
            found.append(line[:_SAMPLE])
            size += len(found[-1])
    return b"\n".join(found)


def _sample(line: bytes, bad: int, name: str) -> str | None:
    try:
        text = line.decode(name)
    except UnicodeDecodeError:
        return None
    place = len(line[:bad].decode(name, "ignore"))
    return " ".join(text[max(place - _SHOWN // 2, 0) : place + _SHOWN // 2].split())


def first_control(text: str) -> int | None:
    """Where the first C1 control character stands, which no text has: a sign of the wrong encoding."""
    found = _CONTROL.search(text)
    return None if found is None else found.start()
