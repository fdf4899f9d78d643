"""The contract of a kind of neural language model: one distribution, however it is asked for, and a count that is true.

                               step after step
the same numbers from          forward, and score         with gradients that reach every parameter
                               segments, one after the other
                               a column that was restarted, and one that begins
"""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rnn_lm.checkpoint import BEST, model_tensors, write_checkpoint
from rnn_lm.config import ModelConfig, to_json
from rnn_lm.models.families import family_name, family_of
from rnn_lm.models.family import NeuralFamily
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.padding import IGNORE
from rnn_lm.runs import Run
from rnn_lm.seeding import generator
from rnn_lm.testing.claims import claim, claim_close

WORDS, EMBEDDING, ROWS, BATCH = 23, 12, 13, 3
SHAPES: tuple[dict[str, Any], ...] = ({}, {"hidden_size": EMBEDDING}, {"tie_weights": False})
"""What is counted: a tied decoder behind a projection, one without, and a decoder of its own."""
ENLARGED = 4.0
"""Times as large as at the start that matrices are where small ones would hide what is looked for."""
ADAPTIVE: dict[str, Any] = {"hidden_size": 16, "decoder": "adaptive", "tie_weights": False}


def check_model(family: NeuralFamily | str, **settings: Any) -> None:
    """Check that a kind of neural language model is one: in float64, with few units.

    Args:
        family: it itself, or the name of a model as ``--cell`` has it.
        settings: of ``ModelConfig``, where others than the default ones are to be checked.

    Raises:
        AssertionError: says what does not hold.
    """
    kind = family_of(family) if isinstance(family, str) else family
    name = {"cell": family} if isinstance(family, str) else {}
    values = {"hidden_size": 8, **settings, **name}
    for shape in SHAPES:
        _check_count(kind, ModelConfig(**{**values, **shape}), WORDS)
    _check_count(kind, ModelConfig(**{**values, **ADAPTIVE}), 1000)
    config = ModelConfig(**{**values, "tie_weights": False})
    model = _built(kind, config).double()
    claim(isinstance(model, LanguageModel), "is no LanguageModel: it lacks initial_state, step or score")
    _check_ways_to_read(model)
    _check_restart(enlarged(model))
    _check_gradients(model)
    _check_start(kind, config)
    if isinstance(family, str):
        _check_kept(family, kind, config)


def _built(kind: NeuralFamily, config: ModelConfig, words: int = WORDS) -> NeuralLanguageModel:
    return kind.build(words, EMBEDDING, config, generator(1, "contract"))


def enlarged(model: NeuralLanguageModel) -> NeuralLanguageModel:
    """Return a copy with matrices several times as large.

    Where a model begins with small ones, what it has read before, or what is dropped, moves a product of several of
    them by less than rounding is allowed to.
    """
    model = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:  # biases and rates of decay stay: they say for how long it remembers
                parameter.mul_(ENLARGED)
    return model


def _ids(rows: int = ROWS, seed: int = 2) -> Tensor:
    return torch.randint(WORDS, (rows, BATCH), generator=generator(seed, "contract"))


def _check_count(kind: NeuralFamily, config: ModelConfig, words: int) -> None:
    counted, held = kind.count(words, EMBEDDING, config), _built(kind, config, words)
    numbers = sum(parameter.numel() for parameter in held.parameters())
    claim(counted == numbers, f"counts {counted} numbers, and consists of {numbers} with {config}")


def _check_ways_to_read(model: NeuralLanguageModel) -> None:
    ids_tb = _ids()
    input_tb, target_tb = ids_tb[:-1], ids_tb[1:]
    log_prob_tbv, after = model(input_tb, model.initial_state(BATCH))
    sums_tb = log_prob_tbv.exp().sum(-1)
    claim_close([sums_tb], [torch.ones_like(sums_tb)], "the probabilities of the next word do not sum to 1")
    expected_tb = -log_prob_tbv.gather(2, target_tb.unsqueeze(2)).squeeze(2)
    nll_tb, last = model.score(input_tb, target_tb, model.initial_state(BATCH))
    claim_close([nll_tb, *last], [expected_tb, *after], "score is not what forward gives")
    state, steps = model.initial_state(BATCH), []
    for token_b in input_tb:
        log_prob_bv, state = model.step(token_b, state)
        steps.append(log_prob_bv)
    claim_close([torch.stack(steps), *state], [log_prob_tbv, *after], "forward is not one step after another")
    state, parts = model.initial_state(BATCH), []
    for rows in (slice(0, 4), slice(4, 5), slice(5, None)):
        nll_tb, state = model.score(input_tb[rows], target_tb[rows], state)
        parts.append(nll_tb)
    claim_close([torch.cat(parts), *state], [expected_tb, *after], "segments are not what one reading gives")
    padded_tb, _ = model.score(input_tb, target_tb.index_fill(0, torch.tensor([3]), IGNORE), model.initial_state(BATCH))
    claim(not bool(padded_tb[3].any()), "padding has an NLL that is not 0")


def _check_restart(model: NeuralLanguageModel) -> None:
    before_tb, ids_tb, where_b = _ids(), _ids(7, seed=3), torch.tensor([False, True, False])
    _, state = model.score(before_tb, before_tb, model.initial_state(BATCH))
    found_tb, _ = model.score(ids_tb, ids_tb, model.restarted(state, where_b))
    carried_tb, _ = model.score(ids_tb, ids_tb, state)
    fresh_tb, _ = model.score(ids_tb, ids_tb, model.initial_state(BATCH))
    expected_tb = torch.where(where_b, fresh_tb, carried_tb)
    claim_close([found_tb], [expected_tb], "restarted: a column is not as if nothing, or another as if all, were read")
    claim(not torch.allclose(fresh_tb, carried_tb), "what was read before changes nothing: the state is not used")


def _check_gradients(model: NeuralLanguageModel) -> None:
    ids_tb = _ids()
    nll_tb, _ = model.score(ids_tb[:-1], ids_tb[1:], model.initial_state(BATCH))
    nll_tb.sum().backward()
    idle = [name for name, one in model.named_parameters() if one.grad is None or not bool(one.grad.any())]
    claim(not idle, f"no gradient reaches {', '.join(idle)}")


def _check_start(kind: NeuralFamily, config: ModelConfig) -> None:
    first, second = _built(kind, config), _built(kind, config)
    for name, parameter in first.named_parameters():
        claim(bool(torch.isfinite(parameter).all()), f"{name} is not finite at the start")
        same = torch.equal(parameter, second.get_parameter(name))
        claim(same, f"{name}: the start is drawn from elsewhere than the generator")


def _check_kept(name: str, kind: NeuralFamily, config: ModelConfig) -> None:
    model = _built(kind, config)
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(Path(folder) / BEST, model_tensors(model), {})
        facts = {"model": to_json(config), "embedding_size": EMBEDDING}
        read = kind.load(Run(Path(folder), family_name(name), facts), WORDS)
    for key, value in model.state_dict().items():
        claim(torch.equal(read.state_dict()[key], value), f"{key} is not read back as it was kept")
