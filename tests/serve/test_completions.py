"""OpenAI's completions: what is answered, token by token, whole and as a stream."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from export_cases import LINES, codec, neural
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.serve.alignment import offsets_of
from rnn_lm.serve.served import Models, ServedModel
from rnn_lm.serve.writing import Prompt, Token, Writer
from serve.conftest import Client

MODELS = ["lstm", "gru", "attention", "ngram"]
ODD = [
    "The cat sees  it.",
    "“Fish”, he said: don't!",
    "cafe\u0301 İİ 🐟 the SEA",
    "a\n\nb c\r\n d",
    "",
    "\n",
    'say "no" "',
    "<s> a b </s>",
]


def streamed(client: Any, path: str = "/v1/completions", **body: Any) -> tuple[dict[int, dict[str, Any]], list[Any]]:
    """A stream's choices put together by index, and its chunks."""
    answer = client.http.post(path, json={**body, "stream": True})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in answer.text.split("\n") if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for part in chunk["choices"]:
            one = choices.setdefault(part["index"], {"text": "", "finish_reason": None, "logprobs": None})
            assert one["finish_reason"] is None, "nothing comes after the end"
            one["text"] += part["text"]
            one["finish_reason"] = part["finish_reason"]
            if part["logprobs"] is not None:
                one["logprobs"] = one["logprobs"] or {name: [] for name in part["logprobs"]}
                for name, values in part["logprobs"].items():
                    one["logprobs"][name] += values
    return choices, chunks


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("policy", ["sentence", "stream"])
def test_echo_gives_what_evaluate_counts(client, served, model, policy):
    stored = served.find(model).stored
    text = stored.vocabulary.encode_text([stored.codec.tokens(line) for line in LINES], 1)
    expected = score_text(stored.model, text, policy).nll_n
    body = {"model": model, "prompt": "\n".join(LINES) + "\n", "echo": True, "logprobs": 1, "temperature": 0}
    found = client.complete(**body, max_tokens=1, policy=policy)["logprobs"]
    assert found["tokens"][:-1] == stored.vocabulary.decode(text.ids_n.tolist())
    assert [-one for one in found["token_logprobs"][:-1]] == pytest.approx(expected.tolist(), abs=2e-5)
    assert found["token_logprobs"][-1] == max(found["top_logprobs"][-1].values())
    without = client.complete(**body, max_tokens=0, policy=policy)
    assert without["logprobs"]["token_logprobs"] == found["token_logprobs"][:-1]
    assert without["finish_reason"] == "length"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "settings", [{}, {"stop": ["the", "s f"]}, {"temperature": 0}, {"top_p": 0.5, "allow_unk": True}]
)
def test_a_stream_is_the_whole_answer_token_by_token(client, model, settings):
    body = {
        "model": model,
        "prompt": ["The cat  sees", "it, or “me”"],
        "max_tokens": 12,
        "logprobs": 3,
        "n": 2,
        **settings,
    }
    for echo in (False, True):
        whole = client.post("/v1/completions", **body, seed=5, echo=echo)
        choices, chunks = streamed(client, **body, seed=5, echo=echo, stream_options={"include_usage": True})
        assert [choices[index] for index in range(4)] == [
            {name: choice[name] for name in ("text", "finish_reason", "logprobs")} for choice in whole["choices"]
        ]
        assert chunks[-1]["usage"] == whole["usage"]
        assert chunks[-1]["choices"] == []
        assert all(chunk["usage"] is None for chunk in chunks[:-1])


def test_words_are_those_of_the_seed(client):
    body = {"prompt": "the cat", "max_tokens": 20, "n": 3}
    first = [choice["text"] for choice in client.post("/v1/completions", **body, seed=1)["choices"]]
    assert first == [choice["text"] for choice in client.post("/v1/completions", **body, seed=1)["choices"]]
    assert len(set(first)) == 3
    assert first != [choice["text"] for choice in client.post("/v1/completions", **body, seed=2)["choices"]]
    assert client.complete(prompt="the cat", max_tokens=20, seed=1)["text"] == first[0]
    assert client.complete(prompt="the cat", max_tokens=20) != client.complete(prompt="the cat", max_tokens=20)


