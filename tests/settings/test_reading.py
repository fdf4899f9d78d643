"""Files of settings: between a preset and flags; what is wrong in one is a line with the file, the place, the fix."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest

from refusals import refused
from rnn_lm.commands import compare, evaluate, generate, ngram, train
from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.flags import parse_options
from rnn_lm.settings.catalogue import catalogue
from rnn_lm.settings.values import value_of, written
from settings_cases import all_options


@pytest.fixture
def written_to(tmp_path):
    def write(text: str, name: str = "mine.toml") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def read(kind: type[Any], path: str, *flags: str) -> Any:
    return parse_options(kind, [*flags, "--config", path], f"rnn-lm {kind.__module__.rpartition('.')[2]}")


def test_a_file_stands_between_preset_and_flags(written_to):
    path = written_to(
        'preset = "ten-minutes"\n[model]\nhidden-size = 64\n[training]\nbatch_size = 8\nbudget = "9steps"\n'
    )
    options = read(train.Options, path, "--batch-size", "4")
    assert options.preset == "ten-minutes"
    assert options.model.dropout_output == 0.4  # of the preset
    assert options.model.hidden_size == 64  # of the file, above the preset
    assert (options.training.batch_size, options.training.budget) == (4, "9steps")  # of the flag, above the file
    assert options.training.bptt_length == TrainingConfig.bptt_length


def test_a_preset_on_the_command_line_takes_the_place_of_the_files(written_to):
    path = written_to('preset = "ten-minutes"\nhidden_size = 64\n')
    options = read(train.Options, path, "--preset", "zaremba-small")
    assert options.preset == "zaremba-small"
    assert (options.model.hidden_size, options.model.layers, options.model.dropout_output) == (64, 2, 0.0)


def test_a_preset_that_would_change_nothing_is_refused(written_to):
    path = written_to(
        "[model]\nhidden_size = 9\ndropout_embedding = 0.2\ndropout_input = 0.1\ndropout_output = 0.1\n"
        "dropout_recurrent = 0.1\n[training]\nlearning_rate = 1e-3\nweight_decay = 0.2\nrotate_columns = false\n"
        "validations = 3\n"
    )
    with pytest.raises(UserError, match="--preset ten-minutes does nothing beside --config .*mine.toml, which has all"):
        read(train.Options, path, "--preset", "ten-minutes")


def test_a_budget_of_time_in_a_file_picks_its_preset_as_the_flag_does(written_to):
    assert read(train.Options, written_to('[training]\nbudget = "10m"\n')).preset == "ten-minutes"


def test_settings_may_stand_flat_in_their_table_or_deeper(written_to):
    for text in (
        "cache_window = 7\n[adaptation]\nadapt = 'both'\n",
        "[adaptation]\nadapt = 'both'\ncache_window = 7\n",
        "[adaptation]\nadapt = 'both'\n[adaptation.cache]\ncache-window = 7\n",
    ):
        assert read(evaluate.Options, written_to(text), "run").adaptation.cache.cache_window == 7


def test_one_file_serves_several_commands(written_to):
    path = written_to('[corpus]\ncorpus = "ptb"\n[ngram]\norder = 3\n[compare]\nseeds = 2\n[about]\nwhy = "tried"\n')
    assert read(train.Options, path).corpus.corpus == ("ptb",)
    assert read(ngram.Options, path).ngram.order == 3
    assert read(compare.Options, path).seeds == 2


def test_what_a_command_needs_may_stand_in_the_file(written_to):
    path = written_to('[generate]\nrun = "runs/a"\n[generation]\nlength = 5\n')
    assert (read(generate.Options, path).run, read(generate.Options, path).generation.length) == (Path("runs/a"), 5)
    with pytest.raises(UserError, match="generate needs a path"):
        read(generate.Options, written_to("length = 5\n"))


def test_a_file_may_be_whole_only_with_a_flag(written_to):
    path = written_to("[corpus]\nsubwords = 300\n")
    assert read(train.Options, path, "--tokens", "bpe").corpus.subwords == 300
    with pytest.raises(UserError, match="mine.toml, line 2: --subwords is for tokens"):
        read(train.Options, path)


def test_both_words_of_a_flag_are_there_whatever_a_file_says(written_to):
    path = written_to("tie_weights = false\n")
    assert not read(train.Options, path).model.tie_weights
    assert read(train.Options, path, "--tie-weights").model.tie_weights
    assert not read(train.Options, path, "--no-tie-weights").model.tie_weights


def test_none_is_written_as_on_the_command_line(written_to):
    path = written_to('preset = "awd-lstm"\nlast_hidden_size = "None"\n')
    assert read(train.Options, path).model.last_hidden_size is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hiden_size = 3", "line 1: unknown setting 'hiden_size': did you mean 'hidden_size'?"),
        ("[model]\n\nhiden-size = 3", "line 3: unknown setting 'hiden-size': did you mean 'hidden_size'?"),
        ("[modle]\nhidden_size = 3", "line 1: unknown table 'modle': did you mean 'model'?"),
        ("[model.cell]\nx = 3", "mine.toml: cell must be text in quotation marks, not a table"),
        ("[model.more]\nx = 3", "[model.more] is no table of settings"),
        ("[model]\nlearning_rate = 3", "line 2: learning_rate is a setting of [training], not of [model]"),
        ("seeds = 3", "line 1: seeds is no setting of train, but of compare and probe: put it under [compare]"),
        ("layers = 2\n[model]\nlayers = 2", "line 3: layers is given twice"),
        ("layers = 'two'", "line 1: layers must be a whole number, not 'two'"),
        ("layers = true", "line 1: layers must be a whole number, not true"),
        ("layers = 2.0", "line 1: layers must be a whole number, not 2.0"),
        ("layers = 1979-05-27", "line 1: layers must be a whole number"),
        ("learning_rate = '3'", "line 1: learning_rate must be a number, not '3'"),
        ("tie_weights = 1", "line 1: tie_weights must be true or false, not 1"),
        ("budget = 10", "line 1: budget must be text in quotation marks, not 10"),
        ("split = [0.9, 0.1]", "line 1: split must be a list of 3 numbers"),
        ("corpus = [1]", "line 1: corpus must be a list of text"),
        ("out = 3", "line 1: out must be a path"),
        ("optimizer = 'adamww'", "line 1: unknown optimizer 'adamww': did you mean 'adamw'?"),
        ("optimizer = 3", "line 1: optimizer must be adamw or adam or sgd, not 3"),
        ("[training]\nbudget = 'banana'", "line 2: --budget 'banana' is not a length of training"),
        ("layers = 0", "line 1: --layers must be at least 1"),
        ("learning_rate = inf", "line 1: --learning-rate must be"),
        ("learning_rate = nan", "line 1: --learning-rate must be"),
        ("layers = 9999999999999999999999", "line 1: --layers must be"),
        ("momentum = 0.9", "line 1: momentum = 0.9 does nothing with --optimizer adamw: leave it out, or give"),
        ("resume = true", "line 1: resume is agreed to for one call, not in a file: give --resume"),
        ("preset = 'ten-minute'", "line 1: unknown preset 'ten-minute': did you mean 'ten-minutes'"),
        ("without_effect = 3", "line 1: without_effect must be a list of names"),
        ("layers = [1\n", "is no TOML: "),
        ("layers : 1\n", "(at line 1, column 8)"),
        ("layers = 1\nlayers = 2\n", "is no TOML: Cannot overwrite a value (at line 2"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(capsys, written_to, tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    line = refused(capsys, "train", "--config", written_to(text))
    assert message in line
    assert line.startswith(f"rnn-lm: {tmp_path / 'mine.toml'}")
    assert {path.name for path in tmp_path.iterdir()} == {"mine.toml"}


def test_files_that_are_none(capsys, tmp_path):
    (tmp_path / "latin.toml").write_bytes("corpus = 'café'".encode("latin-1"))
    assert "latin.toml: is not UTF-8 (byte 14)" in refused(capsys, "train", "--config", str(tmp_path / "latin.toml"))
    assert "there is no such file" in refused(capsys, "train", "--config", str(tmp_path / "none.toml"))
    assert "holds no run.json" in refused(capsys, "train", "--config", str(tmp_path))
    assert "--config needs a value" in refused(capsys, "train", "--config")
    assert "--config is given twice" in refused(capsys, "train", "--config", "a", "--config=b")


def test_the_example_in_the_docs_is_read_as_it_says(written_to):
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    example = page.partition("```toml\n")[2].partition("```")[0]
    options = read(train.Options, written_to(example), "--batch-size", "64")
    assert (options.preset, options.corpus.corpus, options.model.hidden_size) == ("ten-minutes", ("path/to/ptb",), 256)
    assert (options.model.dropout_output, options.model.dropout_input) == (0.3, 0.2)
    assert read(compare.Options, written_to(example)).seeds == 3


def test_a_byte_order_mark_and_dos_lines_are_read(tmp_path):
    (tmp_path / "dos.toml").write_bytes(b"\xef\xbb\xbf[model]\r\nlayers = 2\r\n")
    assert read(train.Options, str(tmp_path / "dos.toml")).model.layers == 2


def test_what_a_preset_or_a_mode_left_by_a_flag_brings_along_is_not_refused(written_to):
    options = parse_options(train.Options, ["--preset", "zaremba-medium", "--schedule", "cosine"], "rnn-lm train")
    assert options.training.decay_after == 6
    path = written_to('preset = "zaremba-medium"\ndecay_after = 6\n')
    assert read(train.Options, path, "--schedule", "cosine").training.decay_after == 6
    path = written_to('optimizer = "sgd"\nmomentum = 0.9\n')
    assert read(train.Options, path, "--optimizer", "adamw").training.momentum == 0.9
    path = written_to('without_effect = ["momentum"]\nmomentum = 0.9\n')
    assert read(train.Options, path).training.momentum == 0.9
    with pytest.raises(UserError, match="^--momentum 0.8 does nothing"):
        read(train.Options, path, "--momentum", "0.8")


def test_help_shows_what_a_file_makes_the_default(capsys, written_to):
    with pytest.raises(SystemExit):
        read(train.Options, written_to("hidden_size = 77\n"), "--help")
    assert "(default: 77)" in capsys.readouterr().out


def test_every_setting_has_help_and_no_command_has_two_of_a_name():
    for command, kind in all_options().items():
        found = catalogue(kind)
        assert all(entry.help for entry in found.values()), command

        assert count(kind) == len(found)


def count(options: Any) -> int:
    """Settings of a command's options and of the parts within."""
    hints = typing.get_type_hints(options)
    parts = [hints[one.name] for one in dataclasses.fields(options)]
    return sum(count(part) if dataclasses.is_dataclass(part) else 1 for part in parts)


def test_every_default_is_written_and_read_back_as_it_is():
    import tomllib

    for kind in all_options().values():
        for entry in catalogue(kind).values():
            if entry.default is not dataclasses.MISSING:
                text = f"x = {written(entry.default)}"
                assert value_of(entry, tomllib.loads(text)["x"]) == entry.default


@pytest.mark.parametrize("text", ['a "b"', "back\\slash", "tab\t", "line\nbreak", "\x7f\x00", "猫 é", "'"])
def test_any_text_is_written_and_read_back(written_to, text):
    path = written_to(f"prompt = {written(text)}\n")
    assert read(generate.Options, path, "run").generation.prompt == text


def test_numbers_are_written_to_the_bit(written_to):
    for value in (1e-05, 0.1 + 0.2, 1.2e-6, 1e8):
        options = read(train.Options, written_to(f"weight_decay = {written(value)}\n"))
        assert options.training == dataclasses.replace(TrainingConfig(), weight_decay=value)
    assert read(train.Options, written_to("learning_rate = 1\n")).training.learning_rate == 1.0
    assert ModelConfig() == read(train.Options, written_to("")).model
