"""What training a model takes in memory at the very least, found out before any of it is asked for."""

from __future__ import annotations

from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.layers.adaptive import LEAST_VOCABULARY
from rnn_lm.limits import require_memory
from rnn_lm.models.families import family_of

BYTES = 4
"""Of a number in float32."""


def require_model_fits(vocabulary_size: int, embedding_size: int, model: ModelConfig, training: TrainingConfig) -> None:
    """Refuse a model whose training cannot fit into this machine's memory.

    Counted are what there is always: weights, gradients, the weights of the best validation, what the optimizer keeps
    of each, and one segment's noise words. What a segment's activations take depends on the text: see
    ``require_segment_fits``.

    Args:
        vocabulary_size: V; 1 where it is not known yet: whether it is too small is found out later.
        embedding_size: E.
        model: the sizes.
        training: the optimizer.

    Raises:
        UserError: names the flags, what they need, and what the machine has.
    """
    smallest = LEAST_VOCABULARY if model.decoder == "adaptive" else 1
    parameters = family_of(model.cell).count(max(vocabulary_size, smallest), embedding_size, model)
    copies = 3 if training.optimizer == "sgd" else 5
    layers = f" --layers {model.layers}" if model.layers > 1 else ""
    rank = f" --mogrifier-rank {model.mogrifier_rank}" if model.cell == "mogrifier" else ""
    require_memory(
        BYTES * copies * parameters,
        f"--hidden-size {model.hidden_size}{layers}{rank} --embedding-size {embedding_size}: training these "
        f"{_count(parameters)} parameters",
    )
    if training.softmax == "sampled":
        width = embedding_size if model.tie_weights else model.layer_sizes[-1]
        require_memory(
            BYTES * training.softmax_samples * (width + 4), f"--softmax-samples {training.softmax_samples}: that many"
        )


def require_segment_fits(tokens: int, embedding_size: int, model: ModelConfig, training: TrainingConfig) -> None:
    """Refuse segments whose activations cannot fit, in a text of ``tokens``; raises ``UserError`` as above."""
    positions = min(training.batch_size * training.bptt_length, tokens)
    # Inputs, and each layer's outputs and their gradients: what any cell keeps, gates not counted.
    width = embedding_size + 2 * sum(model.layer_sizes)
    require_memory(
        BYTES * positions * width,
        f"--batch-size {training.batch_size} --bptt-length {training.bptt_length}: a segment of {_count(positions)} "
        "tokens",
    )


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"{float(number):.1e}"
