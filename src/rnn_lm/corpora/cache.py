"""What the cache holds, in bytes, and how to be rid of it. Only what this program put there is counted or deleted."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from rnn_lm.corpora import CORPORA
from rnn_lm.corpora.download import CACHE_VARIABLE
from rnn_lm.corpora.store import FACTS, TokenStore
from rnn_lm.errors import UserError
from rnn_lm.files import read_json, user_errors


def require_cache(cache: Path) -> None:
    """Raises ``UserError`` where ``cache`` is no folder, or cannot be made or written: nothing could be kept in it."""
    with user_errors(cache, "look at the cache"):
        there = next(path for path in (cache.absolute(), *cache.absolute().parents) if path.exists())
    if not there.is_dir():
        wrong = "is not a folder"
    elif not os.access(there, os.W_OK):
        wrong = "may not be written by you"
    else:
        return
    raise UserError(f"{there}: {wrong}, so that nothing can be kept in {cache}; set {CACHE_VARIABLE} to another folder")


def kept_tokens(cache: Path) -> dict[str, int]:
    """Bytes of each tokenized corpus, by a description and its folder."""
    folders = sorted(path for path in TokenStore(cache).folder.glob("*") if path.is_dir())
    return {_described(folder): sum(_size(path) for path in folder.iterdir()) for folder in folders}


def kept_downloads(cache: Path) -> dict[str, int]:
    """Bytes of each downloaded file, also of those that have not come to their end, by its path in the cache."""
    return {str(path.relative_to(cache)): path.stat().st_size for path in _downloaded(cache)}


def clear_tokens(cache: Path) -> None:
    """Delete all tokenized corpora; raises ``UserError`` where that is not allowed."""
    folder = TokenStore(cache).folder
    if folder.exists():
        with user_errors(folder, "delete"):
            shutil.rmtree(folder)


def clear_downloads(cache: Path) -> None:
    """Delete all downloaded files, and the folders that are empty then; raises ``UserError`` likewise."""
    for path in _downloaded(cache):
        with user_errors(path, "delete"):
            path.unlink()
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def _downloaded(cache: Path) -> list[Path]:
    files = [cache / file.path for corpus in CORPORA for file in CORPORA[corpus].files]
    found = [one for path in files for one in (path, path.with_name(f"{path.name}.part"))]
    return [path for path in found if path.is_file()]


def _described(folder: Path) -> str:
    try:
        about = read_json(folder / FACTS)["about"]
        case = "lower-cased" if about["lowercase"] else "case kept"
        return f"{str(about['name'])[:80]}, {str(about['tokens'])[:20]}, {case}  ({folder.name})"
    except (UserError, KeyError, TypeError):
        return f"unfinished or damaged  ({folder.name})"


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
