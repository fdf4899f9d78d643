"""Figures that ``<unk>`` or missing spaces leave without meaning are not given, and the share is said."""

from __future__ import annotations

import random
import re

import pytest

from refusals import refused
from rnn_lm.cli import main
from rnn_lm.corpora.split import Split
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import Perplexity
from rnn_lm.evaluation.unknown import reading_of
from rnn_lm.models.usual_unk import USUAL_SHARE, read_usual_share, write_usual_share
from rnn_lm.text import TOKENIZERS
from rnn_lm.vocabulary import Vocabulary

ENGLISH = ["the cat sees the dog", "a dog sees a cat", "the cat likes fish"] * 10
CHINESE = [
    "的一是不了人我在有他这为之大来以个中上们到说国和",
    "地也子时道出而要于就下得可你年生自会那后能对着事其",
] * 10
TOTAL = Perplexity(100.0, 50, 250, 60, 5, 80.0)


def read(
    lines: list[str], train: list[str], tokens: str = "words", usual: float | None = 0.0, max_size: int | None = None
):
    vocabulary = Vocabulary.build([TOKENIZERS[tokens].cut(line) for line in train], max_size=max_size)
    return reading_of(Split.of(lines, TOKENIZERS[tokens].cut), vocabulary, usual)


def test_a_text_that_the_vocabulary_covers_gets_every_figure():
    reading = read(ENGLISH, ENGLISH)
    assert (reading.unk_share, reading.spelled_out, reading.spaced) == (0, True, True)
    assert reading.bits_per_character(TOTAL) == TOTAL.bits_per_character
    assert reading.perplexity_per_word(TOTAL) == TOTAL.perplexity_per_word
    assert reading.note("model") is None
    assert reading.beside(TOTAL) == ""


def test_random_letters_get_a_share_and_no_figure_per_character():
    letters = ["qxzv wrtk plmn"] * 20
    reading = read(letters, ENGLISH)
    assert reading.unk_share == 1
    assert reading.bits_per_character(TOTAL) is None
    assert reading.perplexity_per_word(TOTAL) is None
    assert "100.00% of the tokens are <unk> to model (0.00% in its own valid text)" in (reading.note("model") or "")
    assert reading.beside(TOTAL) == f"  100.00% <unk>, perplexity without it {TOTAL.perplexity_without_unk:.2f}"


def test_a_small_vocabulary_is_not_excused_by_its_own_text():
    reading = read(ENGLISH, ENGLISH, max_size=2)
    reading = read(ENGLISH, ENGLISH, usual=reading.unk_share, max_size=2)
    assert not reading.unusual
    assert not reading.spelled_out
    assert "left out" in (reading.note("model") or "")


@pytest.mark.parametrize(("unknown", "spelled_out"), [(1, True), (2, True), (3, False)])
def test_one_percentage_point_above_the_usual_is_the_most(unknown, spelled_out):
    lines = ["the cat sees the dog"] * 40 + ["unknown"] * unknown
    assert read(lines, ENGLISH).spelled_out is spelled_out


def test_what_the_text_itself_calls_unk_replaces_nothing():
    reading = read(["the <unk> sees the <unk>"] * 10, ["the <unk> sees the <unk>"] * 10)
    assert reading.unk_share == pytest.approx(0.4)
    assert reading.replaced == 0
    assert reading.bits_per_character(TOTAL) is not None


def test_without_a_share_of_its_own_text_that_of_train_is_taken():
    vocabulary = Vocabulary.build([line.split() for line in ["a b", "a b", "c d"]], min_count=2)
    reading = reading_of(Split.of(["a b"], str.split), vocabulary)
    assert (reading.usual, reading.usual_in) == (pytest.approx(1 / 3), "train")


@pytest.mark.parametrize("tokens", ["words", "characters", "bytes"])
@pytest.mark.parametrize(
    ("lines", "spaced"),
    [
        (ENGLISH, True),
        (["это не очень длинное предложение о кошке"] * 5, True),
        (["मैं घर जा रहा हूँ", "वह किताब पढ़ता है"], True),
        (["나는 집에 간다", "고양이가 생선을 먹는다"], True),
        (["Die Donaudampfschifffahrtsgesellschaft hat eine Rechtsschutzversicherung"], True),
        (["cat", "dog", "elephant"], True),
        (CHINESE, False),
        (["私は猫が好きです。", "これは本です。"], False),
        (["ฉันรักแมวและสุนัขของฉันทุกวันและตลอดไป"], False),
        (["".join(random.Random(1).choices("acgt", k=3000))], False),
    ],
)
def test_words_count_only_where_white_space_sets_them_apart(tokens, lines, spaced):
    reading = read(lines, lines, tokens)
    assert reading.spaced is spaced
    assert (reading.perplexity_per_word(TOTAL) is not None) is spaced
    assert reading.bits_per_character(TOTAL) is not None


