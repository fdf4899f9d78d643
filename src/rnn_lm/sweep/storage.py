"""Where a study is kept, so that several processes can share it and a later one can go on with it.

By default that is Optuna's journal: a file in the run's folder to which every operation is appended under a lock file
made with O_EXCL. SQLite would be the alternative; it locks with ``fcntl``, which network file systems often get wrong,
and the folder that several machines share is on one. A database server is given with ``--storage``.
"""

from __future__ import annotations

import contextlib
import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalRedisBackend
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from rnn_lm.errors import UserError
from rnn_lm.files import user_errors
from rnn_lm.sweep.journal import check_journal

JOURNAL = "study.journal"
"""The default storage's file, in the run's folder."""
ATTEMPTS = 5
"""How often a new database is tried whose tables somebody else is making at this moment."""


def open_database(url: str) -> BaseStorage:
    """Open a database by its URL: any that SQLAlchemy knows, or Redis.

    Raises:
        UserError: it cannot be opened: no such database, no driver for it, no connection.
    """
    with storage_errors(url):
        try:
            return _open_redis(url) if re.match(r"rediss?://", url) else _open_sql(url)
        except (ImportError, OSError, ValueError) as error:
            raise _refusal(url, error) from error


def shown_url(url: str) -> str:
    """``url`` without its password: for messages, manifests and results."""
    return re.sub(r"(password=)[^&\s]+", r"\1***", re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url))


@contextlib.contextmanager
def storage_errors(url: str | None) -> Iterator[None]:
    """Turn a database that cannot be reached, now or in the middle of a sweep, into a one-line ``UserError``."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        raise _refusal(url or JOURNAL, error.__cause__ or error) from error


def _refusal(url: str, error: BaseException) -> UserError:
    reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return UserError(f"--storage {shown_url(url)}: cannot be used: {shown_url(reason).rstrip('.')}; check the address")


def open_journal(path: Path) -> BaseStorage:
    """Open the journal at ``path``, or begin one; raises ``UserError`` where that cannot be done or it is damaged."""
    # Absolute, so that the lock stays where it is should the working directory change.
    name = str(path.absolute())
    check_journal(path)
    try:
        with user_errors(path, "open the study"):
            return JournalStorage(JournalFileBackend(name, lock_obj=JournalFileOpenLock(name)))
    except UserError:
        raise
    except Exception as error:  # lines that are each as they should be, and do not follow from one another
        raise UserError(f"{path}: not a journal of Optuna's, or a damaged one; choose another --out") from error


def _open_sql(url: str) -> BaseStorage:
    for attempt in range(1, ATTEMPTS):
        try:
            return RDBStorage(url)
        except DBAPIError as error:
            if not isinstance(error, IntegrityError) and "already exists" not in str(error):
                raise
            time.sleep(0.2 * attempt)
    return RDBStorage(url)


def _open_redis(url: str) -> BaseStorage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # since 2022, and nothing that a user can do about it
        backend: Any = JournalRedisBackend(url)
    from redis.exceptions import RedisError  # pyright: ignore[reportMissingImports] (the line above has found it)

    try:
        return JournalStorage(backend)
    except RedisError as error:
        raise _refusal(url, error) from error
