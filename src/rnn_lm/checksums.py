"""A checksum inside what it is of: JSON values that tell whether they are as they were written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

CHECKSUM = "sha256"
"""The key of the checksum; it is over all the others."""


def digest_of_json(value: Any) -> str:
    """SHA-256, in hexadecimal digits, of a JSON value, however it is laid out."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def with_checksum(values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with their checksum."""
    return {**values, CHECKSUM: digest_of_json(values)}


def is_intact(values: Mapping[str, Any]) -> bool:
    """Whether ``values`` are what ``with_checksum`` made."""
    return values.get(CHECKSUM) == digest_of_json({name: value for name, value in values.items() if name != CHECKSUM})
