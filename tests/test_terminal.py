"""What a command prints never ends it: colours, encodings, narrow windows, full devices, closed streams."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from contextlib import redirect_stdout

import pytest

from refusals import refused
from rnn_lm.cli import main
from rnn_lm.commands import COMMANDS
from rnn_lm.failures import BUG, OUTPUT_LOST, failure
from rnn_lm.flags import NARROWEST, one_line
from rnn_lm.progress import TerminalProgress
from rnn_lm.terminal import OutputLost, SafeOutput, safe_output

OBEYED = "\r\n\x0b\x1b\x1c\x7f\x85\x9b\N{LINE SEPARATOR}"
"""What ends a line, or what terminals take for the beginning of an order."""
MISTAKES = [["train", "--hiden-size", "3"], ["train", "--layers", "two"], ["train", "--engine", "x"], ["trian"]]


class FullDevice(io.StringIO):
    """Takes nothing."""

    def write(self, text: str, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", text[:0] or None)


def in_terminal(arguments: list[str], **environment: str) -> tuple[int, str]:
    """Exit code and output of a command whose streams are a colour terminal."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rnn_lm", *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", **environment},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how a terminal ends on Linux
            break
        if not part:
            break
        said += part
    os.close(ours)
    return process.wait(), said.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("before", ["evaluate x", "surprisal --encoding="])
def test_nothing_that_was_typed_ends_a_line_or_moves_the_cursor(capsys, before):
    *words, last = before.split()
    for character in OBEYED:
        line = refused(capsys, *words, f"{last}a{character}b")
        assert character not in line
        assert f"{last.rpartition('=')[2]}a{character.encode('unicode_escape').decode()}b" in line


def test_notes_keep_their_lines_and_nothing_else_that_a_terminal_obeys(capsys):
    TerminalProgress().say("text\tof runs/\x1b[2J\rx\nand more")
    assert capsys.readouterr().out == "text    of runs/\\x1b[2J\\rx\nand more\n"


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1", "COLUMNS": "20"}])
def test_a_mistake_in_a_colour_terminal_is_the_line_that_a_pipe_gets(capsys, environment):
    piped = refused(capsys, "train", "--hiden-size", "3")
    assert "did you mean --hidden-size" in piped
    assert in_terminal(["train", "--hiden-size", "3"], **environment) == (2, f"{piped}\n")


def test_colours_and_links_are_no_part_of_a_message():
    red, plain = "\x1b[91m", "\x1b[0m"
    box = f"{red}╭─{plain} Wrong ─╮\n{red}│{plain} Unrecognized options: \x1b[2m--x{plain} {red}│{plain}\n╰──╯"
    assert one_line(box) == "Unrecognized options: --x"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_a_misspelt_flag_with_one_line(capsys, name):
    positional = ["x"] * {"evaluate": 1, "generate": 1, "export": 2, "import": 1, "surprisal": 2}.get(name, 0)
    assert "--no-such-flag" in refused(capsys, name, *positional, "--no-such-flag")
    assert len(refused(capsys, name, *positional, f"--{'x' * 5000}")) < 600


