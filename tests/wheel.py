"""A script, not a test: what an installed wheel must do in an empty environment. Run it outside of the checkout.

It trains a small n-gram model and a small LSTM, loads them, scores a sentence, and starts the command.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import rnn_lm

assert "site-packages" in rnn_lm.__file__, f"not the installed package: {rnn_lm.__file__}"
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    text = folder / "text.txt"
    text.write_text("".join(f"the {'cat' if i % 2 else 'dog'} sees {i % 7} fish .\n" for i in range(200)))
    rnn_lm.train_ngram(text, out=folder / "ngram", progress=False)
    sizes = {"hidden_size": 8, "embedding_size": 8, "embedding": "random"}
    rnn_lm.train(text, cell="lstm", **sizes, budget="5steps", out=folder / "lstm", progress=False)
    for run in ("ngram", "lstm"):
        figure = rnn_lm.load(folder / run).perplexity("the cat sees 3 fish .")
        assert figure.token_count == 7, figure
        print(run, figure)
    command = Path(sys.executable).with_name("rnn-lm")
    subprocess.run([command, "generate", folder / "lstm", "--length", "5"], check=True)
print("the wheel works")
