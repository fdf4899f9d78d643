"""Files from the network, each fetched once: whole and with the right checksum in the cache, or not there at all.

pooch keeps the cache: it verifies the SHA-256 of a file on every use, gives a new file its name only when its checksum
is right, and fetches a damaged one again. How bytes arrive, and go on arriving after a break, is in ``partial.py``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from rnn_lm.corpora.access import RemoteFile
from rnn_lm.corpora.partial import PartialDownload
from rnn_lm.errors import UserError
from rnn_lm.progress import Progress

with warnings.catch_warnings():
    # It brings a progress bar of its own, which warns in a notebook without widgets; ours is shown instead.
    warnings.simplefilter("ignore")
    import pooch

CACHE_VARIABLE = "RNN_LM_CACHE"
"""Environment variable: the folder that downloads are kept in. Default: the operating system's place for caches."""
MIRROR_VARIABLE = "RNN_LM_MIRROR"
"""Environment variable: a URL under which the files lie as they do in the cache, for where their hosts are blocked."""


@dataclass(frozen=True)
class Downloads:
    """The cache and the way to fill it.

    Attributes:
        cache: folder; made when first needed.
        progress: told how far a download is.
        mirror: fetch from under this URL, and not from where a file is published.
        timeout: seconds without a sign of the server after which it is given up.
    """

    cache: Path
    progress: Progress
    mirror: str | None = None
    timeout: float = 30.0

    @classmethod
    def from_environment(cls, progress: Progress) -> Downloads:
        """The cache and mirror that the environment variables name, or the usual ones."""
        cache = os.environ.get(CACHE_VARIABLE) or pooch.os_cache("rnn_lm")
        return cls(Path(cache).expanduser(), progress, os.environ.get(MIRROR_VARIABLE) or None)

    def fetch(self, file: RemoteFile) -> Path:
        """The file in the cache, verified; downloaded, or its download gone on with, where it is not there.

        Raises:
            UserError: it cannot be reached, breaks off, is not the right file, or the cache cannot be written.
        """
        url = file.url if self.mirror is None else f"{self.mirror.rstrip('/')}/{file.path}"
        target = self.cache / file.path
        part = PartialDownload(target.with_name(f"{target.name}.part"), file.size, self.timeout, self.progress)
        # pooch announces downloads on stderr; here the progress bar does.
        pooch.get_logger().setLevel("ERROR")
        with self._refusals(file, url, part):
            found = pooch.retrieve(
                url,
                f"sha256:{file.sha256}",
                fname=target.name,
                path=target.parent,
                downloader=part,  # pyright: ignore[reportArgumentType] (pooch declares its post-processors' arguments)
            )
        return Path(found)

    @contextlib.contextmanager
    def _refusals(self, file: RemoteFile, url: str, part: PartialDownload) -> Iterator[None]:
        """Turn whatever goes wrong into a one-line ``UserError``."""
        elsewhere = f"give a folder that holds {Path(file.path).name} to --data-dir"
        try:
            yield
        except requests.RequestException as error:
            kept = f" after {part.done:,} of {file.size:,} bytes" if part.done else ""
            again = "repeat the command to go on from there" if part.done else "try again later"
            raise UserError(f"{url}: {_reason(error, self.timeout)}{kept}; {again}, or {elsewhere}") from error
        except ValueError as error:
            raise UserError(
                f"{url}: not the file that {file.path} should be (size or SHA-256 differs), so it was not kept; its "
                f"host has changed it, or a login page or proxy answers instead: repeat the command, or {elsewhere}"
            ) from error
        except OSError as error:
            # pooch puts its own words around a refusal; the operating system's are in its cause.
            reason = error.strerror or getattr(error.__cause__, "strerror", None) or error
            raise UserError(
                f"{self.cache}: cannot keep {file.path} ({file.size / 1e6:.0f} MB) in the cache: "
                f"{reason}; {_fix_of(error)}set {CACHE_VARIABLE} to another folder"
            ) from error


def _fix_of(error: OSError) -> str:
    number = error.errno or getattr(error.__cause__, "errno", None)
    return "free space, or " if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None) else ""


def _reason(error: requests.RequestException, timeout: float) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"no answer within {timeout:g} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.exceptions.SSLError):
        return "no secure connection (its certificate is not trusted here, or a proxy stands between)"
    if isinstance(error, ValueError):
        return f"not a URL; {MIRROR_VARIABLE} must begin with http:// or https://"
    return "cannot be reached (no network, or the server is down)"
