"""Downloads: once, verified, gone on with after a break; a fault is one line with the fix and leaves nothing half."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pooch
import pytest

from corpora.file_server import FileServer
from rnn_lm.corpora import Downloads
from rnn_lm.corpora.access import RemoteFile
from rnn_lm.corpora.partial import CHUNK
from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress, Task

CONTENT = bytes(range(256)) * 1000
FILE = RemoteFile(
    "some/text.bin", "http://127.0.0.1:9/nowhere", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()
)  # port 9 discards


@pytest.fixture
def whole(server: FileServer) -> FileServer:
    """The server, with the right file on it."""
    server.files["/some/text.bin"] = CONTENT
    return server


def part_of(downloads: Downloads) -> Path:
    return downloads.cache / "some" / "text.bin.part"


def left(downloads: Downloads) -> list[str]:
    """Names of the files in the cache."""
    return sorted(path.name for path in downloads.cache.rglob("*") if path.is_file())


def refusal(downloads: Downloads) -> str:
    with pytest.raises(UserError) as caught:
        downloads.fetch(FILE)
    assert "text.bin" not in left(downloads)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_file_is_fetched_once(downloads: Downloads, whole: FileServer) -> None:
    path = downloads.fetch(FILE)
    assert path == downloads.cache / "some" / "text.bin"
    assert path.read_bytes() == CONTENT
    assert downloads.fetch(FILE) == path
    assert whole.requests == [""]
    assert left(downloads) == ["text.bin"]


def test_a_download_that_breaks_off_is_gone_on_with(downloads: Downloads, whole: FileServer) -> None:
    whole.cut_after = CHUNK + 1000
    message = refusal(downloads)
    assert f"{whole.url}/some/text.bin: the connection broke off after {CHUNK:,} of 256,000 bytes" in message
    assert "repeat the command to go on from there" in message
    assert left(downloads) == ["text.bin.part"]
    whole.cut_after = None
    assert downloads.fetch(FILE).read_bytes() == CONTENT
    assert whole.requests == ["", f"bytes={CHUNK}-"]
    assert left(downloads) == ["text.bin"]


def test_a_break_without_an_announced_length_is_noticed(downloads: Downloads, whole: FileServer) -> None:
    whole.cut_after, whole.says_length = 5_000, False
    assert "after 5,000 of 256,000 bytes" in refusal(downloads)


def test_a_server_without_ranges_starts_over(downloads: Downloads, whole: FileServer) -> None:
    whole.cut_after, whole.knows_ranges = 100_000, False
    refusal(downloads)
    whole.cut_after = None
    assert downloads.fetch(FILE).read_bytes() == CONTENT


def test_a_part_that_was_complete_needs_no_server(downloads: Downloads, whole: FileServer) -> None:
    part_of(downloads).parent.mkdir(parents=True)
    part_of(downloads).write_bytes(CONTENT)
    assert downloads.fetch(FILE).read_bytes() == CONTENT
    assert whole.requests == []


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"!", CONTENT + b"!", CONTENT[:-1], b"<html>Please log in</html>"])
@pytest.mark.parametrize("says_length", [True, False])
def test_wrong_bytes_are_not_kept(downloads: Downloads, server: FileServer, content: bytes, says_length: bool) -> None:
    server.files["/some/text.bin"], server.says_length = content, says_length
    message = refusal(downloads)
    if says_length or len(content) >= len(CONTENT):
        assert "not the file that some/text.bin should be (size or SHA-256 differs)" in message
        assert left(downloads) == []
    assert "--data-dir" in message


@pytest.mark.parametrize("start", [b"something else " * 1000, CONTENT * 2])
def test_a_part_of_something_else_is_thrown_away(downloads: Downloads, whole: FileServer, start: bytes) -> None:
    part_of(downloads).parent.mkdir(parents=True)
    part_of(downloads).write_bytes(start)
    assert "SHA-256 differs" in refusal(downloads)
    assert left(downloads) == []
    assert downloads.fetch(FILE).read_bytes() == CONTENT
    assert whole.requests[-1] == ""


def test_a_part_longer_than_what_is_there_now(downloads: Downloads, server: FileServer) -> None:
    server.files["/some/text.bin"] = CONTENT[:500]
    part_of(downloads).parent.mkdir(parents=True)
    part_of(downloads).write_bytes(CONTENT[:1000])
    assert "not the file" in refusal(downloads)
    assert left(downloads) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(downloads: Downloads, whole: FileServer) -> None:
    path = downloads.fetch(FILE)
    path.write_bytes(CONTENT[:-1])
    assert downloads.fetch(FILE).read_bytes() == CONTENT
    assert len(whole.requests) == 2


@pytest.mark.parametrize(("status", "reason"), [(404, "404 Not Found"), (403, "403 Forbidden"), (503, "503")])
def test_an_answer_that_is_an_error(downloads: Downloads, whole: FileServer, status: int, reason: str) -> None:
    whole.status = status
    message = refusal(downloads)
    assert f"{whole.url}/some/text.bin: the server answers {reason}" in message
    assert "give a folder that holds text.bin to --data-dir" in message
    assert left(downloads) == []


def test_a_server_that_does_not_answer(downloads: Downloads, whole: FileServer) -> None:
    whole.hangs = True
    assert f"{whole.url}/some/text.bin: no answer within 0.3 seconds; try again later" in refusal(downloads)


def test_no_server_at_all(downloads: Downloads) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    message = refusal(dataclasses.replace(downloads, mirror=url))
    assert f"{url}/some/text.bin: cannot be reached (no network" in message


def test_a_mirror_that_is_no_url(downloads: Downloads) -> None:
    message = refusal(dataclasses.replace(downloads, mirror="mirror.example"))
    assert "not a URL; RNN_LM_MIRROR must begin with http://" in message


def test_a_full_disk(downloads: Downloads, whole: FileServer) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full, which is always full")
    part_of(downloads).parent.mkdir(parents=True)
    part_of(downloads).symlink_to("/dev/full")
    message = refusal(downloads)
    assert f"{downloads.cache}: cannot keep some/text.bin" in message
    assert "No space left on device; free space, or set RNN_LM_CACHE" in message
    assert whole.requests == [""]


def test_a_cache_that_cannot_be_made(downloads: Downloads, whole: FileServer) -> None:
    downloads.cache.write_text("a file where the folder should be")
    message = refusal(downloads)
    assert "Not a directory; set RNN_LM_CACHE to another folder" in message
    assert whole.requests == []


@pytest.mark.usefixtures("whole")
def test_a_cache_that_must_not_be_written(downloads: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.makedirs", refuse)
    assert "in the cache: Permission denied; set RNN_LM_CACHE" in refusal(downloads)


def test_the_environment_names_cache_and_mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RNN_LM_CACHE", str(tmp_path))
    monkeypatch.setenv("RNN_LM_MIRROR", "http://mirror.example/corpora/")
    found = Downloads.from_environment(SilentProgress())
    assert (found.cache, found.mirror) == (tmp_path, "http://mirror.example/corpora/")
    monkeypatch.delenv("RNN_LM_CACHE")
    monkeypatch.delenv("RNN_LM_MIRROR")
    found = Downloads.from_environment(SilentProgress())
    assert (found.cache, found.mirror) == (pooch.os_cache("rnn_lm"), None)


def test_without_a_mirror_the_published_url_is_asked(downloads: Downloads) -> None:
    message = refusal(dataclasses.replace(downloads, mirror=None))
    assert message.startswith("http://127.0.0.1:9/nowhere: cannot be reached")


class _Recorder(SilentProgress):
    def __init__(self) -> None:
        self.total, self.seen = 0.0, list[float]()

    @contextlib.contextmanager
    def task(self, name: str, total: float) -> Iterator[Task]:
        assert name == "download text.bin"
        self.total = total
        yield self

    def update(self, completed: float, **figures: float | str) -> None:  # noqa: ARG002 (the protocol's)
        self.seen.append(completed)


def test_progress_goes_on_from_what_was_there(downloads: Downloads, whole: FileServer) -> None:
    progress = _Recorder()
    whole.cut_after = CHUNK
    refusal(downloads)
    whole.cut_after = None
    dataclasses.replace(downloads, progress=progress).fetch(FILE)
    assert progress.total == len(CONTENT)
    assert progress.seen == sorted(progress.seen)
    assert (progress.seen[0], progress.seen[-1]) == (CHUNK, len(CONTENT))
