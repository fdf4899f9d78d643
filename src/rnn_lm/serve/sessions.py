"""The sessions of a server: as many as memory and disk are to hold, the others forgotten, the longest unused first.

Where there is a folder, a session is written to it whenever it changes, and is there again after a restart; of those
that memory has no room for, only the file is kept. A session's name is drawn at random, and only such names are looked
for on the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from rnn_lm.errors import UserError
from rnn_lm.files import make_folder, read_metadata, user_errors, write_atomically
from rnn_lm.serve.config import ServeConfig
from rnn_lm.serve.errors import ApiError
from rnn_lm.serve.served import Models, ServedModel
from rnn_lm.serve.states import Session, TextState

_NAME = re.compile(r"[0-9a-f]{32}")
_SUFFIX = ".safetensors"


class Sessions:
    """What is kept of texts, by name.

    Args:
        models: whose sessions there may be.
        config: how many, how long, and where.

    Raises:
        UserError: the folder cannot be made or read.
    """

    def __init__(self, models: Models, config: ServeConfig) -> None:
        self._models, self._config = models, config
        self._by_id: OrderedDict[str, Session] = OrderedDict()
        self._bytes = 0
        self._folder = None if config.state_dir is None else make_folder(config.state_dir)
        if self._folder is not None:
            with user_errors(self._folder, "read the folder"):
                self._find_files(self._folder)

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def bytes(self) -> int:
        """Memory that states take."""
        return self._bytes

    def _find_files(self, folder: Path) -> None:
        """The sessions of an earlier server, of models that this one has."""
        names = {model.digest: model.name for model in self._models}
        found: list[Session] = []
        for path in folder.glob(f"*/*{_SUFFIX}"):
            if _NAME.fullmatch(path.stem) is None:
                continue
            with contextlib.suppress(UserError, ValueError, OSError):
                facts = read_metadata(path)
                if facts.get("model") in names:
                    created, used = float(facts.get("created", 0)), path.stat().st_mtime
                    found.append(Session(path.stem, names[facts["model"]], None, created, used))
        self._by_id.update((one.id, one) for one in sorted(found, key=lambda session: session.used))
        self.forget_old()

    async def make(self, text: TextState) -> Session:
        """Begin a session; raises ``ApiError`` where it cannot be kept."""
        session = Session(secrets.token_hex(16), text.model.name, None, busy=True)
        self._by_id[session.id] = session
        try:
            await self.keep(session, text)
        except ApiError:
            self.delete(session)
            raise
        session.busy = False
        return session

    def find(self, name: str) -> Session:
        """Return a session that is not over.

        Raises:
            ApiError: there is none of that name.
        """
        self.forget_old()
        session = self._by_id.get(name) if _NAME.fullmatch(name) else None
        if session is None:
            raise ApiError(
                404,
                "there is no such session: it was deleted, is over, or never was",
                "session_id",
                "session_not_found",
            )
        self._by_id.move_to_end(name)
        session.used = time.time()
        return session

    def model_of(self, session: Session) -> ServedModel:
        """Return its model."""
        return self._models.find(session.model)

    def text_of(self, session: Session) -> TextState:
        """Return what is kept of its text, from the disk where it is only there.

        Raises:
            ApiError: its file is gone or damaged.
        """
        if session.text is None:
            try:
                with user_errors(self._path(session.id), "read"):
                    content = self._path(session.id).read_bytes()
                text = TextState.from_file(content, self.model_of(session))
            except UserError as error:
                raise ApiError(500, f"the session cannot be read back: {error}", code="session_damaged") from error
            self._put(session, text)
        assert session.text is not None
        return session.text

    @contextlib.contextmanager
    def taken(self, session: Session) -> Iterator[TextState]:
        """Inside, nobody else works on the session.

        Raises:
            ApiError: somebody does already.
        """
        if session.busy:
            raise ApiError(
                409,
                "another request is at work on this session; wait for it, or fork first",
                code="session_busy",
                retry_after=1,
            )
        session.busy = True
        try:
            yield self.text_of(session)
        finally:
            session.busy = False
            session.used = time.time()

    async def keep(self, session: Session, text: TextState) -> None:
        """Let a session be at ``text`` from now on; with a folder it is on the disk when this returns.

        Raises:
            ApiError: it cannot be written.
        """
        if session.id not in self._by_id:
            raise ApiError(404, "the session was deleted meanwhile", code="session_not_found")
        if self._folder is not None:
            content = text.to_file(created=repr(session.created))
            try:
                await asyncio.to_thread(_write, self._path(session.id), content)
            except UserError as error:
                raise ApiError(507, f"the session cannot be kept: {error}", code="session_not_kept") from error
        self._put(session, text)

    def _put(self, session: Session, text: TextState) -> None:
        self._bytes += text.bytes - (0 if session.text is None else session.text.bytes)
        session.text, session.used = text, time.time()
        self._by_id.move_to_end(session.id)
        self._make_room(session)

    def _make_room(self, newest: Session) -> None:
        """Let those go that were not used for longest."""
        most = self._config.session_megabytes * 1_000_000
        for session in list(self._by_id.values()):
            if len(self._by_id) <= self._config.sessions and self._bytes <= most:
                return
            if session.busy or session is newest:
                continue
            if len(self._by_id) > self._config.sessions or self._folder is None:
                self.delete(session)
            elif session.text is not None:
                self._bytes -= session.text.bytes
                session.text = None

    def forget_old(self) -> None:
        """Delete sessions that were not used for too long."""
        before = time.time() - self._config.session_seconds
        for session in list(self._by_id.values()):
            if session.used >= before:
                return
            if not session.busy:
                self.delete(session)

    def delete(self, session: Session) -> None:
        """Forget a session, on the disk, too."""
        if self._by_id.pop(session.id, None) is None:
            return
        if session.text is not None:
            self._bytes -= session.text.bytes
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._path(session.id).unlink()

    def _path(self, name: str) -> Path:
        """Where a session is: folders of a few hundred files each."""
        assert self._folder is not None
        assert _NAME.fullmatch(name)
        return self._folder / name[:2] / f"{name}{_SUFFIX}"


def _write(path: Path, content: bytes) -> None:
    write_atomically(make_folder(path.parent) / path.name, content)
