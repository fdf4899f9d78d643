"""Every setting of every command, by whether it always does something or in one mode alone."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from rnn_lm.commands import COMMANDS

LSTM = Path(__file__).parent / "golden" / "run-0.1" / "lstm"
"""A trained model."""

ALWAYS = {
    "compare": "seeds models parts workers",
    # data_dir and subwords are refused by the corpora and by their own class.
    "corpus": "corpus data_dir tokens subwords lowercase normalize min_count max_vocabulary",
    "ngram": "boundary arpa from_arpa",
    "embedding": "embedding_size",
    "train": "start_from",
    # last_hidden_size and dropout_recurrent are also refused by their class and by the model.
    "model": "cell hidden_size layers tie_weights decoder "
    "dropout_embedding dropout_input dropout_output dropout_recurrent",
    "training": "budget batch_size bptt_length bptt_spread carry rotate_columns optimizer learning_rate weight_decay "
    "averaging activation_penalty temporal_penalty schedule warmup clip softmax validations valid_tokens patience "
    "checkpoint_seconds seed",
    "generation": "prompt length sentences temperature allow_unk",
    "runtime": "device precision graphs processes",
    "compute": "device",
    "sweep": "space trials pruner storage sampler_seed",
    "embed": "near neighbors",
    "evaluate": "runs suite json",
    "surprisal": "paths policy space set_apart reading_times",
    "generate": "run",
    "explore": "runs text file sample export",
    "export": "run destination to",
    "serve": "runs host port api_key origins hosts streams waiting connections prompt_tokens completion_tokens "
    "body_bytes request_seconds idle_seconds grace_seconds sessions session_megabytes session_seconds state_dir",
    "import": "file vocabulary",
    "probe": "probes models seeds sentences trained_distance distances items workers",
    "gradients": "runs gradients_seed lags warm_up positions bptt_lengths trajectories exponents jacobians "
    "clipping_seeds clipping_steps",
    "theory": "figures theory_seed theory_size theory_steps recall_sizes recall_symbols recall_length recall_task "
    "recall_updates",
    "cache": "clear",
    "report": "results format",
}
"""Table to settings that do something in every mode. A new setting stands here, or has ``only`` in its metadata. What
is agreed to for one call (--resume, --overwrite) is never refused."""

CONDITIONAL = [
    ("compare", "--rnn-learning-rate 1e-3", "", "--models gru lstm", "--models rnn"),
    ("compare", "--rnn-dropout-scale 0.5", "--dropout-input 0.2", "", "--dropout-output above 0"),
    ("compare", "--suites agreement", "--parts probes", "--parts theory", "--parts probes"),
    ("compare", "--order 3", "--models ngram gru", "--models gru", "--models ngram"),
    *(
        ("train", given, "--cell attention", "", "--cell attention")
        for given in (
            "--heads 3",
            "--feed-forward-size 9",
            "--positions alibi",
            "--sharpness constant",
            "--attention-window 9",
        )
    ),
    ("train", "--last-hidden-size 9", "--layers 2", "--layers 2 --cell attention", "another --cell than attention"),
    ("train", "--init-range 0.1", "", "--cell attention", "another --cell than attention"),
    ("compare", "--rnn-dropout-scale 0.5", "--dropout-input 0.2", "--dropout-input 0.2 --models lstm", "--models rnn"),
    ("train", "--encoding cp1252", "--corpus a.txt", "", "--corpus FILE or FOLDER"),
    ("train", "--split 0.8 0.1 0.1", "--corpus a.txt", "--corpus ptb", "--corpus FILE"),
    ("train", "--algorithm cbow", "", "--embedding random", "--embedding word2vec"),
    ("train", "--window 3", "", "--embedding v.txt", "--embedding word2vec"),
    ("embed", "--negatives 3", "", "--embedding v.txt", "--embedding word2vec"),
    ("embed", "--embedding-epochs 3", "", "--embedding v.txt", "--embedding word2vec"),
    ("embed", "--embedding-seed 3", "", "--embedding v.txt", "--embedding word2vec"),
    ("train", "--freeze-embedding", "", "--embedding random", "another --embedding than random"),
    ("train", "--embedding random", "", f"--start-from {LSTM}", "leave out --start-from"),
    ("train", "--window 3", "", f"--start-from {LSTM}", "leave out --start-from"),
    ("train", "--forget-bias 0", "", f"--start-from {LSTM}", "leave out --start-from"),
    ("train", "--init-range 0.1", "", f"--start-from {LSTM}", "leave out --start-from"),
    ("train", "--freeze-embedding", f"--start-from {LSTM}", "--embedding random", "--start-from"),
    ("train", "--engine hand", "", None, ""),
    ("train", "--mogrifier-rounds 3", "--cell mogrifier", "", "--cell mogrifier"),
    (
        "train",
        "--mogrifier-rank 3",
        "--cell mogrifier",
        "--mogrifier-rounds 0 --cell mogrifier",
        "--mogrifier-rounds 1",
    ),
    ("train", "--dropout-between 0.1", "--layers 2", "", "--layers 2 or more"),
    ("train", "--dropout-state 0.1", "", "--cell gru", "--cell lstm, mogrifier, rnn, rnn-relu or slstm"),
    ("train", "--no-read-norm", "--cell deltanet", "--cell mlstm", "--cell deltanet"),
    ("train", "--cap-input-gate", "--cell mogrifier", "--cell gru", "--cell lstm or mogrifier"),
    ("train", "--skip-connections", "--layers 2", "", "--layers 2 or more"),
    ("train", "--skip-connections", "--layers 2", "--layers 2 --cell attention", "another --cell than attention"),
    ("train", "--dropout-masks step", "--dropout-output 0.1", "", "--dropout-input above 0"),
    (
        "train",
        "--forget-bias 0",
        "--cell mogrifier",
        "--cell gru",
        "--cell lstm, minlstm, mlstm, mogrifier, qrnn or slstm",
    ),
    ("train", "--embedding-range 0.1", "", "--init-range 0.1", "leave out --init-range"),
    ("train", "--recurrent-init uniform", "", "--init-range 0.1", "leave out --init-range"),
    ("train", "--recurrent-gain 0.5", "--cell gru", "--recurrent-init uniform", "--recurrent-init orthogonal"),
    ("train", "--averaging-window 3", "--averaging non-monotone", "", "--averaging non-monotone"),
    ("train", "--averaging-share 0.5", "--averaging tail", "--averaging non-monotone", "--averaging tail"),
    ("train", "--adam-beta1 0", "", "--optimizer sgd", "--optimizer adamw"),
    ("train", "--adam-beta2 0.99", "", "--optimizer sgd", "--optimizer adamw"),
    ("train", "--momentum 0.9", "--optimizer sgd", "", "--optimizer sgd"),
    ("train", "--decay-after 1", "--schedule decay", "", "--schedule decay"),
    ("train", "--decay-factor 3", "--schedule decay", "--schedule plateau", "--schedule decay"),
    ("train", "--clip-threshold 3", "--clip value", "--clip none", "--clip norm or value"),
    ("train", "--softmax-samples 9", "", "--softmax exact", "--softmax sampled"),
    ("train", "--exact-share 0.3", "", "--softmax exact", "--softmax sampled"),
    ("train", "--past-decode-penalty 0.1", "--softmax exact", "--softmax sampled", "--softmax exact"),
    ("generate", "--top-k 3", "run", "run --temperature 0", "--temperature above 0"),
    ("generate", "--top-p 0.3", "run", "run --temperature 0", "--temperature above 0"),
    ("generate", "--sample-seed 3", "run", "run --temperature 0", "--temperature above 0"),
    ("generate", "--decoder-precision int8", "run", "run --top-p 0.9", "--top-k"),
    ("generate", "--layer-precision int8", "run --decoder-precision int8", "run", "--decoder-precision int8"),
    ("evaluate", "--split valid", "run", "run --text a.txt", "leave out --text"),
    ("evaluate", "--text a.txt", "run", "run --suite pairs.tsv", "leave out --suite"),
    ("evaluate", "--surprisal x.tsv", "run", "run --suite pairs.tsv", "leave out --suite"),
    ("evaluate", "--adapt cache", "run", "run --suite pairs.tsv", "leave out --suite"),
    ("evaluate", "--suite-results x.tsv", "run --suite pairs.tsv", "run", "--suite"),
    ("evaluate", "--suite-reading word", "run --suite pairs.tsv", "run", "--suite"),
    ("evaluate", "--suite-policy stream", "run --suite pairs.tsv", "run", "--suite"),
    ("evaluate", "--report x.html", "run --suite pairs.tsv", "run", "--suite"),
    ("evaluate", "--encoding cp1252", "run --text a.txt", "run", "--text"),
    *(
        ("surprisal", given, "run a.txt", "run --reading-times stories", "leave out --reading-times")
        for given in ("--out x.tsv", "--previous 2", "--eos", "--column text", "--encoding cp1252")
    ),
    *(
        ("surprisal", given, "run --reading-times stories", "run a.txt", "--reading-times")
        for given in ("--figure x.svg", "--json x.json")
    ),
    ("explore", "--encoding cp1252", "run --file a.txt", "run", "--file"),
    ("explore", "--port 9", "run", "run --export x.html", "leave out --export"),
    ("explore", "--light", "run --export x.html", "run", "--export"),
    ("evaluate", "--policy sentence", "run --surprisal x.tsv", "run", "--surprisal"),
    ("evaluate", "--tune", "run --adapt cache", "run", "--adapt cache, dynamic or both"),
    ("evaluate", "--tune-tokens 9", "run --adapt cache --tune", "run --adapt cache", "--tune"),
    ("evaluate", "--tune-tokens 9", "run --mc-dropout 3 --temperature auto", "run --mc-dropout 3", "--tune"),
    ("evaluate", "--mc-dropout 3", "run", "run --suite pairs.tsv", "leave out --suite"),
    ("evaluate", "--mc-seed 3", "run --mc-dropout 3", "run", "--mc-dropout above 0"),
    ("evaluate", "--temperature auto", "run", "run --suite pairs.tsv", "leave out --suite"),
    ("evaluate", "--adapt-results x.json", "run --adapt cache", "run", "--adapt cache, dynamic or both"),
    ("evaluate", "--adapt-results x.json", "run --temperature 2", "run", "--temperature"),
    ("evaluate", "--adapt-results x.json", "run --mc-dropout 2", "run", "--mc-dropout above 0"),
    *(
        ("evaluate", given, "run --adapt both", f"run --adapt {other}", f"--adapt {own} or both")
        for own, other, settings in (
            ("cache", "dynamic", ("--cache-window 9", "--cache-theta 0.1", "--cache-weight 0.2")),
            ("dynamic", "cache", ("--dynamic-update sgd", "--dynamic-rate 0.1", "--dynamic-decay 0.1")),
            ("dynamic", "cache", ("--dynamic-length 3",)),
        )
        for given in settings
    ),
    *(
        ("import", given, "lm.pt --vocabulary words.txt", "lm.pt", "--vocabulary")
        for given in ("--nonlinearity relu", "--eos </s>", "--unk UNK")
    ),
    ("sweep", "--study-name x", "--space layers=1,2 --storage sqlite:///x", "--space layers=1,2", "--storage"),
    ("probe", "--symbols 8", "--probes recall", "--probes agreement", "--probes recall"),
    ("probe", "--nouns 4", "", "--probes recall", "--probes reference"),
    ("probe", "--steps 9", "--models ngram gru", "--models ngram", "--models rnn"),
    ("probe", "--batch-size 9", "", "--models ngram", "--models rnn"),
    ("gradients", "--cells gru", "", "--runs x", "leave out --runs"),
    ("gradients", "--probe-size 9", "", "--runs x", "leave out --runs"),
    ("gradients", "--probe-budget 9steps", "", "--runs x", "leave out --runs"),
]
"""Command, what is given, a mode in which it does something, one in which it does not (None: with a cell from elsewhere
alone), and what the refusal offers."""

WITHOUT_USE = [
    ("compare", "--boundary stream", "either boundary"),
    ("compare", "--prompt hello", "the corpus's own sentences"),
    ("embed", "--freeze-embedding", "trains no network"),
]
"""Command, what is given, and why the command has no use for it."""


def options_of(command: str) -> type[Any]:
    """The settings of a command."""
    return importlib.import_module(f"rnn_lm.commands.{command}").Options


def all_options() -> dict[str, type[Any]]:
    """The settings of every command."""
    return {command: options_of(command) for command in COMMANDS}
