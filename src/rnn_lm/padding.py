"""The one number that texts, models and losses share: what stands where there is nothing to predict."""

from __future__ import annotations

IGNORE = -1
"""The target id of a position that is padding and is not scored."""