def test_the_share_is_kept_with_the_model_and_older_models_go_without(tmp_path):
    assert read_usual_share(tmp_path) is None
    write_usual_share(tmp_path, 0.25)
    assert read_usual_share(tmp_path) == 0.25
    for content in ("{}", "[]", '{"format": "rnn_lm share of unknown tokens", "unk_share": 7}', "{"):
        (tmp_path / USUAL_SHARE).write_text(content)
        with pytest.raises(UserError, match=USUAL_SHARE):
            read_usual_share(tmp_path)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    draw = random.Random(1)
    words = [["the cat", "a dog", "my son"], ["sees", "likes", "has"], ["it", "fish", "me", "a horse"]]
    (folder / "c.txt").write_text("".join(" ".join(map(draw.choice, words)) + "\n" for _ in range(400)))
    letters = "".join(chr(97 + draw.randrange(26)) + " " * (i % 5 == 4) for i in range(2000))
    (folder / "letters.txt").write_text(letters.replace(" q", "\nq"))
    return folder


@pytest.fixture(scope="module")
def trained(corpus):
    assert main(["ngram", "--corpus", str(corpus / "c.txt"), "--order", "2", "--out", str(corpus / "ng")]) == 0
    return corpus / "ng"


def printed(capsys, *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_evaluate_says_the_share_in_the_line_of_the_figures(capsys, corpus, trained):
    known = printed(capsys, "evaluate", str(trained))
    assert "bits/character" in known
    assert "<unk>" not in known
    letters = printed(capsys, "evaluate", str(trained), "--text", str(corpus / "letters.txt"))
    figures = [line for line in letters.splitlines() if "perplexity" in line and line.startswith("  ")]
    assert all("% <unk>, perplexity without it" in line for line in figures)
    assert "bits/character" not in letters
    assert "of the tokens are <unk> to ng (0.00% in its own valid text)" in letters


def test_a_vocabulary_of_few_words_is_no_good_model(capsys, corpus):
    out = corpus / "few"
    trained = printed(capsys, "ngram", "--corpus", str(corpus / "c.txt"), "--max-vocabulary", "2", "--out", str(out))
    for text in (trained, printed(capsys, "evaluate", str(out))):
        assert "% <unk>, perplexity without it" in text
        assert "left out" in text
        assert "per word\n" not in text


def test_models_are_not_compared_by_words_that_are_unknown(capsys, corpus, trained):
    few = printed(capsys, "evaluate", str(trained), str(corpus / "few"))
    assert "not compared with ng: the vocabularies differ, and too much is <unk>" in few


def test_texts_that_cannot_be_scored_are_named_as_the_text(capsys, corpus, trained):
    def message(path: str) -> str:
        return refused(capsys, "evaluate", str(trained), "--text", path)

    assert "--text nosuch: there is no such file" in message("nosuch")
    assert f"--text {corpus}: is a folder" in message(str(corpus))
    (corpus / "m.arpa").write_text("\\data\\\nngram 1=3\n")
    assert "is a language model, not a text" in message(str(corpus / "m.arpa"))


def test_one_sentence_has_a_perplexity_and_a_table(capsys, trained, tmp_path):
    (tmp_path / "one.txt").write_text("the cat sees it\n")
    table = tmp_path / "s.tsv"
    arguments = ["evaluate", str(trained), "--text", str(tmp_path / "one.txt"), "--surprisal", str(table)]
    found = printed(capsys, *arguments)
    assert "no interval" in found
    assert len(table.read_text().splitlines()) == 6
    assert "--surprisal" in refused(capsys, *arguments)
    assert "add --overwrite" in refused(capsys, *arguments)
    assert printed(capsys, *arguments, "--overwrite") == found


@pytest.mark.usefixtures("trained")
def test_a_folder_of_several_models_names_them(capsys, corpus):
    assert re.search(r"holds several models \(.*ng\); give one of them", refused(capsys, "evaluate", str(corpus)))
