"""What a pickle holds, read as data: nothing that it names is looked up, imported or called.

A pickle is a list of instructions for a small machine with a stack: put this string on the stack, make a list of what
lies above the mark, call this importable function. Loading one with pickle is to trust it with the machine. Here the
instructions that build lists, dicts, tuples, strings and numbers are carried out; what names or calls something makes a
``Record``, which holds the name and whatever was handed to it and does nothing.

Each instruction is one turn of a loop, so nothing recurses however deep the values lie. Keys of dicts are strings or
integers, so that none takes long to hash. Memory is paid for: what the instructions build may not exceed a multiple of
the bytes that were read. The format is that of ``pickletools`` in Python's library, protocols 2 to 5.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rnn_lm.memory import available_memory

DEEPEST = 1 << 17
"""Values that may lie on the stack at once; Python's own pickles put a thousand there."""
_BETWEEN_CHECKS = 256
_CHUNK = 1 << 20
_FREE = 64 << 20
_BYTES_PER_BYTE = 48
"""Bytes that a byte of the file may make: gensim's older files come to 15 or so, in records of a word's count."""
_SMALL, _CONTAINER = 64, 160
"""What a value costs: about what Python takes for a number with its place, and for an empty dict or record."""


class NotData(Exception):
    """The bytes are no pickle of plain data; the message says why, for a person to read."""


