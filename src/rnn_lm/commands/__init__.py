"""The commands of ``rnn-lm``, one module each: ``Options`` (a dataclass, its fields the flags) and ``run``."""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    "compare": "n-gram, RNN, GRU and LSTM on one corpus: perplexities, claims, samples, a report (the main job)",
    "train": "train one recurrent model",
    "sweep": "search over any settings of train; needs the extra [sweep]",
    "ngram": "train the n-gram baseline; write or read ARPA",
    "embed": "train word2vec on a corpus, or read vectors; show neighbors",
    "evaluate": "perplexity of trained models, or their accuracy on suites of minimal pairs",
    "surprisal": "surprisal of each word of a text, and how well it predicts reading times",
    "generate": "let a model write",
    "serve": "models over HTTP: OpenAI's completions, and sessions; needs the extra [serve]",
    "explore": "look into trained models in a browser: surprisal, units and gates, gradients, writing",
    "export": "a trained model for Hugging Face, ONNX, a web page, torch, ARPA",
    "import": "an ARPA file, or weights of word_language_model or AWD-LSTM, as a run",
    "probe": "the long-range probe: agreement over distance, recall over delay",
    "gradients": "gradient norm by lag, Jacobians, Lyapunov exponents, what clipping does",
    "theory": "the six theory exercises: predicted against measured",
    "cache": "where downloads and tokenized corpora are kept; empty it",
    "report": "make report.html again from results.json",
}
"""Name to what it does, in the order in which a newcomer meets them."""
