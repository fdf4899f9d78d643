"""What a file is that was given as text: known by its first bytes, never by its name, which may say anything."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it: zstd -d"),
    (b"PK\x03\x04", "a zip archive (as are .docx, .odt, .epub and .npz)", "unpack it: unzip; or save the text alone"),
    (b"PK\x05\x06", "an empty zip archive", "give a text file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it: 7z x"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it"),
    (b"\x04\x22\x4d\x18", "packed by LZ4", "unpack it: lz4 -d"),
    (b"\x1f\x9d", "packed by compress (.Z)", "unpack it: gzip -d"),
    (b"%PDF-", "a PDF document", "extract its text, e.g. pdftotext FILE"),
    (b"{\\rtf", "an RTF document", "save it as plain text"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document", "save it as plain text"),
    (b"%!PS", "a PostScript document", "extract its text, e.g. ps2ascii FILE"),
    (b"\xba\x16\x4f\x2f", "a fastText model (.bin)", "word vectors go to --embedding: give its .vec file"),
    (b"PAR1", "a Parquet table", "write its text column to a text file, or read the data set by hf:OWNER/NAME"),
    (b"ARROW1", "an Arrow table", "write its text column to a text file, or read the data set by hf:OWNER/NAME"),
    (b"SQLite format 3\0", "an SQLite database", "write its text to a text file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "write its text to a text file"),
    (b"\x93NUMPY", "a NumPy array", "give a text file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", "give a text file"),
    (b"\xff\xd8\xff", "a JPEG image", "give a text file"),
    (b"\x7fELF", "a program", "give a text file"),
)  # fmt: skip
"""First bytes, what the file is, and the fix."""
MAGIC_BYTES = 512
"""Bytes that tell."""


def not_text(start: bytes) -> str | None:
    """What a file that begins with ``start`` is if it is no text, with the fix; None if it may be text."""
    for magic, name, fix in _MAGIC:
        if start.startswith(magic):
            return f"{name}, not text; {fix}"
    if start[257:262] == b"ustar":
        return "a tar archive, not text; unpack it: tar xf"
    if re.match(rb"\x80[\x02-\x05](?:\x95|\}|\]|c|ccopy_reg|\x8c)", start):
        return "a Python pickle, not text; write its text to a text file"
    return None


def looks_like(lines: Sequence[str]) -> str | None:
    """What the text of a file looks like if it is not prose, from its first ``lines``, blank ones left out; or None."""
    if not lines:
        return None
    first = lines[0].lstrip("\ufeff \t").lower()
    if first.startswith(("<!doctype html", "<html")):
        return "an HTML page: its tags would be read as words; extract the text first"
    if first.startswith("<?xml"):
        return "XML: its tags would be read as words; extract the text first"
    if all(_is_json(line) for line in lines[:5]):
        return "JSON lines: keys and brackets would be read as words; write the text alone, a sentence per line"
    if first.rstrip() in ("{", "[", "[{"):
        return "a JSON document: keys and brackets would be read as words; write the text alone, a sentence per line"
    if len(lines) > 1 and re.match(r"\d+ --> |[\d:,.]+ --> ", lines[1]):
        return "subtitles: times and numbers would be read as words; take them out"
    if first.startswith(("# newdoc", "# sent_id", "# text =", "# global.columns")) or _is_conllu(lines):
        return "CoNLL-U, a table of annotated words; write the sentences alone, one per line"
    if (separator := _separator(lines)) is not None:
        return f"a table with columns separated by {separator} under a header; write the column with the text alone"
    columns = {line.count("\t") + 1 for line in lines}
    if len(lines) > 2 and len(columns) == 1 and columns != {1}:
        return (
            f"a table: every line has {columns.pop()} columns separated by tabs; write the column with the text alone"
        )
    return _vectors(lines)


def _is_json(line: str) -> bool:
    if not line.lstrip().startswith(("{", '["', "[{")):
        return False
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        # A line that was cut off at the end of what was looked at, or that is not JSON.
        return False


def _is_conllu(lines: Sequence[str]) -> bool:
    return len(lines) > 1 and all(re.match(r"\d+\t[^\t]+\t.*\t", line) for line in lines[:3])


def _separator(lines: Sequence[str]) -> str | None:
    """What separates the columns of a table with a header: the same number of short names first, then of fields."""
    for sign, name in (("\t", "tabs"), (",", "commas"), (";", "semicolons")):
        columns = lines[0].split(sign)
        if len(columns) < 2 or len(lines) < 3:
            continue
        names = [column.strip().strip("\"'") for column in columns]
        if not all(re.fullmatch(r"[^\W\d][\w .()-]{0,30}", column) for column in names) or len(set(names)) < len(names):
            continue
        if sign == "\t":
            alike = all(line.count(sign) == len(columns) - 1 for line in lines[1:6])
        else:
            # Text in a field may hold commas, so that at least as many are needed, and a header without spaces.
            alike = not any(" " in column.strip() for column in names) and " " not in lines[0]
            alike = alike and all(line.count(sign) >= len(columns) - 1 for line in lines[1:6])
        if alike:
            return name
    return None


def _vectors(lines: Sequence[str]) -> str | None:
    rows = [line.split() for line in lines[1:6]]
    if len(rows) < 2 or len({len(row) for row in rows}) > 1 or len(rows[0]) < 3:
        return None
    if all(re.fullmatch(r"-?\d+\.\d+(?:e-?\d+)?", field) for row in rows for field in row[1:]):
        return "word vectors; they go to --embedding"
    return None
