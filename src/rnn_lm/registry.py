"""Name to factory: what the package holds, and what other packages offer under an entry point of the same kind.

A new cell, corpus or probe is one new file and one registration. One that is a package of its own needs no edit here::

    [project.entry-points."rnn_lm.cells"]
    leaky = "leaky_cell:LeakyCell"

and is found as soon as that package is installed. Entry points are looked up when a name is asked for that the package
itself does not hold, or when all names are listed; nothing of them is imported before.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from rnn_lm.errors import UserError, unknown_name

T = TypeVar("T")


class Registry(Generic[T]):
    """A named collection that refuses duplicates and answers a misspelt name with the closest one.

    Args:
        kind: what the entries are, for error messages ("cell", "corpus").
        group: entry points under which other packages offer theirs, e.g. "rnn_lm.cells"; None: they cannot.
    """

    def __init__(self, kind: str, group: str | None = None) -> None:
        self.kind, self.group = kind, group
        self._entries: dict[str, T] = {}
        self._offered: dict[str, importlib.metadata.EntryPoint] | None = None
        self._origins: dict[str, str] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that adds its argument under ``name``."""

        def add(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = entry
            return entry

        return add

    def __getitem__(self, name: str) -> T:
        """The entry called ``name``.

        Raises:
            UserError: there is none, with the closest name; or the package that offers it cannot be imported.
        """
        if name not in self._entries and name in self._elsewhere():
            self._load(name)
        if name not in self._entries:
            raise unknown_name(self.kind, name, self)
        return self._entries[name]

    def origin(self, name: str) -> str:
        """The package, with its version, whose entry point ``name`` was taken from; "" where it was none."""
        return self._origins.get(name, "")

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._elsewhere()

    def __iter__(self) -> Iterator[str]:
        return iter([*self._entries, *(name for name in self._elsewhere() if name not in self._entries)])

    def __len__(self) -> int:
        return len(self._entries.keys() | self._elsewhere().keys())

    def loaded(self) -> list[str]:
        """The names whose entries are there already: nothing is imported for them."""
        return list(self._entries)

    def _elsewhere(self) -> dict[str, importlib.metadata.EntryPoint]:
        """What installed packages offer, by name; looked up once."""
        if self._offered is None:
            found = () if self.group is None else importlib.metadata.entry_points(group=self.group)
            self._offered = {point.name: point for point in found}
        return self._offered

    def _load(self, name: str) -> None:
        """Import what is offered as ``name``; its module may have registered it under that name itself."""
        point = self._elsewhere()[name]
        try:
            entry = point.load()
        except Exception as error:  # of a package that is not ours, and may fail in any way
            package = point.dist.name if point.dist is not None else point.module
            raise UserError(
                f"{self.kind} {name}: the package {package} that offers it cannot be used "
                f"({type(error).__name__}: {error}); fix or uninstall it"
            ) from error
        self._entries.setdefault(name, entry)
        self._origins[name] = f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.module
