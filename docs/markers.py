"""Where a page has room for what a command finds: between ``<!-- NAME -->`` and ``<!-- /NAME -->``, a line each."""

from __future__ import annotations

import re


def put(page: str, name: str, text: str) -> str:
    """Return ``page`` with ``text`` between the marks of ``name``; as it is where it has none."""
    pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
    return pattern.sub(lambda marks: f"{marks[1]}{text}\n{marks[2]}", page)


def require(page: str, name: str, where: object) -> None:
    """End the program where ``page``, which is at ``where``, has no place for ``name``."""
    if f"<!-- {name} -->" not in page or f"<!-- /{name} -->" not in page:
        raise SystemExit(f"{where}: has no <!-- {name} --> to <!-- /{name} -->")
