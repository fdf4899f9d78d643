"""The page's section on the long-range probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnn_lm.report.figures_probes import (
    attractors_figure,
    distance_figure,
    loads_figure,
    natural_attractors_figure,
    natural_figure,
)
from rnn_lm.report.notes_probes import undecided_because
from rnn_lm.report.results import Results
from rnn_lm.report.sections import Block, Figure, Heading, Paragraph, Section, section
from rnn_lm.report.tables_probes import accuracy_table, claims_table, loads_table, natural_table


@section("probes", position=60)
def probes(results: Results) -> Section | None:
    """Accuracy by distance for each generated language, its claims, and natural pairs."""
    part = results.get("probes")
    if not part:
        return None
    blocks: list[Block] = [
        Paragraph(
            "Generated languages control what real text does not: how far apart the two words are that must agree, and "
            "how many words between them disagree. Every model trains on the same text with about the same number of "
            f"parameters, {len(part['seeds'])} seeds each; every question is asked from the initial state."
        )
    ]
    for probe in part["probes"]:
        blocks += _one_probe(part, probe)
    if "natural" in part:
        blocks += _natural(part["natural"])
    return Section("The long-range probe", "probes", tuple(blocks))


def _one_probe(part: Mapping[str, Any], probe: Mapping[str, Any]) -> list[Block]:
    example, table = probe["example"], accuracy_table(probe)
    blocks: list[Block] = [
        Heading(probe["label"]),
        Paragraph(f"{probe['question']} “{example['text']}” … {example['right']}, not {example['wrong']}."),
        Figure(
            name=f"probe-{probe['name']}",
            chart=distance_figure(part, probe["name"]),
            caption="Accuracy by distance, mean and 95% interval over seeds and questions. The shaded distances stand "
            "in the training text, the others are longer than any; the dashed line is chance.",
            description="Accuracy of each model by distance; the table below holds the figures.",
            numbers=(table,),
        ),
    ]
    if probe["claims"]:
        blocks.append(claims_table(probe))
    blocks += [Paragraph(text) for text in undecided_because(probe)]
    if probe["attractors"]:
        blocks.append(
            Figure(
                name=f"probe-{probe['name']}-attractors",
                chart=attractors_figure(part, probe["name"]),
                caption="Accuracy by the number of nouns in between whose number disagrees, at one distance.",
                description="Accuracy of each model by number of attractors.",
            )
        )
    if probe.get("loads"):
        blocks.append(
            Figure(
                name=f"probe-{probe['name']}-loads",
                chart=loads_figure(part, probe["name"]),
                caption="Accuracy by distance, a panel for how many things have to be kept: along a panel what time "
                "alone costs each model, from panel to panel what load costs it. The dashed line is chance.",
                description="Accuracy of each model by distance and load; the table holds the figures.",
                numbers=(loads_table(probe),),
            )
        )
    return blocks


def _natural(natural: Mapping[str, Any]) -> list[Block]:
    examples = "; ".join(
        f"{one['construction']}: “{one['text']}” {one['right']}, not {one['wrong']}" for one in natural["examples"]
    )
    return [
        Heading("Agreement on the corpus' own words"),
        Paragraph(f"The models compared above, on minimal pairs from their corpus' vocabulary. {examples}."),
        Figure(
            name="probe-natural",
            chart=natural_figure(natural, natural["labels"]),
            caption="Share of pairs whose right verb is more probable, by construction, with 95% intervals over pairs "
            "and seeds.",
            description="Accuracy of each model by construction; the table below holds the figures.",
            numbers=(natural_table(natural),),
        ),
        Figure(
            name="probe-natural-attractors",
            chart=natural_attractors_figure(natural, natural["labels"]),
            caption="The same by number of attractors: nouns in between whose number is not the subject's.",
            description="Accuracy of each model by number of attractors.",
        ),
    ]
