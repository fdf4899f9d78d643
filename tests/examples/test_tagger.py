"""The tagger: its CRF against every path, its chunks against conlleval's reading, and a text that it learns."""

import itertools
import json
import sys
import zipfile

import pytest
import torch

from by_path import module_at

tagger = module_at("examples/tagger.py")
torch.manual_seed(0)


@pytest.fixture
def crf():
    torch.manual_seed(0)
    made = tagger.CRF(3)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


def score(crf, emission_tk, path):
    total = crf.start_k[path[0]] + crf.end_k[path[-1]] + sum(emission_tk[t, k] for t, k in enumerate(path))
    return total + sum(crf.transition_kk[a, b] for a, b in itertools.pairwise(path))


def test_the_crf_sums_over_every_path_of_each_length(crf):
    lengths, emission_tbk, tag_tb = [4, 2], torch.randn(4, 2, 3), torch.randint(3, (4, 2))
    inside_tb = torch.arange(4).unsqueeze(1) < torch.tensor(lengths)
    expected = torch.zeros(())
    for column, length in enumerate(lengths):
        emission_tk = emission_tbk[:length, column]
        every = torch.stack([score(crf, emission_tk, path) for path in itertools.product(range(3), repeat=length)])
        expected = expected + every.logsumexp(0) - score(crf, emission_tk, tag_tb[:length, column].tolist())
    assert torch.allclose(crf.nll(emission_tbk, tag_tb, inside_tb), expected, atol=1e-5)


def test_its_best_path_is_the_best_of_all(crf):
    emission_tk = torch.randn(5, 3)
    every = {path: score(crf, emission_tk, path).item() for path in itertools.product(range(3), repeat=5)}
    assert tuple(crf.best(emission_tk)) == max(every, key=lambda path: every[path])


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-NP I-NP O B-VP", {(0, 2, "NP"), (3, 4, "VP")}),
        ("B-NP B-NP", {(0, 1, "NP"), (1, 2, "NP")}),
        ("O I-NP I-NP I-VP", {(1, 3, "NP"), (3, 4, "VP")}),
        ("O O", set()),
    ],
)
def test_chunks(tags, expected):
    assert tagger.chunks(tags.split()) == expected


def test_f1_counts_whole_chunks():
    right = [[("a", "", "B-NP"), ("b", "", "I-NP"), ("c", "", "B-VP")]]
    assert tagger.score(right, [["B-NP", "I-NP", "B-VP"]]) == 100
    assert tagger.score(right, [["B-NP", "O", "B-VP"]]) == 50


def chunked(sentences):
    return "\n\n".join("\n".join(" ".join(row) for row in sentence) for sentence in sentences)


def test_it_learns_a_text_from_the_zip(tmp_path, monkeypatch, capsys):
    noun, verb = [("the", "DT", "B-NP"), ("cat", "NN", "I-NP")], [("sleeps", "VBZ", "B-VP")]
    sentences = [noun + verb, verb + noun, noun + verb + noun] * 20
    with zipfile.ZipFile(tmp_path / "toy.zip", "w") as archive:
        archive.writestr("toy/train.txt", chunked(sentences))
        archive.writestr("toy/test.txt", chunked(sentences[:5]))
    out = tmp_path / "figures.json"
    words = [str(tmp_path / "toy.zip"), "--epochs", "6", "--hidden", "8", "--learning-rate", "0.02", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["tagger.py", *words])
    tagger.main()
    assert json.loads(out.read_text())["test"] == 100
    assert "F1 of chunks" in capsys.readouterr().out


def test_it_reads_conllu_and_leaves_out_what_is_no_word(tmp_path):
    block = "# text = don't go\n1-2\tdon't\t_\t_\n1\tdo\tdo\tAUX\n2\tn't\tnot\tPART\n2.1\tx\tx\tVERB\n3\tgo\tgo\tVERB\n"
    for part in ("train", "dev", "test"):
        (tmp_path / f"x-{part}.conllu").write_text(block)
    assert tagger.read(tmp_path)["valid"] == [[("do", "", "AUX"), ("n't", "", "PART"), ("go", "", "VERB")]]


def test_a_folder_without_the_files_is_answered_in_a_line(tmp_path):
    with pytest.raises(SystemExit, match="no \\*-train.conllu"):
        tagger.read(tmp_path)