def test_prompts_come_as_text_ids_or_lists_of_both(client, lstm):
    ids = lstm.codec.encode("the cat sees")
    by_text = client.complete(prompt="the cat sees", max_tokens=8, seed=3)
    by_ids = client.complete(prompt=ids, max_tokens=8, seed=3)
    assert by_ids["text"].lstrip() == by_text["text"].lstrip()
    assert client.complete(prompt=[lstm.eos_id, *ids], max_tokens=8, seed=3) == by_ids
    several = client.post("/v1/completions", prompt=[ids, [ids[0]]], max_tokens=8, seed=3)
    assert [choice["index"] for choice in several["choices"]] == [0, 1]
    assert several["choices"][0] == by_ids
    assert several["usage"] == {"prompt_tokens": 4, "completion_tokens": 16, "total_tokens": 20}
    found = client.complete(prompt=[lstm.eos_id, *ids], max_tokens=0, echo=True, logprobs=1)["logprobs"]
    assert found["token_logprobs"][0] is None
    assert found["top_logprobs"][0] is None


def test_what_is_written_joins_the_prompt(client):
    found = 0
    for seed in range(6):
        texts = [client.complete(prompt=prompt, seed=seed)["text"] for prompt in ("the cat", "the cat ", "the cat\n")]
        assert not texts[1][:1].isspace()
        assert texts[0].removeprefix(" ") == texts[1]
        assert texts[2][:1] != " "
        found += texts[0].startswith(" ")
    assert found > 0
    assert client.complete(prompt='said "', seed=1)["text"][:1] not in ('"', " ")


def test_an_answer_ends_where_it_is_told_to(client):
    text = client.complete(prompt="the cat", max_tokens=200, seed=1)["text"]
    assert "\n" in text
    line = client.complete(prompt="the cat", max_tokens=200, seed=1, stop="\n")
    assert (line["text"], line["finish_reason"]) == (text.partition("\n")[0], "stop")
    assert client.complete(prompt="the cat", max_tokens=200, seed=1, stop=["<eos>"])["text"] == line["text"]
    sentence = client.complete(prompt="the cat", max_tokens=200, seed=1, sentences=1)
    assert (sentence["text"], sentence["finish_reason"]) == (line["text"] + "\n", "stop")
    inside = text[5:9]
    stopped = client.complete(prompt="the cat", max_tokens=200, seed=1, stop=inside, logprobs=0)
    assert stopped["text"] == text[: text.index(inside)]
    assert all(offset < 7 + len(stopped["text"]) for offset in stopped["logprobs"]["text_offset"])
    assert stopped["logprobs"]["top_logprobs"] == [{}] * len(stopped["logprobs"]["tokens"])


def test_offsets_count_from_the_prompt(client):
    prompt = "İt, 🐟 cafe\u0301"
    for echo in (False, True):
        choice = client.complete(prompt=prompt, max_tokens=9, seed=4, echo=echo, logprobs=0)
        whole = choice["text"] if echo else prompt + choice["text"]
        found = choice["logprobs"]
        ends = [*found["text_offset"][1:], len(whole)]
        for token, begin, end in zip(found["tokens"], found["text_offset"], ends, strict=True):
            if token not in ("<unk>", "<eos>"):
                assert whole[begin:end].strip() == token
        assert found["text_offset"][0] == (0 if echo else len(prompt))


@pytest.mark.parametrize("tokens", ["words", "whitespace", "characters", "bytes"])
@pytest.mark.parametrize("text", ODD)
def test_tokens_are_found_in_the_text_as_it_was_written(tokens, text):
    found = codec(tokens, [*LINES, "café i̇i̇ 🐟 sea"])
    cut = found.tokens(text)
    offsets = offsets_of(text, cut, found)
    assert len(offsets) == len(cut)
    assert offsets == sorted(offsets)
    assert all(0 <= one <= len(text) for one in offsets)
    for token, begin, end in zip(cut, offsets, [*offsets, len(text)][1:], strict=True):
        if token == "<eos>":
            assert not text[begin:end].strip() or text[begin:end].strip() == "</s>"
        elif tokens in ("words", "whitespace"):
            assert found.settings.prepared(text[begin:end]).strip().removeprefix("<s>").strip() == token
    by_ids = Prompt.of_ids(found.encode(text), found)
    assert by_ids.text == found.decode(found.encode(text))
    assert by_ids.offsets == sorted(by_ids.offsets)


def test_text_that_may_begin_a_stop_string_is_held():
    found = codec("characters", ["abcab abd aab"])
    ids = found.encode("aab abd!")
    writer = Writer(found, [], "", 0, ["abd", "xyz"])
    pieces = [writer.add(Token(index, 0)) for index in ids[:7]]
    assert "".join(piece.text for piece in pieces if piece) == "aab "
    assert pieces[0] is None
    assert pieces[-1] is not None
    assert pieces[-1].finish == "stop"
    told = [token.offset for piece in pieces if piece for token in piece.tokens]
    assert told == [0, 1, 2, 3]