@dataclass(eq=False)
class Record:
    """Stands for an object of the pickle.

    Attributes:
        name: module and name of its class or of the function that made it.
        arguments: what it was made with.
        state: what it was given afterwards.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None


@dataclass(frozen=True)
class _Name:
    """An importable name that the pickle mentions."""

    text: str


def read_pickle(file: io.BufferedReader, known: Callable[[str], bool]) -> Any:
    """The value that the pickle at the file's position holds.

    Args:
        file: read up to the pickle's end.
        known: whether a name (``module.name``) may be mentioned.

    Raises:
        NotData: it mentions another name, has instructions that data does not need, makes no sense, or is cut off.
    """
    return _Machine(file, known).run()


@dataclass
class _Machine:
    file: io.BufferedReader
    known: Callable[[str], bool]
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    consumed: int = 0
    built: int = 0

    def run(self) -> Any:
        most, read, find = available_memory() // 2, self.file.read, _INSTRUCTIONS.get
        while True:
            for _ in range(_BETWEEN_CHECKS):
                code = read(1)
                self.consumed += 1
                if code == b".":
                    return self.pop()
                instruction = find(code)
                if instruction is None:
                    raise NotData(_unknown(code))
                instruction(self)
            if len(self.stack) > DEEPEST or len(self.marks) > DEEPEST:
                raise NotData("it piles up more values than any vectors need")
            if self.built > min(most, _FREE + _BYTES_PER_BYTE * self.consumed):
                raise NotData("it takes more memory than any vectors need")

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes; a length that lies is found out before the memory for it is taken."""
        data = self.file.read(size) if size <= _CHUNK else self._take_much(size)
        self.consumed += len(data)
        if len(data) < size:
            raise NotData("it is cut off")
        return data

    def _take_much(self, size: int) -> bytes:
        if size > available_memory() // 2:
            raise NotData("it is cut off, or takes more memory than there is")
        whole = bytearray()
        while len(whole) < size and (part := self.file.read(min(size - len(whole), _CHUNK))):
            whole += part
        return bytes(whole)

    def line(self) -> str:
        data = self.file.readline(_CHUNK)
        self.consumed += len(data)
        if not data.endswith(b"\n"):
            raise NotData("it is cut off")
        return text(data[:-1])

    def push(self, value: Any, cost: int = _SMALL) -> None:
        self.built += cost
        self.stack.append(value)

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise NotData("it takes a value where there is none")
        return self.stack.pop()

    def top(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise NotData(f"it adds to what is no {kind.__name__}")
        return self.stack[-1]

    def since_mark(self) -> list[Any]:
        if not self.marks:
            raise NotData("it has no mark where one is needed")
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def tuple_of(self, size: int) -> None:
        values = [self.pop() for _ in range(size)]
        self.push(tuple(reversed(values)))

    def extend(self, values: list[Any]) -> None:
        self.built += 8 * len(values)
        self.top(list).extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.top(dict)
        if len(values) % 2:
            raise NotData("it has a key without a value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) not in (str, int):
                raise NotData(f"it has a key that is a {type(key).__name__}")
            target[key] = value
        self.built += _SMALL * len(values)

    def name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise NotData("it names something by what is no text")
        full = f"{module}.{name}"
        if not self.known(full):
            raise NotData(f"it names {full[:200]}")
        self.push(_Name(full))

    def make(self, maker: Any, arguments: Any) -> None:
        if not isinstance(maker, _Name) or not isinstance(arguments, tuple):
            raise NotData("it calls what is no name")
        self.push(Record(maker.text, arguments), _CONTAINER)

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise NotData("it recalls what it never remembered")
        self.push(self.memo[index], 8)

    def remember(self, index: int) -> None:
        if not self.stack:
            raise NotData("it remembers a value where there is none")
        self.built += _SMALL
        self.memo[index] = self.stack[-1]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def sized(self, size: int) -> bytes:
        """Bytes after their length, which is written in ``size`` bytes."""
        data = self.take(self.number(size))
        self.built += len(data)
        return data


def _unknown(code: bytes) -> str:
    return f"it has the instruction {code!r}, which plain data does not need" if code else "it is cut off"


def text(data: bytes) -> str:
    """Bytes as text; raises ``NotData`` where they are none."""
    try:
        return data.decode(errors="surrogatepass")
    except UnicodeDecodeError as error:
        raise NotData("it has text that is not UTF-8") from error


def _text_or_bytes(data: bytes) -> str | bytes:
    """A string of Python 2, which may be either."""
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        return data


def _build(machine: _Machine) -> None:
    state, target = machine.pop(), machine.top(Record)
    target.state = state


def _make_with_keywords(machine: _Machine) -> None:
    keywords, arguments, maker = machine.pop(), machine.pop(), machine.pop()
    if keywords != {}:
        raise NotData("it calls something with named arguments")
    machine.make(maker, arguments)


def _make(machine: _Machine) -> None:
    arguments, maker = machine.pop(), machine.pop()
    machine.make(maker, arguments)


def _set_item(machine: _Machine) -> None:
    value, key = machine.pop(), machine.pop()
    machine.set_items([key, value])


def _append(machine: _Machine) -> None:
    value = machine.pop()
    machine.extend([value])


def _global(machine: _Machine) -> None:
    module = machine.line()
    machine.name(module, machine.line())


def _stack_global(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    machine.name(module, name)


_INSTRUCTIONS: dict[bytes, Callable[[_Machine], object]] = {
    b"\x80": lambda machine: machine.take(1),  # protocol
    b"\x95": lambda machine: machine.take(8),  # length of a frame
    b"(": lambda machine: machine.marks.append(len(machine.stack)),
    b"0": lambda machine: machine.pop(),
    b"1": lambda machine: machine.since_mark(),
    b"2": lambda machine: machine.push(machine.top(object)),
    b"N": lambda machine: machine.push(None),
    b"\x88": lambda machine: machine.push(True),
    b"\x89": lambda machine: machine.push(False),
    b"J": lambda machine: machine.push(int.from_bytes(machine.take(4), "little", signed=True)),
    b"K": lambda machine: machine.push(machine.number(1)),
    b"M": lambda machine: machine.push(machine.number(2)),
    b"\x8a": lambda machine: machine.push(int.from_bytes(machine.sized(1), "little", signed=True)),
    b"G": lambda machine: machine.push(struct.unpack(">d", machine.take(8))[0]),
    b"X": lambda machine: machine.push(text(machine.sized(4))),
    b"\x8c": lambda machine: machine.push(text(machine.sized(1))),
    b"\x8d": lambda machine: machine.push(text(machine.sized(8))),
    b"B": lambda machine: machine.push(machine.sized(4)),
    b"C": lambda machine: machine.push(machine.sized(1)),
    b"\x8e": lambda machine: machine.push(machine.sized(8)),
    b"\x96": lambda machine: machine.push(machine.sized(8)),
    b"T": lambda machine: machine.push(_text_or_bytes(machine.sized(4))),
    b"U": lambda machine: machine.push(_text_or_bytes(machine.sized(1))),
    b")": lambda machine: machine.push(()),
    b"]": lambda machine: machine.push([], _CONTAINER),
    b"}": lambda machine: machine.push({}, _CONTAINER),
    b"\x8f": lambda machine: machine.push([], _CONTAINER),  # a set, here a list, so that nothing is hashed
    b"\x90": lambda machine: machine.extend(machine.since_mark()),
    b"\x91": lambda machine: machine.push(machine.since_mark()),
    b"t": lambda machine: machine.push(tuple(machine.since_mark())),
    b"\x85": lambda machine: machine.tuple_of(1),
    b"\x86": lambda machine: machine.tuple_of(2),
    b"\x87": lambda machine: machine.tuple_of(3),
    b"a": _append,
    b"e": lambda machine: machine.extend(machine.since_mark()),
    b"s": _set_item,
    b"u": lambda machine: machine.set_items(machine.since_mark()),
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _make,
    b"\x81": _make,
    b"\x92": _make_with_keywords,
    b"b": _build,
    b"h": lambda machine: machine.recall(machine.number(1)),
    b"j": lambda machine: machine.recall(machine.number(4)),
    b"q": lambda machine: machine.remember(machine.number(1)),
    b"r": lambda machine: machine.remember(machine.number(4)),
    b"\x94": lambda machine: machine.remember(len(machine.memo)),
}
"""What each instruction does, by its byte. Those that are missing are of protocol 0, or fetch values from elsewhere."""
