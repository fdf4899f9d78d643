"""``forward`` is what hooks, ``torch.compile`` and ``torch.export`` expect of a module, for every model.

In a process of its own: the checks of shapes that tests switch on are what compilers cannot read.
"""

import json
import subprocess
import sys

import pytest
import torch

from rnn_lm.config import ModelConfig
from rnn_lm.models.families import BASELINE, family_of, model_names
from rnn_lm.seeding import generator

MODELS = [name for name in model_names() if name != BASELINE]
SCRIPT = """
import json, sys
import torch
from rnn_lm.config import ModelConfig
from rnn_lm.models.families import family_of
from rnn_lm.seeding import generator

def build(name):
    config = ModelConfig(cell=name, hidden_size=8, heads=2, mogrifier_rank=3, layers=2)
    return family_of(name).build(23, 6, config, generator(1, "initialization")).double()

def close(found, expected):
    return all(torch.allclose(one, other, atol=1e-12) for one, other in zip(found, expected, strict=True))

ids_tb = torch.randint(23, (4, 2), generator=torch.Generator().manual_seed(1))
result = {}
for name in sys.argv[1:]:
    model = build(name)
    _, state = model(ids_tb[:3], model.initial_state(2))
    with torch.no_grad():
        (log_prob_tbv, after) = model(ids_tb, state)
        (found_tbv, found) = torch.export.export(model.eval(), (ids_tb, state)).module()(ids_tb, state)
    exported = close([found_tbv, *found], [log_prob_tbv, *after])
    plain, compiled = build(name), build(name)
    for owner, run in ((plain, plain), (compiled, torch.compile(compiled, backend="eager", fullgraph=True))):
        run(ids_tb, owner.initial_state(2))[0][..., 3].sum().backward()
    gradients = close([one.grad for one in compiled.parameters()], [one.grad for one in plain.parameters()])
    result[name] = [exported, gradients]
print(json.dumps(result))
"""


@pytest.mark.slow
def test_exported_and_compiled_they_give_the_same_numbers_and_gradients():
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, *MODELS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {name: [True, True] for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
def test_hooks_are_called(name):
    config = ModelConfig(cell=name, hidden_size=8, heads=2, mogrifier_rank=3)
    model, seen = family_of(name).build(23, 6, config, generator(1, "initialization")), []
    model.register_forward_hook(lambda *call: seen.append(call[2][0].shape))
    model(torch.zeros(4, 2, dtype=torch.int64), model.initial_state(2))
    assert seen == [(4, 2, 23)]
