"""Pictures in fewer bytes that look the same."""

import re

from rnn_lm.report.lighter import lighter, packed, unpacked

FONT = "font-family=\"system-ui, 'Segoe UI'\""
LINE = "M0,100L" + "L".join(f"{x / 3:.7f},{100 - x * x / 777:.9f}" for x in range(1, 100))
SVG = (
    f'<svg viewBox="0 0 9 9"><g role="graphics-symbol" aria-label="An axis &quot;of&quot; 0.123456">'
    f'<path class="background" aria-hidden="true" d="M0,0h0v0h0Z" pointer-events="none"/>'
    f'<text {FONT} opacity="1" transform="translate(3.14159,-0.0001)">role="x" 0.123456 stays</text>'
    f'<text {FONT} opacity="0.25">b</text><text font-family="serif">c</text><path class="m" d="{LINE}" fill="none"/>'
    "</g></svg>"
)


def points(path: str) -> list[tuple[float, float]]:
    x, y, found = 0.0, 0.0, []
    for letter, across, down in re.findall(r"([MLl])(-?[\d.]+),(-?[\d.]+)", path):
        x, y = (x * (letter == "l") + float(across), y * (letter == "l") + float(down))
        found.append((x, y))
    return found


def test_a_curve_stays_where_it_is_to_a_tenth_of_a_pixel_however_long():
    light = lighter(SVG)
    (path,) = re.findall(r' d="([^"]*)"', light)
    assert len(path) < 0.5 * len(LINE)
    expected, found = points(LINE), points(path)
    assert len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        assert max(abs(one[0] - other[0]), abs(one[1] - other[1])) <= 0.0501


def test_what_is_read_and_seen_stays_and_what_is_neither_goes():
    light = lighter(SVG)
    assert '>role="x" 0.123456 stays</text>' in light
    assert 'opacity="0.25"' in light
    assert 'font-family="serif"' in light
    assert "translate(3.14,0)" in light
    assert light.startswith(f"<svg {FONT} ")
    assert light.count("system-ui") == 1
    assert not re.search(r"aria-|class=|graphics-symbol|h0v0", light)


def test_what_is_packed_is_unpacked_and_what_is_short_is_left():
    long = '{"a": "é' + "b" * 9000 + '"}'
    letters = packed(long)
    assert letters is not None
    assert len(letters) < 200
    assert unpacked(letters) == long
    assert packed("{}") is None
