"""What a page can do without: pictures and specifications in fewer bytes, the same to look at.

A picture in a page is described as a whole, so that the roles and descriptions of its thousand parts are read by
nobody; its fonts can be said once; and a tenth of a pixel is less than anybody sees. Of a specification that is mostly
data a browser unpacks what gzip has made of it.
"""

from __future__ import annotations

import base64
import gzip
import re

_TAG = re.compile(r"<[A-Za-z][^<>]*>")
_SPOKEN = re.compile(r' (?:aria-[a-z]+|role|pointer-events|class)="[^"]*"')
_USUAL = re.compile(r' (?:opacity|stroke-width|fill-opacity|stroke-opacity)="1"| font-weight="normal"')
_NOTHING = re.compile(r'<path(?: class="[^"]*")?(?: aria-hidden="true")? d="(?:|M0,0h0v0h0Z)"[^<>]*/>')
_PLACES = re.compile(r'\b(d|transform|x1|x2|x|y1|y2|y|cx|cy|width|height)="([^"]*)"')
_NUMBER = re.compile(r"-?\d+\.\d+")
_POINT = re.compile(r"([MLZ])(?:(-?[\d.]+),(-?[\d.]+))?")
_LINES = re.compile(r"(?:M-?[\d.]+,-?[\d.]+(?:L-?[\d.]+,-?[\d.]+)*Z?)+")
_FONT = re.compile(r' font-family="[^"]*"')
_LONG = 120
"""Characters of a path beyond which it is a curve, and not the outline of a small symbol."""
_WORTH_PACKING = 4096
"""Characters of JSON from which on packing it pays."""


def lighter(svg: str) -> str:
    """The same picture, its parts without descriptions of their own, its numbers to a tenth of a pixel."""
    svg = _NOTHING.sub("", svg)
    fonts = _FONT.findall(svg)
    usual = max(set(fonts), key=fonts.count) if fonts else ""
    svg = _TAG.sub(lambda match: _lighter_tag(match[0], usual), svg)
    return svg.replace("<svg", f"<svg{usual}", 1)


def _lighter_tag(tag: str, font: str) -> str:
    tag = _USUAL.sub("", _SPOKEN.sub("", tag))
    if font:
        tag = tag.replace(font, "")
    return _PLACES.sub(lambda match: f'{match[1]}="{_rounded(match[2])}"', tag)


def _rounded(places: str) -> str:
    if len(places) > _LONG and _LINES.fullmatch(places):
        return _relative(places)
    digits = 1 if len(places) > _LONG else 2

    def shorter(match: re.Match[str]) -> str:
        text = f"{float(match[0]):.{digits}f}".rstrip("0").rstrip(".")
        return "0" if text == "-0" else text

    return _NUMBER.sub(shorter, places)


def _relative(path: str) -> str:
    """A curve of straight lines, each from where the last one ended, in tenths of a pixel."""
    parts: list[str] = []
    x, y = 0, 0
    for letter, across, down in _POINT.findall(path):
        if letter == "Z":
            parts.append("Z")
            continue
        here = round(10 * float(across)), round(10 * float(down))
        # After Z the pen is elsewhere; every part of a path begins with M, which is said in full.
        first, second = (here[0] - x, here[1] - y) if letter == "L" else here
        parts.append(f"{'l' if letter == 'L' else 'M'}{_tenths(first)},{_tenths(second)}")
        x, y = here
    return "".join(parts)


def _tenths(number: int) -> str:
    text = f"{number / 10:.1f}".removesuffix(".0")
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def packed(json: str) -> str | None:
    """``json`` as gzip in base64, where it is long enough to be worth it; the same JSON gives the same letters."""
    if len(json) < _WORTH_PACKING:
        return None
    return base64.b64encode(gzip.compress(json.encode(), compresslevel=9, mtime=0)).decode()


def unpacked(letters: str) -> str:
    """What ``packed`` was made from."""
    return gzip.decompress(base64.b64decode(letters)).decode()
