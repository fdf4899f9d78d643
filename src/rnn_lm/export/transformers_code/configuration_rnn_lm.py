"""The sizes and kinds of a language model that rnn-lm trained."""
# pyright: reportCallIssue=false

from transformers import PretrainedConfig


class RnnLmConfig(PretrainedConfig):
    """Settings of ``RnnLmForCausalLM``.

    Args:
        cell: what its layers are: a name in ``cells_rnn_lm.CELLS``, or "attention".
        vocab_size: V.
        embedding_size: E.
        layer_sizes: hidden units of each layer, from input to output.
        softmax: "full", or "adaptive" (Grave et al. 2017), whose clusters begin at ``cutoffs``.
        tied: whether the decoder is the embedding, transposed.
        cell_options: what the cell needs besides sizes.
        skip_connections: whether the sum of all layers' outputs is decoded, and not the last one's.
        n_positions: how far it can read, which is as far as one likes: programs that cut text ask for it.
    """

    model_type = "rnn_lm"

    def __init__(
        self,
        cell="",
        vocab_size=0,
        embedding_size=0,
        layer_sizes=(),
        softmax="full",
        tied=True,
        cutoffs=(),
        cell_options=None,
        skip_connections=False,
        n_positions=1_048_576,
        bos_token_id=1,
        eos_token_id=1,
        pad_token_id=1,
        **others,
    ):
        self.cell, self.vocab_size, self.embedding_size = cell, vocab_size, embedding_size
        self.layer_sizes, self.softmax, self.tied = list(layer_sizes), softmax, tied
        self.cutoffs, self.cell_options = list(cutoffs), dict(cell_options or {})
        self.skip_connections = skip_connections
        self.n_positions, self.num_hidden_layers = n_positions, len(layer_sizes)
        self.hidden_size = layer_sizes[-1] if layer_sizes else 0
        others["tie_word_embeddings"] = False  # the decoder reads the embedding itself: there is nothing to tie
        super().__init__(bos_token_id=bos_token_id, eos_token_id=eos_token_id, pad_token_id=pad_token_id, **others)

    def require_whole(self):
        """Raise ``ValueError`` where what makes a model is missing; transformers makes configs without anything."""
        sizes = {"vocab_size": self.vocab_size, "embedding_size": self.embedding_size}
        sizes |= {f"layer_sizes[{index}]": size for index, size in enumerate(self.layer_sizes or [None])}
        wrong = [name for name, size in sizes.items() if not isinstance(size, int) or size < 1]
        if wrong or not self.cell:
            raise ValueError(f"config.json: {(wrong or ['cell'])[0]} is missing, or no size; the file is damaged")