def test_bytes_of_a_character_come_together():
    stored = neural("lstm", codec_=codec("bytes", ["é 🐟 é 🐟"]), hidden_size=4)
    ids = stored.codec.encode("é🐟")
    writer = Writer(stored.codec, [], "", 10, [])
    pieces = [writer.add(Token(index, 0)) for index in ids]
    assert "".join(piece.text for piece in pieces if piece) == "é🐟"
    assert [token.offset for piece in pieces if piece for token in piece.tokens] == [10, 10, 11, 11, 11, 11]


@pytest.mark.parametrize(
    ("status", "message", "body"),
    [
        (404, "did you mean 'lstm'", {"model": "lstn"}),
        (400, "did you mean 'max_tokens'", {"max_token": 3}),
        (400, "max_tokens: 5,000, where 4,096 are the most", {"max_tokens": 5000}),
        (400, "temperature", {"temperature": -1}),
        (400, "top_p", {"top_p": 0}),
        (400, "best_of", {"best_of": 3}),
        (400, "frequency_penalty", {"frequency_penalty": 1}),
        (400, "is no token of lstm", {"prompt": [100000]}),
        (400, "prompt", {"prompt": {"a": 1}}),
        (400, "prompt", {"prompt": [[-1]]}),
        (400, "logprobs", {"logprobs": 1000}),
        (400, "in one request", {"n": 2000, "prompt": ["a", "b"]}),
        (413, "where 65,536 are the most", {"prompt": "a " * 70000}),
    ],
)
def test_what_cannot_be_answered_is_refused_in_openais_form(client, status, message, body):
    assert message in client.refused(status, **body)


def test_other_addresses_are_answered_in_the_same_form(client):
    assert "/v1/completions" in client.refused(404, "/v1/chat/completions", messages=[])
    assert "did you mean /v1/completions?" in client.refused(404, "/v1/completion")
    assert "does not take GET" in client.http.get("/v1/completions").json()["error"]["message"]
    for content in (
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b'"a"',
        b'{"temperature": NaN}',
        b'{"prompt": "\\ud800"}',
    ):
        answer = client.http.post("/v1/completions", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 400, (content[:20], answer.text)
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    plain = client.http.post("/v1/completions", content=b'{"prompt": "a"}', headers={"content-type": "text/plain"})
    assert plain.status_code == 400, "a page may send such a request without asking first"


def test_models_and_tokens(client, lstm):
    listed = client.http.get("/v1/models").json()["data"]
    assert [one["id"] for one in listed] == MODELS
    assert client.http.get("/v1/models/gru").json()["id"] == "gru"
    assert client.http.get("/v1/models/none").status_code == 404
    ids = client.post("/tokenize", prompt="The cat sees it.", add_special_tokens=False)["tokens"]
    assert ids == lstm.codec.encode("the cat sees it .")
    assert client.post("/detokenize", tokens=ids)["prompt"] == "the cat sees it."
    assert client.post("/tokenize", prompt="<eos>")["tokens"] == [lstm.eos_id]
    assert client.http.get("/tokenizer_info").json()["eos_token"] == "<eos>"


def test_two_models_of_one_name_are_told_apart(tmp_path):
    from rnn_lm.errors import UserError
    from rnn_lm.serve.served import names_of

    assert names_of([tmp_path / "a" / "lstm", tmp_path / "b" / "lstm"]) == ["a/lstm", "b/lstm"]
    with pytest.raises(UserError, match="given twice"):
        names_of([tmp_path, tmp_path])


def test_where_nothing_may_follow_it_is_said():
    stored = neural("lstm")
    with torch.no_grad():
        stored.model.decoder.bias.fill_(-torch.inf)  # pyright: ignore[reportAttributeAccessIssue]
        stored.model.decoder.bias[stored.vocabulary.unk_id] = 0  # pyright: ignore[reportAttributeAccessIssue]
    client = Client(Models([ServedModel.of(stored, "odd", "d")]))
    with client.http:
        assert "allow_unk" in client.refused(400, prompt="the")
        assert client.complete(prompt="the", allow_unk=True, max_tokens=2)["text"] == " <unk> <unk>"


def test_a_vocabulary_is_not_copied_for_each_request(client, monkeypatch):
    def copied(*_: Any) -> None:
        raise AssertionError("a copy of a large vocabulary takes longer than a hundred words")

    monkeypatch.setattr("rnn_lm.vocabulary.Vocabulary.__deepcopy__", copied, raising=False)
    assert client.complete(prompt="the cat", max_tokens=2)["finish_reason"] == "length"
