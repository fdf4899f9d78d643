"""``--to onnx-int8``: the folder of ``--to onnx`` with matrices of 8 bits."""

from __future__ import annotations

from rnn_lm.export.onnx import Onnx

TARGET = Onnx(label="ONNX in 8 bits", precision="int8")
