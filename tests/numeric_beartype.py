"""The run-time check of annotations in tests: an int is welcome where a float is annotated, as PEP 484 says."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
