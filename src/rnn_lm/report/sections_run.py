"""The page's sections on the run itself: samples, corpus, and how to run it again."""

from __future__ import annotations

import json

from rnn_lm.report import numbers, tables
from rnn_lm.report.results import EmbeddingResult, Results
from rnn_lm.report.sections import Code, Details, Download, Paragraph, Samples, Section, section
from rnn_lm.report.tables import Table


@section("samples", position=85)
def samples(results: Results) -> Section | None:
    """Every model's continuation of each prompt."""
    groups = tables.samples_by_prompt(results)
    if not groups:
        return None
    how = Paragraph("Text drawn from each model, with the same settings and seed for all.")
    return Section(
        "Samples", "samples", (how, *(Samples(prompt, settings, tuple(texts)) for prompt, settings, texts in groups))
    )


@section("corpus", position=90)
def corpus(results: Results) -> Section | None:
    """Corpus, vocabulary and input vectors."""
    text = results["corpus"]
    facts = {
        "Corpus": text["name"],
        "Source": text["source"],
        "License": text["licence"],
        "Split": text["split"],
        "Tokens": text["tokens"] + (", lower-cased" if text["lowercase"] else ""),
        "Vocabulary": f"{numbers.count(text['vocabulary_size'])} types, seen at least "
        f"{'once' if text['min_count'] == 1 else str(text['min_count']) + ' times'} in train",
    }
    embedding = (_embedding_table(results["embedding"]),) if results["embedding"] else ()
    about = tables.facts_table("The text and its vocabulary", facts)
    return Section("Corpus and vocabulary", "corpus", (about, tables.splits_table(results), *embedding))


def _embedding_table(embedding: EmbeddingResult) -> Table:
    facts = {
        "Source": embedding["source"],
        "Algorithm": embedding["algorithm"],
        "Dimensions": numbers.count(embedding["dimensions"]),
        "Coverage": f"{numbers.share(embedding['covered_types'])} of the vocabulary, "
        f"{numbers.share(embedding['covered_tokens'])} of training tokens",
        "Made in": numbers.duration(embedding["seconds"]),
    }
    return tables.facts_table("The input word vectors", facts)


@section("again", position=95)
def again(results: Results) -> Section | None:
    """Command, versions, seeds, settings and the results file."""
    made = results["made"]
    facts = {
        "Made on": made["date"],
        "Versions": f"rnn_lm {made['rnn_lm']}, PyTorch {made['torch']}, Python {made['python']}",
        "Platform": f"{made['platform']}, {made['threads']} threads{_shared(made.get('workers', 1))}",
        "Took": numbers.duration(made["seconds"]),
        "Seeds": "; ".join(f"{m['label']} {', '.join(map(str, m['seeds']))}" for m in results["models"] if m["seeds"]),
    }
    settings = {model["label"]: model["settings"] for model in results["models"]}
    return Section(
        "Run it again",
        "again",
        (
            Code(made["command"]),
            tables.facts_table("What it ran on", facts),
            Details("Configuration (JSON)", (Code(_json(results["config"])),)),
            Details("Settings of each model (JSON)", (Code(_json(settings)),)),
            Download(results),
        ),
    )


def _shared(workers: int) -> str:
    return f", shared by {workers} models at a time" if workers > 1 else ""


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
