"""The probe's results as Markdown, for a terminal, a page of documentation or a report.

python -m rnn_lm.probes.tables FOLDER/probes.json
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnn_lm.files import read_json


def probe_tables(results: Mapping[str, Any]) -> str:
    """Every probe: accuracy by distance with half-lives, and the claims."""
    return "\n\n".join(
        part
        for probe in results["probes"]
        for part in (f"### {probe['label']}", _facts(probe, results), accuracy_table(probe), claims_table(probe))
        if part
    )


def accuracy_table(probe: Mapping[str, Any]) -> str:
    """Models by distances, in percent, with the half-life and its interval."""
    labels = {model["name"]: model["label"] for model in probe["models"]}
    parameters = {model["name"]: model["parameters"] for model in probe["models"]}
    half_lives = {one["model"]: one for one in probe["half_lives"]}
    distances = [point["distance"] for point in probe["curves"][0]["points"]]
    rows = [
        [labels[curve["model"]], f"{parameters[curve['model']]:,}",
         *(f"{100 * point['accuracy']:.0f}" for point in curve["points"]), _half_life(half_lives[curve["model"]])]
        for curve in probe["curves"]
    ]  # fmt: skip
    return _table(["model", "parameters", *(f"d = {distance}" for distance in distances), "half-life"], rows)


def claims_table(probe: Mapping[str, Any]) -> str:
    """Each claim with its effect, interval, p-value and verdict."""
    rows = [
        [claim["statement"], _effect(claim), *_tested(claim), _verdict(claim)] for claim in probe["claims"]
    ]  # fmt: skip
    return _table(["claim", "effect", "95% interval", "p", "verdict"], rows) if rows else ""


def _effect(claim: Mapping[str, Any]) -> str:
    return "–" if claim["effect"] is None else f"{claim['effect']:+.3f} {claim['unit']}"


def _verdict(claim: Mapping[str, Any]) -> str:
    """With the reason, where there was nothing to test."""
    return claim.get("reason", claim["verdict"]) if claim["verdict"] == "not tested" else claim["verdict"]


def _tested(claim: Mapping[str, Any]) -> tuple[str, str]:
    """Interval and p-value, dashes where the claim could not be tested."""
    if claim["low"] is None:
        return "–", "–"
    p_value = f"{claim['p_value']:.4f}" if claim["p_value"] >= 0.0005 else "< 0.0005"
    return f"{claim['low']:+.3f} to {claim['high']:+.3f}", p_value


def _facts(probe: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    example = probe["example"]
    return (
        f"{probe['question']} Chance: {100 * probe['chance']:.3g}%. Distance: {probe['distance_unit']}, trained up to "
        f"{probe['trained_distance']}. {probe['items_per_distance']} items per distance, {len(results['seeds'])} "
        f"seed{'s' if len(results['seeds']) > 1 else ''}. Accuracy in percent.\n\n"
        f"> {example['text']} **{example['right']}** / {example['wrong']}"
    )


def _half_life(one: Mapping[str, Any]) -> str:
    if one["value"] is None or one["value"] > one["longest"]:
        return one["text"]
    if one["low"] is None:
        return one["text"]
    high = f"> {one['longest']}" if one["high"] > one["longest"] else f"{one['high']:.2g}"
    return f"{one['text']} ({one['low']:.2g} to {high})"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print the tables of a long-range probe.")
    parser.add_argument("results", type=Path, help="probes.json, or the results.json of a comparison")
    read = read_json(parser.parse_args().results)
    print(probe_tables(read.get("probes") if isinstance(read.get("probes"), dict) else read))
