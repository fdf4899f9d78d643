"""Modules that are no part of a package: examples, benchmarks, what makes the docs. They are loaded by their path."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]


def module_at(path: Path | str) -> ModuleType:
    """Load a file, given from the root of the repository."""
    place = ROOT / path
    spec = importlib.util.spec_from_file_location(f"by_path_{place.parent.name}_{place.stem}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their module
    spec.loader.exec_module(module)
    return module
