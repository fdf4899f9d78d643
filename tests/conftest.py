"""Shape annotations are checked at run time in every test; signals are heard however the tests were started; data that
cannot be packaged is looked up once, here."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jaxtyping import install_import_hook

from by_path import module_at

install_import_hook("rnn_lm", "numeric_beartype.check")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Packed files hold the time of day: a test that is named by their bytes has another name in each process."""
    return argname if isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable()) else None


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard() -> Iterator[None]:
    """A shell without job control starts what runs in the background (``make test &``) with Ctrl-C ignored, and nohup
    with SIGHUP ignored. Commands respect that, also those that tests start: tests of signals would wait in vain."""
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ignored = [number for number in wanted if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium, without a window; the tests of a module share it."""
    chromium = module_at("benchmarks/chromium.py")
    if chromium.EXECUTABLE is None:
        pytest.skip("no Chromium")
    with chromium.Chromium.started(chromium.EXECUTABLE, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="session")
def ptb_folder() -> Path:
    """Penn Treebank (train.txt, valid.txt, test.txt), which cannot be redistributed: skips where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data" / "ptb"
    folder = Path(os.environ.get("RNN_LM_PTB", default))
    if not (folder / "train.txt").is_file():
        pytest.skip(f"Penn Treebank is not at {folder}; set RNN_LM_PTB to a folder with train.txt, valid.txt, test.txt")
    return folder
