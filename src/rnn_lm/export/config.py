"""The settings of an export."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportConfig:
    """What is to be written."""

    to: str = "hf"
    """For whom: hf (a folder for Hugging Face transformers), onnx or onnx-int8 (a folder for ONNX Runtime), web (a page
    that runs the model), torch (a folder of torch's own weights, and a program), arpa (an n-gram model as text),
    word2vec (the embedding as text); or a target of another package."""
    overwrite: bool = False
    """Replace what is there: a file, or a folder that an export wrote."""
