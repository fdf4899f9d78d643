"""Every setting of a command with its place, its type and its help: what files, help and checks go by.

    Options                     table         name
      seeds                     compare       seeds            its own: under the command's name
      model: ModelConfig        model         hidden_size
      adaptation                adaptation    adapt
        cache: CacheSettings    adaptation.cache    cache_theta

No command has two settings of one name: the flags have no tables.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import itertools
import typing
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

import tyro

CALL = ("out", "resume", "overwrite")
"""About one call of a command, and not about what it does: no settings that are kept."""
CONSENT = ("resume", "overwrite")
"""What a person agrees to for one call; no file does for them."""


@dataclass(frozen=True)
class Entry:
    """One setting of a command.

    Attributes:
        name: of its field; its flag has ``-`` for ``_``.
        table: path of the table that it stands in, e.g. ``("model",)``.
        hint: its type, without annotations.
        field: as its dataclass has it.
        help: what its docstring says, on one line.
        positional: whether the command line takes it without a flag.
        usual: the part that it is in, as its command has it where that differs from the part's own defaults.
    """

    name: str
    table: tuple[str, ...]
    hint: Any
    field: dataclasses.Field[Any]
    help: str
    positional: bool = False
    usual: Any = None

    @property
    def default(self) -> Any:
        """The usual default; ``dataclasses.MISSING`` where there is none."""
        if self.usual is not None:
            return getattr(self.usual, self.name)
        factory = self.field.default_factory
        return self.field.default if factory is dataclasses.MISSING else factory()

    @property
    def choices(self) -> tuple[Any, ...]:
        """The words of which it is one; none where it is not."""
        hint = bare(self.hint)
        return get_args(hint) if get_origin(hint) is typing.Literal else ()


def command_of(kind: type[Any]) -> str:
    """The command whose ``Options`` these are."""
    return kind.__module__.rpartition(".")[2]


@functools.cache
def catalogue(kind: type[Any]) -> dict[str, Entry]:
    """Every setting of ``kind``, a command's ``Options``, by name, in the order of its fields."""
    return {entry.name: entry for entry in _entries(kind, (command_of(kind),), own=True)}


def tables_of(kind: type[Any]) -> dict[str, type[Any]]:
    """The tables at the top of a command's settings, and what each is; a command's own has the command's name."""
    hints = typing.get_type_hints(kind)
    parts = {name: hint for name, hint in hints.items() if _is_part(hint)}
    return {command_of(kind): kind, **parts}


def _entries(kind: type[Any], table: tuple[str, ...], *, own: bool = False, usual: Any = None) -> list[Entry]:
    hints, helps = typing.get_type_hints(kind, include_extras=True), helps_of(kind)
    found: list[Entry] = []
    for field in dataclasses.fields(kind):
        hint, name = hints[field.name], field.name
        if _is_part(hint):
            found += _entries(hint, (name,) if own else (*table, name), usual=usual_part(field, hint))
            continue
        hint, *markers = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        positional = any(marker is tyro.conf.Positional for marker in markers)
        found.append(Entry(name, table, hint, field, helps.get(name, ""), positional, usual))
    return found


def usual_part(field: dataclasses.Field[Any], hint: type[Any]) -> Any:
    """The settings of a part as a command has them, where that says so itself: not as the part's class does."""
    factory = field.default_factory
    return None if factory in (dataclasses.MISSING, hint) else factory()


def _is_part(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def bare(hint: Any) -> Any:
    """A type without the None that a setting may be instead."""
    members = [member for member in get_args(hint) if member is not type(None)]
    return members[0] if may_be_none(hint) and len(members) == 1 else hint


def may_be_none(hint: Any) -> bool:
    """Whether a setting of this type may be left undecided."""
    return type(None) in get_args(hint)


def about(kind: type[Any]) -> str:
    """What a settings class says that it is, on one line."""
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split())


@functools.cache
def helps_of(kind: type[Any]) -> dict[str, str]:
    """Field to the string that stands below it in the source of ``kind`` or a class that it is derived from."""
    found: dict[str, str] = {}
    for one in reversed([one for one in kind.__mro__ if dataclasses.is_dataclass(one)]):
        try:
            tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(one)))
        except (OSError, SyntaxError):  # without its source a class has no help, and works
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for field, below in itertools.pairwise(body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = " ".join(text.split())
    return found
