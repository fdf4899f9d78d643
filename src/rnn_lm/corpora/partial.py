"""A download that can be broken off and gone on with.

Bytes are appended to ``NAME.part`` next to where the file is to be. A later call asks the server, by HTTP Range, for
the bytes from there on (RFC 9110, section 14); a server that does not know ranges sends all of it, and the download
starts over.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import requests

from rnn_lm.progress import Progress

CHUNK = 1 << 16
"""Bytes per write."""
USER_AGENT = "Mozilla/5.0 (compatible; rnn-lm)"
"""Who asks, in the form that programs use on the web; some hosts refuse the names of HTTP libraries."""


class WrongFileError(ValueError):
    """The server sends another file than the one that was asked for."""


class PartialDownload:
    """What ``pooch.retrieve`` calls to fill a file.

    Args:
        part: the file that bytes are kept in until all have come.
        size: how many they are to be.
        timeout: seconds without a sign of the server after which it is given up.
        progress: told how far it is.
    """

    def __init__(self, part: Path, size: int, timeout: float, progress: Progress) -> None:
        self.part, self.size, self.timeout, self.progress = part, size, timeout, progress
        self.done = 0
        """Bytes that are there so far."""

    def __call__(self, url: str, output_file: str | Path, pooch: Any, check_only: bool = False) -> None:  # noqa: ARG002
        """Fill ``output_file``, in the same folder as ``part``, with what ``url`` gives; pooch verifies the checksum.

        Raises:
            requests.RequestException: the server refuses or is not there (``done`` is 0), or the connection broke off.
            WrongFileError: what comes has another size; nothing of it is kept.
            OSError: it cannot be written.
        """
        self.done = self.part.stat().st_size if self.part.exists() else 0
        try:
            if self.done > self.size:
                raise WrongFileError(f"{self.part} is longer than {self.size} bytes")
            if self.done < self.size:
                self._receive(url)
        except WrongFileError:
            self.part.unlink(missing_ok=True)
            raise
        os.replace(self.part, output_file)

    def _receive(self, url: str) -> None:
        # Packed for the way, the bytes could neither be counted nor asked for from the middle.
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                raise WrongFileError("the file there is shorter than what has come of it")
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:
                self.done = 0
            self._require_size(response)
            self._append(response)
        if self.done < self.size:
            raise requests.exceptions.ChunkedEncodingError("the connection was closed early")

    def _append(self, response: requests.Response) -> None:
        name = self.part.name.removesuffix(".part")
        with (
            open(self.part, "ab" if self.done else "wb") as out,
            self.progress.task(f"download {name}", float(self.size)) as task,
        ):
            task.update(float(self.done))
            for chunk in response.iter_content(CHUNK):
                out.write(chunk)
                self.done += len(chunk)
                if self.done > self.size:
                    raise WrongFileError("more comes than the file has bytes")
                task.update(float(self.done), MB=self.done / 1e6)

    def _require_size(self, response: requests.Response) -> None:
        """Refuse another file before anything of it is written, where the server says how long it is."""
        length = response.headers.get("Content-Length", "")
        total = str(self.done + int(length)) if length.isdecimal() else str(self.size)
        if response.status_code == requests.codes.partial_content:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            if span is None or int(span[1]) != self.done:
                raise WrongFileError("the server sends another part than the one asked for")
            total = span[2] if span[2] != "*" else total
        if int(total) != self.size:
            raise WrongFileError(f"the file there has {total} bytes, not {self.size}")