@pytest.mark.parametrize("name", COMMANDS)
def test_help_keeps_a_width_that_can_be_read(capsys, monkeypatch, name):
    shown = {}
    for width in ("20", "60", "80", "200"):
        monkeypatch.setenv("COLUMNS", width)
        assert main([name, "--help"]) == 0
        shown[width] = capsys.readouterr().out
        assert os.environ["COLUMNS"] == width
    assert shown["20"] == shown["60"]
    assert len(shown["20"].splitlines()) < 1000
    for width in ("60", "80"):
        assert max(map(len, shown[width].splitlines())) <= int(width)
    assert 100 < max(map(len, shown["200"].splitlines())) <= 200
    assert NARROWEST == 60


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437"])
def test_what_an_encoding_lacks_is_written_in_plain_characters(encoding, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    with safe_output():
        progress = TerminalProgress(interval=0.0)
        with progress.task("lstm", 2.0) as task:
            task.update(1.0, loss=4.5)
        progress.say("“−1” → the 猫, \udcff")
        sys.stdout.flush()
        text = raw.getvalue().decode(encoding)
    assert "lstm" in text
    assert "\\u732b" in text
    assert "\\xff" in text
    assert "\\u2501" not in text
    if encoding == "ascii":
        assert "==========.........." in text
        assert '"-1" -> the' in text


def test_bytes_of_a_file_name_are_shown_also_in_utf8(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    with safe_output():
        print("caf\udce9.txt", flush=True)
        assert raw.getvalue() == b"caf\\xe9.txt\n"


def test_a_full_device_ends_what_only_prints_and_not_what_trains(monkeypatch, capsys):
    ends = SafeOutput(FullDevice())
    with pytest.raises(OutputLost):
        ends.write("x")
    goes_on = SafeOutput(FullDevice())
    goes_on.keep_going = True
    assert goes_on.write("x") == 1
    goes_on.write("y")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "No space left on device; free space, or send it elsewhere; the work goes on" in said
    monkeypatch.setattr(sys, "stdout", FullDevice())
    assert main(["--help"]) == OUTPUT_LOST
    assert capsys.readouterr().err.count("\n") == 1


def test_a_reader_that_has_gone_is_no_error(monkeypatch, capsys):
    class Gone(io.StringIO):
        def write(self, text: str, /) -> int:
            raise BrokenPipeError(text)

    monkeypatch.setattr(sys, "stdout", Gone())
    assert main(["train", "--help"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("redirected", "code", "lines"),
    [("--help >/dev/full", OUTPUT_LOST, 1), ("--help >&-", 0, 0), ("nosuch 2>&-", 2, 0), ("--help <&- | head -1", 0, 0),
     ("--help >&- 2>&- <&-", 0, 0), ("nosuch >&-", 2, 1)],
)  # fmt: skip
def test_redirections_of_a_shell(redirected, code, lines):
    shell = ["bash", "-o", "pipefail", "-c", f"{sys.executable} -m rnn_lm {redirected}"]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr.count("\n")) == (code, lines), done.stderr


def test_a_bug_says_so_and_where_its_traceback_is(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def broken(_: object) -> None:
        raise TypeError("no\nsuch thing")

    monkeypatch.setattr("rnn_lm.commands.cache.run", broken)
    capsys.readouterr()
    assert main(["cache"]) == BUG
    said = capsys.readouterr().err
    assert said.startswith("rnn-lm: this is a bug in rnn-lm: TypeError: no such thing (the whole traceback is in ")
    assert said.count("\n") == 1
    (kept,) = tmp_path.iterdir()
    assert str(kept) in said
    assert "Traceback" in kept.read_text()


def test_a_working_folder_that_is_gone_is_named(monkeypatch, capsys, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "change to another" in refused(capsys, "cache")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "--batch-size"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "--hidden-size"),
        (OSError(errno.EIO, "Input/output error", "disk/x"), "disk/x: Input/output error"),
        (ModuleNotFoundError("No module named 'optuna'", name="optuna"), "rnn-lm[sweep]"),
    ],
)
def test_what_an_environment_causes_is_one_line_and_no_bug(error, message):
    line, code = failure(error, None)
    assert code == 2
    assert message in line
    assert "\n" not in line
    assert "bug" not in line


def test_output_is_put_back_where_it_was():
    before = sys.stdout, sys.stderr
    with redirect_stdout(io.StringIO()) as captured, safe_output():
        print("x")
    assert captured.getvalue() == "x\n"
    assert (sys.stdout, sys.stderr) == before


def test_ctrl_c_promises_a_resumption_only_where_there_is_one(monkeypatch, capsys, tmp_path):
    def pressed(_: object) -> None:
        raise KeyboardInterrupt

    for name in ("cache", "train"):
        monkeypatch.setattr(f"rnn_lm.commands.{name}.run", pressed)
    capsys.readouterr()
    assert main(["cache"]) == 130
    assert main(["train", "--out", str(tmp_path)]) == 130  # nothing is there yet
    assert capsys.readouterr().err == 2 * "rnn-lm: stopped\n"
    (tmp_path / "run.json").touch()
    assert main(["train", "--out", str(tmp_path), "--resume"]) == 130
    assert capsys.readouterr().err.endswith("stopped; what is finished is kept, and --resume goes on from there\n")
