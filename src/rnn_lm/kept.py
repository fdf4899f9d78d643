"""Results that took long, kept as JSON beside what they depend on, and verified when they are taken up again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnn_lm.checksums import CHECKSUM, is_intact, with_checksum
from rnn_lm.files import read_json, write_json


def write_kept(path: Path, key: Any, result: Mapping[str, object]) -> None:
    """Keep ``result`` (plain JSON) with ``key``, all that it depends on, and a checksum of both."""
    write_json(path, with_checksum({"key": key, "result": result}))


def read_kept(path: Path, key: Any) -> dict[str, Any] | None:
    """The result that was kept with an equal ``key``; None where there is none, or it is not what was written.

    Version 0.1 wrote no checksum: what it kept is taken as it is.

    Raises:
        UserError: there is a file, and it cannot be read, or is not JSON.
    """
    if not path.exists():
        return None
    values = read_json(path)
    if not isinstance(values, dict) or not isinstance(values.get("result"), dict):
        return None
    if values.keys() - {CHECKSUM} != {"key", "result"} or (CHECKSUM in values and not is_intact(values)):
        return None
    return values["result"] if values["key"] == json.loads(json.dumps(key)) else None
