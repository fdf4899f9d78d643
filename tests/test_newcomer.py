"""The mistakes of somebody new: each is answered with one line that names what was typed and the fix, at once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from refusals import refused
from rnn_lm.cli import main

GOLDEN = Path(__file__).parent / "golden" / "run-0.1"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two runs of different kinds, a text and nothing else; nothing is fetched from anywhere."""
    shutil.copytree(GOLDEN / "lstm", tmp_path / "runs" / "lstm")
    shutil.copytree(GOLDEN / "ngram", tmp_path / "runs" / "ngram")
    (tmp_path / "text.txt").write_text("the cat sat on the mat\na dog ran to the barn\n" * 30)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNN_LM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RNN_LM_MIRROR", "http://127.0.0.1:9")
    return tmp_path


TEXT = "--corpus text.txt --out runs/x"

MISTAKES = [
    ("xyz", "unknown command 'xyz': known are cache, compare"),
    ("trian", "did you mean 'train'"),
    ("--hlep", "--hlep: a command comes first"),
    ("-v", "a command comes first"),
    ("train --corpus nosuchfolder", "unknown corpus 'nosuchfolder'"),
    ("train --corpus nosuch.txt", "nosuch.txt: there is no such file; check the path given to --corpus"),
    ("train --corpus", "--corpus needs a name, a folder or at least one file"),
    ("train --corpus text.txt --corpus other.txt", "--corpus is given twice, and only the last would count"),
    ("train --corpus=text.txt --corpus other.txt", "--corpus is given twice"),
    ("train --corpus runs/lstm --out runs/x", "runs/lstm: there is no train.txt"),
    ("train text.txt", "nothing takes 'text.txt': a value stands after its flag, e.g. --corpus text.txt"),
    (f"train {TEXT} --corpsu x", "did you mean --corpus?"),
    (f"train {TEXT} --cell ltsm", "unknown model 'ltsm': did you mean 'lstm'?"),
    (f"train {TEXT} --hidden-size -5", "--hidden-size must be at least 1"),
    (f"train {TEXT} --hidden-size 1e3", "--hidden-size '1e3' is not a whole number"),
    (f"train {TEXT} --hidden-size", "--hidden-size needs a value after it"),
    (f"train {TEXT} --learning-rate fast", "--learning-rate 'fast' is not a number"),
    (f"train {TEXT} --budget ten", "--budget 'ten' is not a length of training: write 5epochs"),
    (f"train {TEXT} --budget 10", "--budget '10' is not a length"),
    (f"train {TEXT} --device gpu", "--device gpu: write auto, cpu"),
    (f"train {TEXT} --processes -3", "--processes must be at least 1"),
    (f"train {TEXT} --preset quik", "did you mean 'quick'?"),
    (f"train {TEXT} --tokens word", "unknown --tokens 'word': did you mean 'words'? (known: bpe, bytes"),
    (f"train {TEXT} --embedding nosuch.vec", "--embedding nosuch.vec: there is no such file"),
    (f"train {TEXT} --embedding word2vek", "did you mean 'word2vec'?"),
    (f"train {TEXT} --embedding runs", "--embedding runs: is a folder"),
    ("train --corpus text.txt --out text.txt", "text.txt: cannot write a run there"),
    ("train --corpus text.txt --out runs/lstm", "runs/lstm: holds a run already; add --resume"),
    ("train --resume --out runs/lstm", "the run there has corpus ['corpus'], not ['web-bible']"),
    ("train --resume --out runs/ngram", "runs/ngram: holds a 'ngram' run, 'recurrent' is needed here; give another"),
    ("train --resume --out runs/nothing --corpus nosuch.txt", "nosuch.txt: there is no such file"),
    ("ngram --resume --out runs/ngram", "the run there has corpus ['corpus'], not ['web-bible']"),
    ("ngram --order five", "--order 'five' is not a whole number"),
    ("ngram --from-arpa text.txt --out runs/x", "text.txt: line 1: an ARPA file starts with \\data\\"),
    ("ngram --from-arpa /dev/zero --out runs/x", "/dev/zero: is no file but a device"),
    ("compare --models lstm,gru", "--models lstm,gru: write spaces between them: --models lstm gru"),
    ("compare --cells lstm gru", "--cells is no flag any more: give --models"),
    ("compare --models", "--models needs at least one model"),
    ("compare --processes 2", "--processes is for rnn-lm train"),
    ("evaluate", "evaluate needs at least one model folder, e.g."),
    ("evaluate runs/nosuch", "runs/nosuch: no run here"),
    ("evaluate runs", "runs: holds several models (lstm, ngram); give one of them, e.g. runs/lstm"),
    ("evaluate text.txt", "give one, or a model folder (a text goes to --text)"),
    ("evaluate /dev/zero", "/dev/zero: is a pipe or a device; give a model folder"),
    ("evaluate runs/lstm --text .", "--text .: is a folder; give one text file"),
    ("evaluate runs/lstm --text /dev/urandom", "--text /dev/urandom: is no file but a device"),
    ("generate", "generate needs a path: Model folder"),
    ("generate runs/lstm --prompt", "--prompt needs a value after it"),
    ("generate runs/lstm 'the cat'", "nothing takes 'the cat': a value stands after its flag, e.g. --prompt 'the cat'"),
    ("generate runs/lstm --length -3", "--length must be at least 1"),
    ("embed --embedding nosuch.txt", "--embedding nosuch.txt: there is no such file"),
    ("embed --corpus text.txt --out runs", "--out runs: is a folder"),
    ("report", "runs/compare/results.json: there is nothing; give the folder that"),
    ("report runs/lstm", "runs/lstm: has no results.json; give the folder that"),
    ("report /dev/zero", "/dev/zero: is a pipe or a device; give a file"),
    ("report --out runs/lstm", "Unrecognized options: --out"),
    ("probe --models nosuch", "unknown model 'nosuch': known are"),
    (f"sweep {TEXT}", "--space names what to search over, e.g."),
    (f"sweep {TEXT} --space _MOST=1,2", "unknown setting '_MOST': known are activation-penalty"),
    (f"sweep {TEXT} --space learning-rte=1,2", "did you mean 'learning-rate'?"),
    ("theory --out runs/lstm", "runs/lstm: holds a 'recurrent' run, 'theory' is needed here; give another folder"),
    ("theory --out .", ".: holds files that are not a run's"),
    ("cache --clear everything", "(known: all, downloads, nothing, tokens)"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[line for line, _ in MISTAKES])
@pytest.mark.usefixtures("here")
def test_a_mistake_is_answered_with_the_mend(capsys, line, message):
    words = line.replace("'the cat'", "the+cat").split()
    said = refused(capsys, *(word.replace("+", " ") for word in words))
    assert message in said
    assert "Traceback" not in said
    assert sorted(os.listdir("runs")) == ["lstm", "ngram"]  # refused before anything was begun


@pytest.mark.usefixtures("here")
def test_cuda_where_there_is_none(capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    said = refused(capsys, "train", *TEXT.split(), "--device", "cuda")
    assert "--device cuda: torch finds no CUDA device here; leave the flag out" in said


def test_words_that_other_programs_take_for_flags(capsys):
    assert main(["help"]) == 0
    assert "usage: rnn-lm COMMAND" in capsys.readouterr().out
    assert main(["version"]) == 0
    assert capsys.readouterr().out[0].isdigit()
